"""The translation lookaside buffer: unified, fully associative, first in first out.

FIFO, so that a hit changes nothing: the fast core may keep its own view of the
entries and still miss exactly when the reference core does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from virtdocs.machine.memory import Page

DEFAULT_ENTRIES: Final = 64


@dataclass(slots=True)
class TlbEntry:
    """One 4 KiB page. ``page`` is None where no memory answers (MMIO)."""

    frame: int
    page: Page | None
    writable: bool
    user: bool
    executable: bool
    global_page: bool
    dirty: bool
    pages: int = 1  # how many 4 KiB pages the mapping spans that this one is part of


@dataclass(slots=True)
class Tlb:
    """Entries by virtual page number; ``version`` counts every removal."""

    capacity: int = DEFAULT_ENTRIES
    entries: dict[int, TlbEntry] = field(default_factory=dict)
    version: int = 0
    # The fast core's own views of the entries: what goes here goes there too.
    mirrors: list[dict[int, Any]] = field(default_factory=list)

    def insert(self, page_number: int, entry: TlbEntry) -> None:
        """Add an entry; the oldest goes when the buffer is full."""
        if page_number not in self.entries and len(self.entries) >= self.capacity:
            self.drop(self.oldest)
        self.entries[page_number] = entry

    @property
    def oldest(self) -> int:
        """The page that goes when room is needed; there must be one."""
        return next(iter(self.entries))

    def drop(self, page_number: int) -> None:
        """Forget one page."""
        if self.entries.pop(page_number, None) is not None:
            self.version += 1
            for mirror in self.mirrors:
                mirror.pop(page_number, None)

    def invalidate(self, page_number: int) -> None:
        """invlpg: forget the page, and every other part of the large page that it lies in."""
        if any(entry.pages > 1 for entry in self.entries.values()):
            for number, entry in list(self.entries.items()):
                if number // entry.pages == page_number // entry.pages:
                    self.drop(number)
        else:
            self.drop(page_number)

    def flush(self, keep_global: bool = False) -> None:
        """Forget all pages, or all but the global ones."""
        kept = {n: e for n, e in self.entries.items() if e.global_page} if keep_global else {}
        self.entries.clear()
        self.entries.update(kept)
        self.version += 1
        for mirror in self.mirrors:
            mirror.clear()
