"""Address translation as the CPU sees it: a TLB in front of a walk.

``HardwareMmu`` walks one set of tables: the guest's own (native), or the shadow
tables that a monitor made. What it counts is what the hardware would do: misses,
and each table entry read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, Protocol

from virtdocs.machine.memory import PAGE_SHIFT, Memory
from virtdocs.machine.paging import Access, Translation, walk
from virtdocs.machine.quick_walk import Walked, Walks
from virtdocs.machine.tlb import Tlb, TlbEntry
from virtdocs.machine.traps import Trapped
from virtdocs.machine.walk_cache import WalkCache
from virtdocs.trace import EventKind, Trace

WALK_REFS = (EventKind.WALK_REFS, "")
TLB_MISS = (EventKind.TLB_MISS, "")


class Mmu(Protocol):
    """What the CPU needs of address translation."""

    @property
    def levels(self) -> int:
        """Depth of the page tables that the program on this CPU sees."""

    def find(self, address: int, access: Access, user: bool, write_protect: bool) -> TlbEntry:
        """The page for an access, or #PF."""

    def set_root(self, root: int, keep_global: bool) -> None:
        """Use other tables (cr3 was loaded): ``root`` is a frame number."""

    def invalidate(self, address: int) -> None:
        """Drop the translation of one page (invlpg)."""

    def flush(self) -> None:
        """Drop all translations."""


class HardwareMmu:
    """A TLB and a walk of ``levels`` levels from ``root`` through ``memory``."""

    always_protects = False  # whether CR0.WP counts as set whatever it says

    def __init__(self, memory: Memory, levels: int, tlb: Tlb, trace: Trace) -> None:
        self.memory = memory
        self.levels = levels
        self.tlb = tlb
        self.trace = trace
        self.root = 0
        self.walk_cache: WalkCache | None = None
        self.walks: Walks | None = None  # see ``remember``
        self.remembered: Mapping[Any, Walked] = {}  # of its walks, those that a miss may use

    def use_walk_cache(self, entries: int) -> None:
        """Remember upper levels of walks, so many of them."""
        self.walk_cache = WalkCache(entries)

    def find(self, address: int, access: Access, user: bool, write_protect: bool) -> TlbEntry:
        """Look up or walk; raises #PF."""
        number = address >> PAGE_SHIFT
        entry = self.tlb.entries.get(number)
        if entry is None or not permits(entry, access, user, write_protect):
            entry = self._fill(number, address, access, user, write_protect)
        return entry

    def fill_or_nothing(
        self, number: int, access: Access, user: bool, write_protect: bool, pinned: Set[int]
    ) -> tuple[TlbEntry, Iterable[int]] | None:
        """A miss as in ``find`` when it succeeds, with the frames of tables that it marked.

        None, and nothing has happened, when the walk faults or exits, or when the entry
        would take the place of a pinned page.
        """
        if self.walk_cache is not None:
            return None  # a walk that faults half-way would leave its mark there
        tlb, counts = self.tlb, self.trace.counts
        if tlb.large:
            if not pinned.isdisjoint(tlb.leaving(number)):
                return None
        elif number in tlb.entries:
            if number in pinned:
                return None
        elif len(tlb.entries) >= tlb.capacity and tlb.oldest in pinned:
            return None
        marked: Iterable[int]
        # The same walk as before, most often: looked for here, on the shortest way.
        known = self.remembered.get((self.root, number, access, user, write_protect))
        if known is not None and known.entries.unchanged:
            counts[WALK_REFS] += known.references
            entry, marked = known.entry, ()
        elif quick := self.quick_walk(number, access, user, write_protect):
            entry, marked = quick
        else:
            references = counts[WALK_REFS]
            try:
                found = self.walk(number << PAGE_SHIFT, access, user, write_protect)
            except Trapped:
                counts[WALK_REFS] = references
                return None
            entry, marked = self.entry_for(found), [frame for frame, _ in found.entries]
        tlb.drop(number)
        counts[TLB_MISS] += 1
        tlb.insert(number, entry)
        return entry, marked

    def part(self, number: int) -> TlbEntry | None:
        """A page that has no entry of its own, but lies in a larger one that is cached."""
        if not self.tlb.large or number in self.tlb.entries:
            return None
        return self.tlb.part(number, self.memory.page)

    def cached(self, number: int) -> TlbEntry | None:
        """What the TLB holds for a page, without a walk."""
        return self.tlb.entries.get(number) or self.part(number)

    def quick_walk(
        self, number: int, access: Access, user: bool, write_protect: bool
    ) -> tuple[TlbEntry, Iterable[int]] | None:
        """One hardware walk, counted, when it is a simple one that succeeds; else None.

        With it come the frames of the tables that it may have marked.
        """
        if self.walks is None:
            return None
        found = self.walks.find(self.root, number, access, user, write_protect)
        if found is None:
            return None
        walked, new = found
        self.trace.counts[WALK_REFS] += walked.references
        return walked.entry, [frame for frame, _ in walked.translation.entries] if new else ()

    def remember(self) -> Walks:
        """The fast core is on: walks take the short way where there is one."""
        self.walks = Walks(self.memory, self.levels, self.entry_for)
        self.remembered = self.walks.known
        return self.walks

    def _fill(
        self, number: int, address: int, access: Access, user: bool, write_protect: bool
    ) -> TlbEntry:
        entry = self.part(number)
        if entry is not None and permits(entry, access, user, write_protect):
            return entry
        # A cached entry that forbids the access goes first: the walk decides (SDM §4.10.4.1).
        self.tlb.drop(number)
        self.trace.add(EventKind.TLB_MISS)
        quick = self.quick_walk(number, access, user, write_protect)
        if quick is not None:
            entry, _ = quick
        else:
            entry = self.entry_for(self.walk(address, access, user, write_protect))
        self.tlb.insert(number, entry)
        return entry

    def walk(self, address: int, access: Access, user: bool, write_protect: bool) -> Translation:
        """One hardware walk, counted."""
        return walk(
            self.memory,
            self.root,
            address,
            self.levels,
            access,
            user,
            write_protect=write_protect,
            on_reference=self.count_reference,
            cache=self.walk_cache,
        )

    def count_reference(self, frame: int, index: int) -> None:
        """A table entry was read from memory."""
        self.trace.add(EventKind.WALK_REFS)

    def entry_for(self, translation: Translation) -> TlbEntry:
        """What the TLB keeps of a walk."""
        return TlbEntry(
            translation.frame,
            self.memory.page(translation.frame),
            translation.writable,
            translation.user,
            translation.executable,
            translation.global_page,
            translation.dirty,
            translation.pages,
            translation.reach,
        )

    def set_root(self, root: int, keep_global: bool) -> None:
        """Load the top table's frame and flush."""
        self.root = root
        self.tlb.flush(keep_global)
        self._forget_walks()

    def invalidate(self, address: int) -> None:
        """Drop one page from the TLB."""
        self.tlb.invalidate(address >> PAGE_SHIFT)
        self._forget_walks()

    def flush(self) -> None:
        """Drop everything, global pages too."""
        self.flush_linear()

    def flush_linear(self) -> None:
        """Drop what translates linear addresses: what a VM exit without tags does."""
        self.tlb.flush()
        self._forget_walks()

    def _forget_walks(self) -> None:
        if self.walk_cache is not None:
            self.walk_cache.clear()


def permits(entry: TlbEntry, access: Access, user: bool, write_protect: bool) -> bool:
    """Whether a cached translation allows the access without another walk."""
    if user and not entry.user:
        return False
    if access is Access.WRITE:
        # A first write walks again to set the dirty bit in the table.
        return entry.dirty and (entry.writable or (not user and not write_protect))
    return access is Access.READ or entry.executable


class SoftwareMmu:
    """A monitor's own reading of a guest's tables: no TLB, nothing counted."""

    def __init__(self, memory: Memory, levels: int) -> None:
        self.memory = memory
        self.levels = levels
        self.root = 0

    def find(self, address: int, access: Access, user: bool, write_protect: bool) -> TlbEntry:
        """Walk the guest's tables as its hardware would, A and D bits included."""
        found = walk(
            self.memory, self.root, address, self.levels, access, user, write_protect=write_protect
        )
        page = self.memory.page(found.frame)
        return TlbEntry(
            found.frame, page, found.writable, found.user, found.executable, False, True
        )

    def set_root(self, root: int, keep_global: bool) -> None:
        """Follow the guest's cr3."""
        self.root = root

    def invalidate(self, address: int) -> None:
        """There is nothing cached."""

    def flush(self) -> None:
        """There is nothing cached."""
