"""The micro-TLB: what translated code asks for a page.

Each dictionary leads from a page number to the page's list of words. An entry is
there only while the TLB holds the page and allows the access, so a hit counts
nothing, as in the TLB itself (which is FIFO). A miss is done here exactly when it
succeeds; anything else leaves the trace, and the reference interpreter does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.instructions import BY_NAME
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import (
    PAGE_BYTES,
    PAGE_SHIFT,
    WORDS_PER_PAGE,
    Page,
    PhysicalMemory,
)
from virtdocs.machine.mmu import HardwareMmu, permits
from virtdocs.machine.paging import Access, canonical
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.translate.steps import LAST_PAGE, Mode

PLAIN_ACCESS: Final = Instruction(BY_NAME["mov"], "rm")
MONITOR_ACCESS: Final = Instruction(BY_NAME["mov"], "rm", segment="fs")


class Leave(Exception):
    """Translated code stops before this instruction; the reference interpreter runs it."""


class Words(Protocol):
    """A page's words, or a page that is watched."""

    def __getitem__(self, index: int) -> int:
        """A word."""

    def __setitem__(self, index: int, value: int) -> None:
        """Store a word."""


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


class View(dict[int, Words]):
    """One dictionary; a page that it lacks is looked for when it is asked for."""

    __slots__ = ("find",)

    def __init__(self, find: Callable[[int], Words]) -> None:
        super().__init__()
        self.find = find

    def __missing__(self, number: int) -> Words:
        words = self[number] = self.find(number)
        return words


@dataclass(slots=True)
class Watch:
    """What all views of one CPU share: watched pages, and what must stay in the TLB."""

    memory: PhysicalMemory
    pages: dict[int, WatchedPage] = field(default_factory=dict)  # by the list's identity
    frames: set[int] = field(default_factory=set)  # frames of those pages
    pinned: set[int] = field(default_factory=set)  # page numbers that running traces rely on

    def words(self, page: Page) -> Words:
        """The page, watched if it has to be."""
        return self.pages.get(id(page), page)

    def add(self, entry: TlbEntry, words: set[int], views: Iterable[Views]) -> None:
        """From now on a store to one of these words of the entry's page leaves its trace."""
        page = entry.page
        if page is None:
            return
        self.frames.add(entry.frame)
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
        self.read = View(lambda number: self._page(number, Access.READ))
        self.write = View(lambda number: watch.words(self._page(number, Access.WRITE)))
        self.modify = View(self._modify)
        self.execute: dict[int, TlbEntry] = {}
        for view in (self.read, self.write, self.modify, self.execute):
            mmu.tlb.mirrors.append(view)
            watch.memory.mirrors.append(view)

    def _modify(self, number: int) -> Words:
        """An instruction that reads, then writes: the hardware asks in this order."""
        self.read[number]
        return self.write[number]

    def _page(self, number: int, access: Access) -> Page:
        if number > self.last or not canonical(number << PAGE_SHIFT, self.mmu.levels):
            raise Leave
        entry = self.mmu.tlb.entries.get(number)
        if entry is None or not permits(entry, access, self.user, self.protect):
            entry = self._miss(number, access)
        if self.cpu.guard is not None:
            self.cpu.running = self.running
            self.cpu.guard(entry.frame, access)
        if entry.page is None:
            raise Leave
        return entry.page

    def _miss(self, number: int, access: Access) -> TlbEntry:
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

    def fetched(self, number: int) -> TlbEntry | None:
        """The entry that instruction fetches from this page hit, None when they would miss."""
        entry = self.execute.get(number)
        if entry is None:
            entry = self.mmu.tlb.entries.get(number)
            if entry is None or not permits(entry, Access.FETCH, self.user, self.protect):
                return None
            if self.cpu.guard is not None:
                self.cpu.guard(entry.frame, Access.FETCH)
            self.execute[number] = entry
        return entry
