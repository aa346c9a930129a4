"""Nested page tables as a data structure: who fills them, and when, is nested_paging.py's.

They have the format of the guest's own tables and lie in frames of whoever keeps them:
the host's, or, for a hypervisor that is a guest itself, that guest's memory.
"""

from __future__ import annotations

from collections.abc import Callable

from virtdocs.machine.memory import PAGE_SHIFT, Memory, Page
from virtdocs.machine.paging import FRAME_MASK, LARGE, PRESENT, USER, WRITABLE, index_at
from virtdocs.machine.tlb import LARGE_PAGES


class NestedTables:
    """The tables themselves, in frames of whoever keeps them."""

    def __init__(
        self, memory: Memory, levels: int, allocate: Callable[[], int], root: int | None = None
    ) -> None:
        self.memory = memory
        self.levels = levels
        self.allocate = allocate
        self.root = allocate() if root is None else root

    def map(self, guest_frame: int, host_frame: int, writable: bool = True, level: int = 0) -> None:
        """Set the entry of a guest frame; tables on the way come into being.

        ``level`` 1 is an entry of 2 MiB, whose first frames these are.
        """
        table = self.root
        address = guest_frame << PAGE_SHIFT
        for above in range(self.levels - 1, level, -1):
            table = self._next(table, index_at(address, above))
        rights = PRESENT | USER | (WRITABLE if writable else 0) | (LARGE if level else 0)
        self._page(table)[index_at(address, level)] = host_frame << PAGE_SHIFT | rights

    def entry(self, guest_frame: int) -> int:
        """The entry of a guest frame; 0 where no table leads there."""
        table = self.last_table(guest_frame)
        return 0 if table is None else table[index_at(guest_frame << PAGE_SHIFT, 0)]

    def unmap(self, guest_frame: int) -> None:
        """Forget a guest frame; the caller flushes."""
        table = self.last_table(guest_frame)
        if table is not None:
            table[index_at(guest_frame << PAGE_SHIFT, 0)] = 0

    def protect(self, guest_frame: int) -> None:
        """Take write permission from the entry of a guest frame; the caller flushes."""
        table = self.last_table(guest_frame)
        if table is not None:
            table[index_at(guest_frame << PAGE_SHIFT, 0)] &= ~WRITABLE

    def last_table(self, guest_frame: int) -> Page | None:
        """The last-level table that would map a guest frame, if there is one."""
        table = self.root
        for level in range(self.levels - 1, 0, -1):
            entry = self._page(table)[index_at(guest_frame << PAGE_SHIFT, level)]
            if not entry & PRESENT:
                return None
            if entry & LARGE:
                table = self._split(table, index_at(guest_frame << PAGE_SHIFT, level))
            else:
                table = (entry & FRAME_MASK) >> PAGE_SHIFT
        return self._page(table)

    def divides(self, guest_frame: int) -> bool:
        """Whether some of the 2 MiB around a guest frame have entries of their own."""
        table = self.root
        for level in range(self.levels - 1, 0, -1):
            entry = self._page(table)[index_at(guest_frame << PAGE_SHIFT, level)]
            if not entry & PRESENT or entry & LARGE:
                return False
            table = (entry & FRAME_MASK) >> PAGE_SHIFT
        return True

    def _split(self, table: int, index: int) -> int:
        """Put a table of 4 KiB entries, which say the same, in place of an entry of 2 MiB."""
        page = self._page(table)
        entry, below = page[index], self.allocate()
        entries = self._page(below)
        for part in range(LARGE_PAGES):
            entries[part] = (entry & ~LARGE) + (part << PAGE_SHIFT)
        page[index] = below << PAGE_SHIFT | PRESENT | WRITABLE | USER
        return below

    def _next(self, table: int, index: int) -> int:
        page = self._page(table)
        if not page[index] & PRESENT:
            page[index] = self.allocate() << PAGE_SHIFT | PRESENT | WRITABLE | USER
        elif page[index] & LARGE:
            return self._split(table, index)
        return page[index] >> PAGE_SHIFT & (1 << 40) - 1

    def _page(self, frame: int) -> Page:
        page = self.memory.page(frame)
        assert page is not None
        return page
