"""Two levels of nested tables, made into the one that the hardware walks.

The first level's tables (EPT12) lead from its guest's numbers to its own; the level below
knows the host's frame behind each of those. The hardware has one nested dimension, so it
walks a third set (EPT02) that leads there directly: filled by the hypervisor on the hardware
when an entry is missing, from what the first level's tables say, and from nothing where they
say nothing (multi-dimensional paging: Ben-Yehuda et al. 2010, §3.3; nested EPT in Linux
since 3.12).
"""

from __future__ import annotations

from collections.abc import Callable

from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.paging import FRAME_MASK, INDEX_BITS, PRESENT, WRITABLE, Access
from virtdocs.trace import EventKind, Party, Trace
from virtdocs.vmm.host import Host
from virtdocs.vmm.nested.level_one import LevelOneMemory
from virtdocs.vmm.nested_paging import NestedMmu, NestedPaging
from virtdocs.vmm.nested_tables import NestedTables


class LevelOnePaging:
    """The first level's own nested tables, in its own memory; all its virtual CPUs share them."""

    def __init__(self, memory: LevelOneMemory, levels: int, trace: Trace) -> None:
        self.memory = memory
        self.trace = trace
        self.tables = NestedTables(memory, levels, memory.allocate)
        # Told when an entry that may be in use is taken away: INVEPT.
        self.invalidated: Callable[[], None] = lambda: None

    def fill(self, guest_frame: int) -> bool:
        """Map one frame of its guest; False where that guest has no memory."""
        frame = self.memory.given(guest_frame)
        if frame is None:
            return False
        self.tables.map(guest_frame, frame)
        self.trace.record(EventKind.NESTED_FILL, "", Party.HYPERVISOR, frame=guest_frame, level=1)
        return True

    def unmap(self, guest_frame: int) -> None:
        """Take one frame from its guest."""
        if self.tables.entry(guest_frame):
            self.tables.unmap(guest_frame)
            self.invalidated()


class MergedPaging(NestedPaging):
    """The tables that the hardware walks."""

    def __init__(
        self,
        mmu: NestedMmu,
        host: Host,
        trace: Trace,
        level_one: LevelOnePaging,
        root: int | None = None,
    ) -> None:
        super().__init__(mmu, host.guest_memory, host.monitor_frame, trace, root)
        self.level_one = level_one

    def target(self, guest_frame: int, access: Access) -> tuple[int, bool] | None:
        """The host's frame and whether it may be written, where the first level's tables lead
        to a frame and allow the access."""
        if guest_frame >> INDEX_BITS * self.tables.levels:
            return None  # wider than nested tables translate
        entry = self.level_one.tables.entry(guest_frame)
        writable = bool(entry & WRITABLE)
        if not entry & PRESENT or (access is Access.WRITE and not writable):
            return None
        frame = self.level_one.memory.host_frame((entry & FRAME_MASK) >> PAGE_SHIFT)
        return None if frame is None else (frame, writable)

    def fill(self, guest_frame: int, access: Access = Access.WRITE) -> bool:
        """Map what the first level's tables allow; False where they do not, or lead nowhere."""
        found = self.target(guest_frame, access)
        if found is not None:
            self._map(guest_frame, *found)
        return found is not None

    def unmap(self, guest_frame: int) -> None:
        """The first level takes a frame from its guest: both sets forget it."""
        self.level_one.unmap(guest_frame)
        super().unmap(guest_frame)
