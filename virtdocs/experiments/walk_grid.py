"""How many table entries a page walk reads: counted, for every depth of both tables.

A guest of a few pages, its own tables and the nested ones are put into memory; every
table is filled and nothing is cached. Then the hardware of `vmm.nested_paging` walks
once, and each entry that it reads is noted in order. No formula is used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.memory import MONITOR, PAGE_SHIFT, GuestMemory, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import PRESENT, USER, WRITABLE, Access, index_at
from virtdocs.machine.tlb import Tlb
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.nested_paging import NestedMmu, NestedPaging

DEPTHS: Final = (1, 2, 3, 4, 5)
GUEST_FRAMES: Final = 16
HOST_FRAMES: Final = 64
GUEST: Final = "guest"
PAGE: Final = 12  # the guest frame that the walk ends in, behind the guest's tables
ADDRESS: Final = PAGE << PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk. ``references`` in order: (how many of the guest's own entries had been read,
    level of the table that was read or 0 for a table of the guest's)."""

    guest_levels: int
    nested_levels: int
    references: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Entries read."""
        return len(self.references)


class NotingMmu(NestedMmu):
    """The hardware, with a note of every entry that it reads."""

    def __init__(self, memory: PhysicalMemory, levels: int, nested_levels: int) -> None:
        super().__init__(memory, levels, Tlb(), Trace(), nested_levels)
        self.read: list[int] = []

    def count_reference(self, frame: int, index: int) -> None:
        """Count it, and note in which frame."""
        super().count_reference(frame, index)
        self.read.append(frame)


def nested_walk(guest_levels: int, nested_levels: int) -> Walk:
    """One walk through ``guest_levels`` tables of a guest over ``nested_levels`` of the monitor."""
    host = PhysicalMemory(HOST_FRAMES)
    guest = GuestMemory(host, [host.allocate(GUEST) for _ in range(GUEST_FRAMES)])
    mmu = NotingMmu(host, guest_levels, nested_levels)
    paging = NestedPaging(mmu, guest, lambda: host.allocate(MONITOR), mmu.trace)
    for frame in range(GUEST_FRAMES):
        paging.fill(frame)
    mmu.set_root(_guest_tables(guest, guest_levels), keep_global=False)
    mmu.find(ADDRESS, Access.READ, True, True)
    return Walk(guest_levels, nested_levels, _noted(mmu))


def native_walk(levels: int) -> int:
    """Entries read by one walk of a machine without a monitor."""
    host = PhysicalMemory(HOST_FRAMES)
    guest = GuestMemory(host, [host.allocate(GUEST) for _ in range(GUEST_FRAMES)])
    trace = Trace()
    mmu = HardwareMmu(guest, levels, Tlb(), trace)
    mmu.set_root(_guest_tables(guest, levels), keep_global=False)
    mmu.find(ADDRESS, Access.READ, True, True)
    return trace.total(EventKind.WALK_REFS)


def _guest_tables(guest: GuestMemory, levels: int) -> int:
    """Tables in the guest's first frames, the top one first, that lead to its page; the root."""
    for number, level in enumerate(range(levels - 1, -1, -1)):
        page = guest.page(number)
        assert page is not None
        target = PAGE if level == 0 else number + 1
        page[index_at(ADDRESS, level)] = target << PAGE_SHIFT | PRESENT | WRITABLE | USER
    return 0


def _noted(mmu: NotingMmu) -> tuple[tuple[int, int], ...]:
    """What each frame that was read is, told by its place in the nested tables."""
    levels = _nested_tables(mmu)
    own, found = 0, []
    for frame in mmu.read:
        found.append((own, levels.get(frame, 0)))
        own += frame not in levels
    return tuple(found)


def _nested_tables(mmu: NotingMmu) -> dict[int, int]:
    """Frame of each nested table -> its level, 1 the last."""
    found = {mmu.nested_root: mmu.nested_levels}
    for level in range(mmu.nested_levels, 1, -1):
        for frame in [one for one, at in found.items() if at == level]:
            page = mmu.memory.page(frame) or []
            found |= {entry >> PAGE_SHIFT: level - 1 for entry in page if entry & PRESENT}
    return found
