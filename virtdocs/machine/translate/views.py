"""The micro-TLB: what translated code asks for a page.

Each dictionary leads from a page number to the page's list of words. An entry is
there only while the TLB holds the page and allows the access, so a hit counts
nothing, as in the TLB itself (which is FIFO). A miss is done here exactly when it
succeeds; anything else leaves the trace, and the reference interpreter does it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.instructions import BY_NAME
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import (
    PAGE_BYTES,
    PAGE_SHIFT,
    WORDS_PER_PAGE,
    Page,
    PhysicalMemory,
    load_bytes,
    store_bytes,
)
from virtdocs.machine.mmu import HardwareMmu, permits
from virtdocs.machine.paging import Access, canonical
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.translate.steps import LAST_PAGE, Mode

PLAIN_ACCESS: Final = Instruction(BY_NAME["mov"], "rm")
MONITOR_ACCESS: Final = Instruction(BY_NAME["mov"], "rm", segment="fs")


class Leave(Exception):
    """Translated code stops before this instruction; the reference interpreter runs it."""


def _index_table(size: int) -> list[int]:
    """Offset in a page -> word index, and past the end where ``size`` bytes leave the word."""
    return [
        offset >> 3 if (offset & 7) + size <= 8 else WORDS_PER_PAGE for offset in range(PAGE_BYTES)
    ]


INDEX: Final = {size: _index_table(size) for size in (1, 2, 4, 8)}


@dataclass(slots=True)
class WatchedPage:
    """A page with words that translations depend on: a store to one of them leaves the trace."""

    page: Page
    words: set[int] = field(default_factory=set)

    def __getitem__(self, index: int) -> int:
        return self.page[index]

    def __setitem__(self, index: int, value: int) -> None:
        if index in self.words:
            raise Leave
        self.page[index] = value


View = dict[int, Page | WatchedPage]


@dataclass(slots=True)
class Watch:
    """What all views of one CPU share: watched pages, and what must stay in the TLB."""

    memory: PhysicalMemory
    pages: dict[int, WatchedPage] = field(default_factory=dict)  # by the list's identity
    frames: set[int] = field(default_factory=set)  # frames of those pages
    pinned: set[int] = field(default_factory=set)  # page numbers that running traces rely on

    def words(self, page: Page) -> Page | WatchedPage:
        """The page, watched if it has to be."""
        return self.pages.get(id(page), page)

    def add(self, page: Page, frame: int, words: set[int], views: Iterable[Views]) -> None:
        """From now on a store to one of these words of the page leaves its trace."""
        self.frames.add(frame)
        watched = self.pages.get(id(page))
        if watched is None:
            watched = self.pages[id(page)] = WatchedPage(page)
            for view in (view for one in views for view in (one.write, one.modify)):
                for number in [number for number, known in view.items() if known is page]:
                    view[number] = watched
        watched.words |= words


class Views:
    """The micro-TLB of one CPU at one privilege."""

    def __init__(self, cpu: Cpu, mmu: HardwareMmu, watch: Watch, mode: Mode) -> None:
        self.cpu = cpu
        self.mmu = mmu
        self.watch = watch
        self.user = mode.user
        self.protect = mode.protect
        # What the oracle is told: an access through the monitor's segment, or any other.
        self.running = MONITOR_ACCESS if mode.monitor_data else PLAIN_ACCESS
        # The very last page stays out, so that an address within a view plus eight never wraps.
        self.last = LAST_PAGE - 1 if mode.monitor_data else min(mode.last, LAST_PAGE - 1)
        self.read: View = {}
        self.write: View = {}
        self.modify: View = {}
        self.execute: View = {}
        for view in (self.read, self.write, self.modify, self.execute):
            mmu.tlb.mirrors.append(view)
            watch.memory.mirrors.append(view)

    # What a miss in one of the dictionaries asks for: the page is there afterwards, or Leave.

    def find_read(self, number: int) -> None:
        """A page to read."""
        self.read[number] = self._page(number, Access.READ)

    def find_write(self, number: int) -> None:
        """A page to write; one that is watched comes as such."""
        self.write[number] = self.watch.words(self._page(number, Access.WRITE))

    def find_modify(self, number: int) -> None:
        """A page to read and then write: the hardware asks in this order."""
        if number not in self.read:
            self.find_read(number)
        if number not in self.write:
            self.find_write(number)
        self.modify[number] = self.write[number]

    def fetch(self, number: int) -> Page | WatchedPage:
        """The page that instructions are fetched from."""
        page = self.execute.get(number)
        if page is None:
            page = self.execute[number] = self._page(number, Access.FETCH)
        return page

    def _page(self, number: int, access: Access) -> Page:
        # Code has a limit of its own, which is looked at before a trace begins.
        beyond = number > self.last and access is not Access.FETCH
        if beyond:
            raise Leave
        entry = self.mmu.cached(number)
        if entry is None or not permits(entry, access, self.user, self.protect):
            entry = self._miss(number, access)
        if self.cpu.guard is not None:
            self.cpu.running = self.running
            self.cpu.guard(entry.frame, access)
        if entry.page is None:
            raise Leave
        return entry.page

    def _miss(self, number: int, access: Access) -> TlbEntry:
        if not canonical(number << PAGE_SHIFT, self.mmu.levels):
            raise Leave
        filled = self.mmu.fill_or_nothing(
            number, access, self.user, self.protect, self.watch.pinned
        )
        if filled is None:
            raise Leave
        entry, tables = filled
        if not self.watch.frames.isdisjoint(tables):
            # The walk may have set A or D in a page that is also code: look at it anew.
            raise Leave
        return entry

    def forget(self, address: int) -> None:
        """invlpg, for a page that no running trace relies on and no large one."""
        number = address >> PAGE_SHIFT
        tlb = self.mmu.tlb
        if self.mmu.walk_cache is not None:
            raise Leave
        if number in self.watch.pinned or tlb.large:
            raise Leave
        if any(entry.pages > 1 for entry in tlb.entries.values()):
            raise Leave
        tlb.drop(number)

    def fetched(self, number: int) -> TlbEntry | None:
        """The TLB's entry for fetches from this page, None when they would miss."""
        entry = self.mmu.cached(number)
        if entry is None or not permits(entry, Access.FETCH, self.user, self.protect):
            return None
        return entry


# Accesses that leave their word ----------------------------------------------------------------


def load_across(view: View, address: int, size: int) -> int:
    """``size`` bytes anywhere in one page."""
    offset = address & PAGE_BYTES - 1
    if offset + size > PAGE_BYTES:
        raise Leave
    words = view[address >> PAGE_SHIFT]
    return load_bytes(words.page if isinstance(words, WatchedPage) else words, offset, size)


def store_across(view: View, address: int, size: int, value: int) -> None:
    """Store ``size`` bytes anywhere in one page."""
    offset = address & PAGE_BYTES - 1
    if offset + size > PAGE_BYTES:
        raise Leave
    words = view[address >> PAGE_SHIFT]
    if isinstance(words, WatchedPage):
        first, last = offset >> 3, offset + size - 1 >> 3
        if first in words.words or last in words.words:
            raise Leave
        words = words.page
    store_bytes(words, offset, size, value)
