"""Shadow paging: the hardware walks tables that the monitor derives from the guest's.

Every guest table that is in use is write-protected, so each store into it faults
into the monitor, which performs it and drops the entries that it changed; missing
entries are filled when the hardware faults on them. Shadow tables lie in frames of
the monitor. (Adams & Agesen 2006, §2.4; Waldspurger 2002, §2.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT, GuestMemory, Page, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import (
    ACCESSED,
    DIRTY,
    ERROR_FETCH,
    ERROR_USER,
    ERROR_WRITE,
    FRAME_MASK,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
    Access,
    Translation,
    index_at,
    mark_used,
    walk,
)
from virtdocs.machine.registers import PF
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, ExitReason, Party, Trace

# A table that is written this often without being used is no table any more: the monitor
# stops following it. The threshold is Linux KVM's (arch/x86/kvm/mmu, write flooding).
FLOOD_LIMIT: Final = 3
TOP_SLOT: Final = 511
# A guest may call any frame a table. With so many shadow tables all are dropped and made anew.
TABLE_LIMIT: Final = 1024


class FaultKind(StrEnum):
    """What a hardware page fault turned out to be."""

    FILLED = "filled"  # hidden from the guest: the shadow entry was missing
    GUEST = "guest"  # the guest's own fault
    TABLE_WRITE = "page_table_write"  # a store into a page that the monitor follows
    MMIO = "mmio"  # no memory there: a device, or nothing
    EMULATE = "emulate"  # allowed to the guest, but not to be mapped (CR0.WP clear, monitor's slot)


class ShadowMmu(HardwareMmu):
    """Hardware whose page faults belong to the monitor (SDM vol. 3C §25.6.3)."""

    always_protects = True

    def find(self, address: int, access: Access, user: bool, write_protect: bool) -> TlbEntry:
        """As always, but with CR0.WP forced on, and a fault is an exit."""
        try:
            return super().find(address, access, user, True)
        except Trapped as trapped:
            trap = trapped.trap
            if trap.kind is not TrapKind.FAULT:
                raise
            detail = {"address": address, "error": trap.error or 0}
            exit_ = Trap(TrapKind.EXIT, PF, reason=ExitReason.PAGE_FAULT, detail=detail)
            raise Trapped(exit_) from trapped


@dataclass(slots=True)
class ShadowTable:
    """A table that the hardware walks in place of the guest's table in ``guest_frame``."""

    frame: int
    guest_frame: int | None  # None: splinters of a large page
    level: int
    copy: Page  # the guest's entries as last seen
    parents: set[tuple[int, int]] = field(default_factory=set)
    writes_since_use: int = 0


class ShadowPaging:
    """Keeps shadow tables for one guest, whatever number of virtual CPUs it has."""

    def __init__(
        self,
        host: PhysicalMemory,
        guest: GuestMemory,
        levels: int,
        allocate: Callable[[], int],
        trace: Trace,
    ) -> None:
        self.host = host
        self.guest = guest
        self.levels = levels
        self.allocate = allocate
        self.trace = trace
        self.views: list[ShadowView] = []
        self.tables: dict[tuple[str, int, int, int], ShadowTable] = {}
        self.by_frame: dict[int, ShadowTable] = {}
        self.of_guest: dict[int, list[ShadowTable]] = {}  # by the guest's frame, if there are any
        # Where each host frame is mapped: (shadow table's frame, index).
        self.mapped_at: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
        # Frames followed for another reason than being a table, with what to do after a write.
        self.traced: dict[int, dict[str, Callable[[int], None]]] = {}
        # Moves on whenever the guest's address space may have changed.
        self.generation = 0
        # Root entry that maps the monitor itself (ring deprivileging), None under VMX and SVM.
        self.monitor_entry: int | None = None
        self._to_sync: set[int] = set()

    def view(self, mmu: HardwareMmu) -> ShadowView:
        """What one virtual CPU sees, through its own hardware MMU."""
        view = ShadowView(self, mmu)
        self.views.append(view)
        return view

    def flush_all(self) -> None:
        """No hardware TLB keeps what a shadow entry said: other CPUs are told as well."""
        for view in self.views:
            view.mmu.flush()

    # What the hardware reports ---------------------------------------------------------------

    def handle_fault(
        self, view: ShadowView, address: int, error: int, write_protect: bool
    ) -> tuple[FaultKind, Trap | None]:
        """Sort out a hardware page fault; fills the shadow when that is all it takes."""
        access = Access.READ
        if error & ERROR_WRITE:
            access = Access.WRITE
        elif error & ERROR_FETCH:
            access = Access.FETCH
        user = bool(error & ERROR_USER)
        try:
            found = walk(
                self.guest,
                view.root_frame,
                address,
                self.levels,
                access,
                user,
                write_protect=write_protect,
                mark=False,
            )
        except Trapped as trapped:
            return FaultKind.GUEST, trapped.trap
        # Where the instruction is emulated, it sets accessed and dirty bits itself, in its own
        # order: it may read the very entry that maps what it writes.
        if self.guest.page(found.frame) is None:
            return FaultKind.MMIO, None
        top = index_at(address, self.levels - 1)
        if self.monitor_entry is not None and top == TOP_SLOT:
            return FaultKind.EMULATE, None
        own_table = any(frame == found.frame for frame, _ in found.entries)
        if access is Access.WRITE and (own_table or self.follows(found.frame)):
            return FaultKind.TABLE_WRITE, None
        if access is Access.WRITE and not found.writable:
            return FaultKind.EMULATE, None
        mark_used(self.guest, found, access is Access.WRITE)
        self.walked(found)
        self._fill(view, address, found)
        return FaultKind.FILLED, None

    # What the monitor does for the guest -------------------------------------------------------

    def walked(self, translation: Translation) -> None:
        """The monitor's walk may have set A and D: no change that the shadow must follow."""
        for frame, index in translation.entries:
            if frame not in self.of_guest:
                continue
            page = self.guest.page(frame)
            if page is None:
                continue
            for table in self.of_guest[frame]:
                if (table.copy[index] ^ page[index]) & ~(ACCESSED | DIRTY) == 0:
                    table.copy[index] = page[index]

    def written(self, frame: int) -> None:
        """The monitor writes into a guest frame; ``sync`` follows when it is done."""
        if self.follows(frame):
            self._to_sync.add(frame)

    def sync(self) -> None:
        """Drop the shadow of every guest entry that the monitor's writes changed."""
        while self._to_sync:
            frame = self._to_sync.pop()
            page = self.guest.page(frame)
            for table in sorted(self.of_guest.get(frame, ()), key=lambda one: one.level):
                if page is None:
                    continue
                table.writes_since_use += 1
                for index in differences(table.copy, page):
                    self.generation += 1
                    table.copy[index] = page[index]
                    self._drop(table, index)
                if table.writes_since_use >= FLOOD_LIMIT and not self._in_use(frame):
                    self._forget(table)
            for changed in list(self.traced.get(frame, {}).values()):
                changed(frame)

    def unmap(self, guest_frame: int) -> None:
        """Drop every shadow entry that leads to the host's frame behind a guest frame."""
        host_frame = self.guest.frame_of[guest_frame]
        if host_frame is not None:
            for frame, index in self.mapped_at.pop(host_frame, ()):
                self._page(frame)[index] = 0
        self.generation += 1

    def follows(self, frame: int) -> bool:
        """Whether writes to this guest frame must reach the monitor."""
        return frame in self.traced or frame in self.of_guest

    def follow(self, frame: int, purpose: str, changed: Callable[[int], None]) -> None:
        """Have ``changed(frame)`` called after each write to a guest frame (a trace)."""
        self.traced.setdefault(frame, {})[purpose] = changed
        self._protect(frame)

    def unfollow(self, frame: int, purpose: str) -> None:
        """Stop following; the frame becomes writable at its next fault."""
        followers = self.traced.get(frame, {})
        followers.pop(purpose, None)
        if not followers:
            self.traced.pop(frame, None)

    # Tables -----------------------------------------------------------------------------------

    def _page(self, frame: int) -> Page:
        page = self.host.page(frame)
        assert page is not None
        return page

    def make_room(self) -> None:
        """Drop every shadow table when a fill could pass the limit; roots come back at once."""
        if len(self.tables) + self.levels <= TABLE_LIMIT:
            return
        for table in self.tables.values():
            self.host.release(table.frame)
        self.tables.clear()
        self.by_frame.clear()
        self.of_guest.clear()
        self.mapped_at.clear()
        self.generation += 1
        for view in self.views:
            view.mmu.set_root(self.root(view.root_frame).frame, keep_global=False)

    def _in_use(self, frame: int) -> bool:
        return any(view.root_frame == frame for view in self.views)

    def root(self, frame: int) -> ShadowTable:
        """The top shadow table for a top table of the guest's."""
        root = self._table(("table", frame, self.levels - 1, 0), frame)
        if self.monitor_entry is not None:
            self._page(root.frame)[TOP_SLOT] = self.monitor_entry
        return root

    def _table(self, key: tuple[str, int, int, int], guest_frame: int | None) -> ShadowTable:
        table = self.tables.get(key)
        if table is None:
            page = self.guest.page(guest_frame) if guest_frame is not None else None
            copy = list(page) if page is not None else [0] * 512
            table = ShadowTable(self.allocate(), guest_frame, key[2], copy)
            self.tables[key] = table
            self.by_frame[table.frame] = table
            if guest_frame is not None:
                self.of_guest.setdefault(guest_frame, []).append(table)
                self._protect(guest_frame)
        table.writes_since_use = 0
        return table

    def _protect(self, guest_frame: int) -> None:
        """Take write permission from every shadow entry that maps this frame."""
        host_frame = self.guest.frame_of[guest_frame] if guest_frame < self.guest.frames else None
        if host_frame is None:
            return
        for frame, index in self.mapped_at[host_frame]:
            self._page(frame)[index] &= ~WRITABLE
        self.flush_all()

    def _fill(self, view: ShadowView, address: int, found: Translation) -> None:
        self.make_room()
        table = self.root(view.root_frame)
        for depth, level in enumerate(range(self.levels - 1, 0, -1)):
            index = index_at(address, level)
            own_frame, own_index = found.entries[depth] if depth < len(found.entries) else (0, 0)
            if depth + 1 < len(found.entries):
                guest_frame: int | None = found.entries[depth + 1][0]
                key = ("table", found.entries[depth + 1][0], level - 1, 0)
                rights = self._rights(own_frame, own_index)
            else:
                # Below a large page: a table of our own, one for each range and set of rights.
                guest_frame = None
                own_frame, own_index = found.entries[-1]
                rights = self._rights(own_frame, own_index)
                span = address >> (PAGE_SHIFT + 9 * level)
                key = ("large", own_frame << 9 | own_index, level - 1, span << 4 | rights & 7)
            child = self._table(key, guest_frame)
            page = self._page(table.frame)
            if page[index] & FRAME_MASK != child.frame << PAGE_SHIFT:
                self._drop(table, index)
            page[index] = child.frame << PAGE_SHIFT | PRESENT | rights
            child.parents.add((table.frame, index))
            table = child
        self._fill_leaf(table, address, found)
        view.mmu.invalidate(address)

    def _rights(self, guest_frame: int, index: int) -> int:
        page = self.guest.page(guest_frame)
        assert page is not None
        return page[index] & (WRITABLE | USER | NO_EXECUTE)

    def _fill_leaf(self, table: ShadowTable, address: int, found: Translation) -> None:
        host_frame = self.guest.frame_of[found.frame]
        assert host_frame is not None
        own_frame, own_index = found.entries[-1]
        rights = self._rights(own_frame, own_index)
        # Writable only once the guest's dirty bit is set, and never where writes are followed.
        if not found.dirty or self.follows(found.frame):
            rights &= ~WRITABLE
        index = index_at(address, 0)
        page = self._page(table.frame)
        if page[index] & PRESENT:
            self._drop(table, index)
        page[index] = host_frame << PAGE_SHIFT | PRESENT | rights
        self.mapped_at[host_frame].add((table.frame, index))
        self.trace.record(EventKind.SHADOW_FILL, "", Party.HYPERVISOR, address=address)

    def _drop(self, table: ShadowTable, index: int) -> None:
        page = self._page(table.frame)
        entry = page[index]
        if not entry & PRESENT or (table.level == self.levels - 1 and entry == self.monitor_entry):
            return
        page[index] = 0
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        child = self.by_frame.get(frame)
        if child is not None and table.level > 0:
            child.parents.discard((table.frame, index))
            if child.guest_frame is None and not child.parents:
                # What a large page was split into does not outlive its entry.
                self._forget(child)
        else:
            self.mapped_at[frame].discard((table.frame, index))
        self.flush_all()

    def _forget(self, table: ShadowTable) -> None:
        """Stop following a guest table: unlink it from its parents and give the frame back."""
        for frame, index in list(table.parents):
            self._page(frame)[index] = 0
        for index in range(512):
            self._drop(table, index)
        self.tables = {key: t for key, t in self.tables.items() if t is not table}
        if table.guest_frame is not None:
            same = self.of_guest[table.guest_frame]
            same.remove(table)
            if not same:
                del self.of_guest[table.guest_frame]
        del self.by_frame[table.frame]
        self.host.release(table.frame)
        self.flush_all()


def differences(one: Page, other: Page) -> list[int]:
    """The indexes at which two pages differ; most often there is none."""
    if one == other:
        return []
    return [index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


class ShadowView:
    """The shadow of one virtual CPU: its root, and its hardware MMU."""

    def __init__(self, shared: ShadowPaging, mmu: HardwareMmu) -> None:
        self.shared = shared
        self.mmu = mmu
        self.root_frame = 0  # the guest's

    def activate(self, root: int) -> None:
        """The guest loaded cr3."""
        self.root_frame = root
        self.shared.make_room()
        self.shared.generation += 1
        self.mmu.set_root(self.shared.root(root).frame, keep_global=False)

    def invalidate(self, address: int) -> None:
        """invlpg: the shadow is in step already, only the hardware's TLB is not.

        What a monitor derived from tables that have no shadow may be out of step, too.
        """
        self.shared.generation += 1
        self.mmu.invalidate(address)

    def flush(self) -> None:
        """The guest flushed its TLB."""
        self.shared.generation += 1
        self.mmu.flush()

    def handle_fault(
        self, address: int, error: int, write_protect: bool
    ) -> tuple[FaultKind, Trap | None]:
        """Sort out a hardware page fault of this virtual CPU."""
        return self.shared.handle_fault(self, address, error, write_protect)

    def walked(self, translation: Translation) -> None:
        """The monitor walked the guest's tables."""
        self.shared.walked(translation)

    def written(self, frame: int) -> None:
        """The monitor is about to write into this guest frame for the guest."""
        self.shared.written(frame)

    def sync(self) -> None:
        """Drop the shadow of every guest entry that the monitor's writes changed."""
        self.shared.sync()
