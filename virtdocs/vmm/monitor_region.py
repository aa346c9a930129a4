"""The monitor's own corner of the guest's address space.

A monitor that shares the guest's address space must be mapped there: its tables,
its translation cache, its data. Paging treats rings 0 to 2 alike, so what keeps a
ring-1 kernel out is the segment limit: the region lies above every truncated limit.
(VMware: Bugnion et al. 2012, §3; Xen: Barham et al. 2003, §3.3.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.paging import INDEX_BITS, PRESENT, WRITABLE, index_at

GUEST_LIMIT: Final = 0xFFFF_FFFF  # the last byte that a truncated segment reaches
REGION_PAGES: Final = 512
TOP_SLOT: Final = 511


def region_base(levels: int) -> int:
    """Linear address of the region: the last slot of the top table."""
    span = 1 << PAGE_SHIFT + INDEX_BITS * (levels - 1)
    return (1 << 64) - span


class MonitorRegion:
    """Up to 512 pages at the top of every address space, supervisor only."""

    def __init__(self, memory: PhysicalMemory, levels: int, allocate: Callable[[], int]) -> None:
        self.memory = memory
        self.base = region_base(levels)
        self.levels = levels
        # The chain of tables from the second level down to the one that maps the pages.
        self.table = allocate()
        frame = self.table
        for level in range(1, levels - 1):
            upper = allocate()
            self._page(upper)[index_at(self.base, level)] = frame << PAGE_SHIFT | PRESENT | WRITABLE
            frame = upper
        self.root_entry = frame << PAGE_SHIFT | PRESENT | WRITABLE

    def map(self, number: int, frame: int) -> int:
        """Map ``frame`` as page ``number`` of the region; its linear address."""
        if not 0 <= number < REGION_PAGES:
            raise ValueError("the monitor's region is full")
        self._page(self.table)[number] = frame << PAGE_SHIFT | PRESENT | WRITABLE
        return self.base + (number << PAGE_SHIFT)

    def _page(self, frame: int) -> list[int]:
        page = self.memory.page(frame)
        assert page is not None
        return page
