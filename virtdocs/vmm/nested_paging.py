"""Nested paging (Intel EPT, AMD NPT): the hardware walks two sets of tables.

Each reference to a guest table, and the final address, is itself translated by the
nested tables, so an n-level walk over m nested levels reads (n+1)(m+1)-1 entries
(Bhargava et al. 2008, §2). The nested tables lie in the monitor's frames. A nested entry
may map 2 MiB at once (EPT: bit 7, SDM vol. 3C §29.3.2; NPT: PS, APM vol. 2 §15.25): then
each nested walk is one level shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from virtdocs.machine.memory import PAGE_SHIFT, GuestMemory, PhysicalMemory
from virtdocs.machine.mmu import WALK_REFS, HardwareMmu
from virtdocs.machine.paging import INDEX_BITS, Access, Translation, walk
from virtdocs.machine.quick_walk import (
    REMEMBERED,
    Entries,
    FrameFound,
    Leaf,
    Read,
    Walks,
    quick_frame,
)
from virtdocs.machine.registers import PF
from virtdocs.machine.tlb import LARGE_PAGES, Tlb, TlbEntry
from virtdocs.machine.traps import Trap, TrapKind, Trapped, fault
from virtdocs.machine.walk_cache import WalkCache
from virtdocs.trace import EventKind, ExitReason, Party, Trace
from virtdocs.vmm.host import GUEST
from virtdocs.vmm.nested_tables import NestedTables


class NestedMmu(HardwareMmu):
    """Hardware with a second level of translation. ``memory`` is host-physical."""

    def __init__(
        self, memory: PhysicalMemory, levels: int, tlb: Tlb, trace: Trace, nested_levels: int
    ) -> None:
        super().__init__(memory, levels, tlb, trace)
        self.nested_levels = nested_levels
        self.nested_root = 0
        # Writes are logged: a translation found by a read says nothing about writing, as the
        # nested entry may be read-only (combined mappings, SDM vol. 3C §29.4.1).
        self.logged = False
        # Guest-physical mappings, beside the combined ones (SDM vol. 3C §29.4.1).
        self.nested_cache: WalkCache | None = None
        # Guest frames that the fast core has found, by nested root and access.
        self.frames: dict[tuple[int, int, Access], FrameFound] = {}

    def use_walk_cache(self, entries: int) -> None:
        """One cache for each dimension."""
        super().use_walk_cache(entries)
        self.nested_cache = WalkCache(entries)

    def flush(self) -> None:
        """Drop everything, guest-physical mappings too (invept)."""
        super().flush()
        if self.nested_cache is not None:
            self.nested_cache.clear()

    def walk(self, address: int, access: Access, user: bool, write_protect: bool) -> Translation:
        """A two-dimensional walk; a missing nested entry is a VM exit, not a page fault."""
        found = walk(
            self.memory,
            self.root,
            address,
            self.levels,
            access,
            user,
            write_protect=write_protect,
            on_reference=self.count_reference,
            table_frame=self._table_frame,
            cache=self.walk_cache,
        )
        found.frame, reach = self.nested_walk(found.frame, access)
        # A combined mapping is no larger than the smaller of both pages (SDM vol. 3C §29.4.1).
        found.reach = min(found.reach, reach)
        if self.logged and access is not Access.WRITE:
            found.dirty = False
        return found

    def quick_walk(
        self, number: int, access: Access, user: bool, write_protect: bool
    ) -> tuple[TlbEntry, Iterable[int]] | None:
        """As on hardware without nested tables; none while writes are logged."""
        return None if self.logged else super().quick_walk(number, access, user, write_protect)

    def remember(self) -> Walks:
        """A short walk goes through both dimensions."""
        self.walks = Walks(self.memory, self.levels, self.entry_for, self._below)
        assert isinstance(self.memory, PhysicalMemory)
        self.memory.mirrors.append(self.frames)
        self.log_writes(self.logged)
        return self.walks

    def log_writes(self, on: bool) -> None:
        """From now on a write's first access to a page is wanted to be known, or not any more."""
        self.logged = on
        self.remembered = {} if on or self.walks is None else self.walks.known

    def _below(self, guest_frame: int, access: Access, reads: list[Read]) -> Leaf | None:
        """The host frame where finding it is simple: by what was found before, else by a walk."""
        key = (self.nested_root, guest_frame, access)
        known = self.frames.get(key)
        if known is not None and known.entries.unchanged:
            reads += known.reads
            return known.leaf
        levels = self.nested_levels
        if guest_frame >> INDEX_BITS * levels:
            return None
        steps: list[Read] = []
        leaf = quick_frame(self.memory, self.nested_root, guest_frame, levels, access, steps)
        if leaf is not None:
            if len(self.frames) >= REMEMBERED:
                self.frames.clear()
            self.frames[key] = FrameFound(leaf, tuple(steps), Entries.read(steps))
            reads += steps
        return leaf

    def _table_frame(self, guest_frame: int) -> int:
        # The walker writes accessed and dirty bits, so a table needs a writable mapping
        # (SDM vol. 3C §29.3.5).
        return self.nested_walk(guest_frame, Access.WRITE)[0]

    def nested_walk(self, guest_frame: int, access: Access) -> Leaf:
        """Host frame of a guest frame; raises the exit for a missing or read-only entry."""
        reads: list[Read] = []
        quick = self._below(guest_frame, access, reads) if self.walks is not None else None
        if quick is not None:
            self.trace.counts[WALK_REFS] += len(reads)
            return quick
        try:
            if guest_frame >> INDEX_BITS * self.nested_levels:
                raise fault(PF)  # wider than the nested tables translate
            found = walk(
                self.memory,
                self.nested_root,
                guest_frame << PAGE_SHIFT,
                self.nested_levels,
                access,
                True,
                on_reference=self.count_reference,
                cache=self.nested_cache,
            )
            return found.frame, found.reach
        except Trapped as trapped:
            detail = {"guest_physical": guest_frame << PAGE_SHIFT, "access": int(access)}
            exit_ = Trap(TrapKind.EXIT, reason=ExitReason.NESTED_FAULT, detail=detail)
            raise Trapped(exit_) from trapped


class WriteLog(Protocol):
    """Who wants to know which guest frames are written."""

    def written(self, frame: int) -> None:
        """A guest frame is about to be written."""


class NestedPaging:
    """The monitor's side: nested tables, filled when the hardware misses an entry.

    With ``large``, an entry maps 2 MiB where the host's frames behind them lie in a row and
    are the guest's. It is split where one of its frames is wanted alone: given back to the
    host, or write-protected to log it (as Linux KVM does, arch/x86/kvm/mmu). What was split
    stays so.
    """

    def __init__(
        self,
        mmu: NestedMmu,
        guest: GuestMemory,
        allocate: Callable[[], int],
        trace: Trace,
        root: int | None = None,
        *,
        large: bool = False,
    ) -> None:
        self.mmu = mmu
        self.guest = guest
        self.trace = trace
        # All virtual CPUs of a guest share the nested tables of the first.
        self.tables = NestedTables(mmu.memory, mmu.nested_levels, allocate, root)
        self.root = self.tables.root
        self.large = large
        mmu.nested_root = self.root
        self._log: WriteLog | None = None

    @property
    def log(self) -> WriteLog | None:
        """Who wants to know of each frame's first write."""
        return self._log

    @log.setter
    def log(self, log: WriteLog | None) -> None:
        self._log = log
        self.mmu.log_writes(log is not None)

    def fill(self, guest_frame: int, access: Access = Access.WRITE) -> bool:
        """Map one guest frame; False where the guest has no memory (a device, or nothing).

        While writes are logged, an access that is no write gets a read-only entry.
        """
        if not 0 <= guest_frame < self.guest.frames:
            return False
        if self.guest.frame_of[guest_frame] is None:
            self.guest.page(guest_frame)  # one that was given to the host may come back
        host_frame = self.guest.frame_of[guest_frame]
        if host_frame is None or not self.owns(host_frame):
            return False
        writes = access is Access.WRITE
        if writes:
            self.written(guest_frame)
        if self.large and self._log is None and self._in_a_row(guest_frame, host_frame):
            part = guest_frame & LARGE_PAGES - 1
            self._map(guest_frame - part, host_frame - part, level=1)
        else:
            self._map(guest_frame, host_frame, writable=writes or self._log is None)
        return True

    def _in_a_row(self, guest_frame: int, host_frame: int) -> bool:
        """Whether the 2 MiB around a guest frame are 2 MiB of the host's, and all the guest's."""
        part = guest_frame & LARGE_PAGES - 1
        first, behind = guest_frame - part, host_frame - part
        if behind & LARGE_PAGES - 1 or self.tables.divides(guest_frame):
            return False
        return self.guest.frame_of[first : first + LARGE_PAGES] == list(
            range(behind, behind + LARGE_PAGES)
        ) and all(self.owns(behind + one) for one in range(LARGE_PAGES))

    def protect_all(self) -> None:
        """Take write permission from the nested entry of every frame of the guest's memory."""
        for guest_frame in range(self.guest.frames):
            self.tables.protect(guest_frame)

    def unmap(self, guest_frame: int) -> None:
        """Forget a guest frame; the caller flushes."""
        self.tables.unmap(guest_frame)

    def assign(self, frame: int) -> None:
        """Registers of a device that the guest has for itself: the same frame on both sides."""
        self._map(frame, frame)

    def _map(
        self, guest_frame: int, host_frame: int, writable: bool = True, level: int = 0
    ) -> None:
        self.tables.map(guest_frame, host_frame, writable, level)
        self.trace.record(EventKind.NESTED_FILL, "", Party.HYPERVISOR, frame=guest_frame)

    def owns(self, host_frame: int) -> bool:
        """Whether the frame is the guest's: checked at each entry, not only when it was given."""
        return self.guest.host.owners.get(host_frame) == GUEST

    def activate(self, root: int) -> None:
        """The guest's cr3 is the hardware's own: nothing to build."""
        self.mmu.set_root(root, keep_global=False)

    def invalidate(self, address: int) -> None:
        """Drop one page."""
        self.mmu.invalidate(address)

    def flush(self) -> None:
        """Drop all pages."""
        self.mmu.flush()

    def walked(self, translation: Translation) -> None:
        """A and D bits lie in the guest's own tables: the hardware sees them."""

    def written(self, frame: int) -> None:
        """A guest frame is about to be written: only a log of writes wants to know."""
        if self._log is not None:
            self._log.written(frame)
