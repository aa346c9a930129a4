"""How many table entries a page walk reads: counted, for every depth of both tables.

A guest of a few pages, its own tables and the nested ones are put into memory; every
table is filled and nothing is cached. Then the hardware of `vmm.nested_paging` walks
once, and each entry that it reads is noted in order. No formula is used here. The last entry
on either side may map 2 MiB: then there is no table below it, and a level less to walk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.memory import MONITOR, PAGE_SHIFT, GuestMemory, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import LARGE, PRESENT, USER, WRITABLE, Access, index_at
from virtdocs.machine.tlb import LARGE_PAGES, Tlb
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.nested_paging import NestedMmu, NestedPaging

DEPTHS: Final = (1, 2, 3, 4, 5)
GUEST_FRAMES: Final = 16
HOST_FRAMES: Final = 64
GUEST: Final = "guest"
PAGE: Final = 12  # the guest frame that the walk ends in, behind the guest's tables
ADDRESS: Final = PAGE << PAGE_SHIFT
LARGE_GUEST: Final = 2 * LARGE_PAGES  # frames: the tables in the first 2 MiB, a page in the second


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk through so many levels. ``references`` in order: (how many of the guest's own
    entries had been read, level of the table that was read or 0 for a table of the guest's)."""

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


def nested_walk(
    guest_levels: int, nested_levels: int, *, guest_large: bool = False, nested_large: bool = False
) -> Walk:
    """One walk through ``guest_levels`` tables of a guest over ``nested_levels`` of the monitor;
    a level less where pages are large, which takes two levels at least."""
    host, guest = _memory(guest_large or nested_large)
    mmu = NotingMmu(host, guest_levels, nested_levels)
    paging = NestedPaging(mmu, guest, lambda: host.allocate(MONITOR), mmu.trace, large=nested_large)
    for frame in range(guest.frames):
        paging.fill(frame)
    mmu.set_root(_guest_tables(guest, guest_levels, guest_large), keep_global=False)
    mmu.find(ADDRESS, Access.READ, True, True)
    return Walk(guest_levels - guest_large, nested_levels - nested_large, _noted(mmu))


def native_walk(levels: int, *, large: bool = False) -> int:
    """Entries read by one walk of a machine without a monitor."""
    _, guest = _memory(large)
    trace = Trace()
    mmu = HardwareMmu(guest, levels, Tlb(), trace)
    mmu.set_root(_guest_tables(guest, levels, large), keep_global=False)
    mmu.find(ADDRESS, Access.READ, True, True)
    return trace.total(EventKind.WALK_REFS)


def _memory(large: bool) -> tuple[PhysicalMemory, GuestMemory]:
    frames = LARGE_GUEST if large else GUEST_FRAMES
    host = PhysicalMemory(HOST_FRAMES + frames)
    return host, GuestMemory(host, [host.allocate(GUEST) for _ in range(frames)])


def _guest_tables(guest: GuestMemory, levels: int, large: bool) -> int:
    """Tables in the guest's first frames, the top one first, that lead to its page; the root."""
    last = 1 if large else 0
    for number, level in enumerate(range(levels - 1, last - 1, -1)):
        page = guest.page(number)
        assert page is not None
        entry = (number + 1) << PAGE_SHIFT
        if level == last:
            entry = LARGE_PAGES << PAGE_SHIFT | LARGE if large else PAGE << PAGE_SHIFT
        page[index_at(ADDRESS, level)] = entry | PRESENT | WRITABLE | USER
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
    """Frame of each nested table -> its level, 1 the last that there is."""
    found = {mmu.nested_root: mmu.nested_levels}
    for level in range(mmu.nested_levels, 1, -1):
        for frame in [one for one, at in found.items() if at == level]:
            page = mmu.memory.page(frame) or []
            tables = [entry for entry in page if entry & PRESENT and not entry & LARGE]
            found |= {entry >> PAGE_SHIFT: level - 1 for entry in tables}
    last = min(found.values())
    return {frame: level - last + 1 for frame, level in found.items()}
