"""The translation lookaside buffer: fully associative, first in first out.

FIFO, so that a hit changes nothing: the fast core may keep its own view of the
entries and still miss exactly when the reference core does. Translations of 2 MiB have
places of their own, one each, as on Intel's processors (SDM vol. 2A, CPUID leaf 2,
descriptor 5AH); one of 1 GiB is kept as pieces of 2 MiB, which the manual allows (SDM
vol. 3A §4.10.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from virtdocs.machine.memory import Page

DEFAULT_ENTRIES: Final = 64
LARGE_ENTRIES: Final = 32
LARGE_SHIFT: Final = 9  # 4 KiB pages in a translation of 2 MiB, as a power of two
LARGE_PAGES: Final = 1 << LARGE_SHIFT


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
    pages: int = 1  # how many 4 KiB pages the program's mapping spans that this one is part of
    reach: int = 1  # how many of them the hardware keeps with it as one translation


@dataclass(slots=True)
class LargeEntry:
    """One translation of 2 MiB, and those of its 4 KiB parts that were asked for."""

    entry: TlbEntry  # its first part
    parts: dict[int, TlbEntry] = field(default_factory=dict)  # by page number


@dataclass(slots=True)
class Tlb:
    """Entries by virtual page number; ``version`` counts every removal."""

    capacity: int = DEFAULT_ENTRIES
    entries: dict[int, TlbEntry] = field(default_factory=dict)
    version: int = 0
    # The fast core's own views of the entries: what goes here goes there too.
    mirrors: list[dict[int, Any]] = field(default_factory=list)
    large_capacity: int = LARGE_ENTRIES
    large: dict[int, LargeEntry] = field(default_factory=dict)  # by page number / 512

    def insert(self, page_number: int, entry: TlbEntry) -> None:
        """Add an entry; the oldest of its size goes when there is no room."""
        if entry.reach > 1:
            self._insert_large(page_number, entry)
            return
        if page_number not in self.entries and len(self.entries) >= self.capacity:
            self._drop_small(self.oldest)
        self.entries[page_number] = entry

    def _insert_large(self, page_number: int, entry: TlbEntry) -> None:
        key, part = page_number >> LARGE_SHIFT, page_number & LARGE_PAGES - 1
        if key in self.large:
            self._drop_large(key)
        elif len(self.large) >= self.large_capacity:
            self._drop_large(next(iter(self.large)))
        first = replace(entry, frame=entry.frame - part, page=None)
        self.large[key] = LargeEntry(first, {page_number: entry})

    def part(self, page_number: int, page_of: Callable[[int], Page | None]) -> TlbEntry | None:
        """The 4 KiB page of a translation of 2 MiB that covers it, if one is kept."""
        large = self.large.get(page_number >> LARGE_SHIFT)
        if large is None:
            return None
        part = large.parts.get(page_number)
        if part is None:
            frame = large.entry.frame + (page_number & LARGE_PAGES - 1)
            part = replace(large.entry, frame=frame, page=page_of(frame))
            large.parts[page_number] = part
        return part

    @property
    def oldest(self) -> int:
        """The 4 KiB page that goes when room is needed; there must be one."""
        return next(iter(self.entries))

    def leaving(self, page_number: int) -> Iterable[int]:
        """The pages that may go when the translation of one is found anew."""
        if page_number in self.entries:
            yield page_number
        elif len(self.entries) >= self.capacity:
            yield self.oldest
        if self.large:
            old = self.large.get(page_number >> LARGE_SHIFT)
            if old is not None:
                yield from old.parts
            elif len(self.large) >= self.large_capacity:
                yield from next(iter(self.large.values())).parts

    def drop(self, page_number: int) -> None:
        """Forget one page, and the larger one that it is part of."""
        if page_number in self.entries:
            self._drop_small(page_number)
        if self.large and page_number >> LARGE_SHIFT in self.large:
            self._drop_large(page_number >> LARGE_SHIFT)

    def _drop_small(self, page_number: int) -> None:
        del self.entries[page_number]
        self.version += 1
        for mirror in self.mirrors:
            mirror.pop(page_number, None)

    def _drop_large(self, key: int) -> None:
        parts = self.large.pop(key).parts
        self.version += 1
        for mirror in self.mirrors:
            for page_number in parts:
                mirror.pop(page_number, None)

    def invalidate(self, page_number: int) -> None:
        """invlpg: forget the page, and every other part of the large page that it lies in."""
        if self.large or any(entry.pages > 1 for entry in self.entries.values()):
            for number, entry in list(self.entries.items()):
                if number // entry.pages == page_number // entry.pages:
                    self._drop_small(number)
            for key, large in list(self.large.items()):
                pages = large.entry.pages
                if (key << LARGE_SHIFT) // pages == page_number // pages:
                    self._drop_large(key)
        self.drop(page_number)

    def flush(self, keep_global: bool = False) -> None:
        """Forget all pages, or all but the global ones."""
        kept = {n: e for n, e in self.entries.items() if e.global_page} if keep_global else {}
        large = {n: e for n, e in self.large.items() if e.entry.global_page} if keep_global else {}
        self.entries.clear()
        self.entries.update(kept)
        self.large.clear()
        self.large.update(large)
        self.version += 1
        for mirror in self.mirrors:
            mirror.clear()
