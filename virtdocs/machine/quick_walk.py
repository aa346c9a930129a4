"""The page walk for the fast core: the same entries read and marked, without detours.

It does only walks that succeed, through tables that are memory, to pages of 4 KiB or
2 MiB; for all others it answers None and has changed nothing, and ``paging.walk`` decides.
What a walk read is remembered: while each entry is as it was left, the same walk
reads the same and marks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import getitem
from typing import Any, Final

from virtdocs.machine.memory import PAGE_SHIFT, Memory, Page
from virtdocs.machine.paging import (
    ACCESSED,
    DIRTY,
    FRAME_MASK,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
    Access,
    Translation,
)
from virtdocs.machine.tlb import LARGE_PAGES, LARGE_SHIFT, TlbEntry

# An entry that was read: its table, its index, and its value after the walk.
Read = tuple[Page, int, int]
# A frame, and how many 4 KiB pages the entry that led to it maps.
Leaf = tuple[int, int]
# Guest frame and access -> the frame that holds it; None when that takes more than a walk.
# What it reads is added to the list.
Below = Callable[[int, Access, list[Read]], Leaf | None]
REMEMBERED: Final = 2048  # walks of one MMU, and as many frames


@dataclass(frozen=True, slots=True)
class Entries:
    """Table entries as a walk left them."""

    tables: tuple[Page, ...]
    indexes: tuple[int, ...]
    values: list[int]

    @classmethod
    def read(cls, reads: Sequence[Read]) -> Entries:
        """Those that were read, at what they are by now: the walk may have marked them."""
        tables, indexes, _ = zip(*reads, strict=True)
        return cls(tables, indexes, list(map(getitem, tables, indexes)))

    @property
    def unchanged(self) -> bool:
        """Whether the same walk would read the same, and mark none."""
        return list(map(getitem, self.tables, self.indexes)) == self.values


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk that succeeded."""

    translation: Translation
    entry: TlbEntry  # what it leads to, as the MMU that walked keeps it
    references: int  # how many entries it read
    entries: Entries


@dataclass(frozen=True, slots=True)
class FrameFound:
    """A walk that led to a frame and marked nothing."""

    leaf: Leaf
    reads: tuple[Read, ...]
    entries: Entries


@dataclass(slots=True)
class Walks:
    """The walks of one MMU, remembered.

    ``known`` has to be among the memory's mirrors: an entry says nothing any more once a
    frame has changed hands.
    """

    memory: Memory
    levels: int
    entry_for: Callable[[Translation], TlbEntry]
    below: Below | None = None
    known: dict[Any, Walked] = field(default_factory=dict)

    def find(
        self, root: int, number: int, access: Access, user: bool, write_protect: bool
    ) -> tuple[Walked, bool] | None:
        """As ``quick_walk``, and whether it is new: entries may have been marked."""
        key = (root, number, access, user, write_protect)
        known = self.known.get(key)
        if known is not None and known.entries.unchanged:
            return known, False
        reads: list[Read] = []
        found = quick_walk(
            self.memory, root, number, self.levels, access, user, write_protect, self.below, reads
        )
        if found is None:
            return None
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        references = len(reads)
        if self.below is not None:
            # Both dimensions read the upper nested entries over and over: once is enough here.
            reads = list({(id(read[0]), read[1]): read for read in reads}.values())
        entry = self.entry_for(found)
        walked = self.known[key] = Walked(found, entry, references, Entries.read(reads))
        return walked, True


def quick_walk(
    memory: Memory,
    root: int,
    number: int,
    levels: int,
    access: Access,
    user: bool,
    write_protect: bool,
    below: Below | None = None,
    reads: list[Read] | None = None,
) -> Translation | None:
    """Translate page ``number``; None where it is not as easy as that."""
    frame, span, reach = root, 1, LARGE_PAGES
    every, any_ = -1, 0
    reads = [] if reads is None else reads
    tables: list[tuple[Page, int]] = []
    entries = []
    for shift in range(9 * (levels - 1), -1, -9):
        here = frame
        if below is not None:
            found = below(frame, Access.WRITE, reads)
            if found is None:
                return None
            here = found[0]
        table = memory.page(here)
        if table is None:
            return None
        index = number >> shift & 511
        entry = table[index]
        if not entry & PRESENT:
            return None
        every &= entry
        any_ |= entry
        tables.append((table, index))
        reads.append((table, index, entry))
        entries.append((here, index))
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if entry & LARGE and shift:
            within = _within_large(frame, shift, number)
            if within is None:
                return None
            frame, span = within, LARGE_PAGES
            break
    if user and not every & USER:
        return None
    if access is Access.WRITE:
        if not every & WRITABLE and (user or write_protect):
            return None
    elif access is Access.FETCH and any_ & NO_EXECUTE:
        return None
    if below is not None:
        # The guest's entries are marked before the last step is looked at: it must succeed too.
        found = below(frame, access, reads)
        if found is None:
            return None
        frame, reach = found
    if not every & ACCESSED:
        for table, index in tables:
            table[index] |= ACCESSED
    table, index = tables[-1]
    if access is Access.WRITE and not table[index] & DIRTY:
        table[index] |= DIRTY
    leaf = table[index]
    return Translation(
        frame,
        bool(every & WRITABLE),
        bool(every & USER),
        not any_ & NO_EXECUTE,
        bool(leaf & GLOBAL),
        bool(leaf & DIRTY),
        tuple(entries),
        span,
        min(span, reach),
    )


def _within_large(frame: int, shift: int, number: int) -> int | None:
    """A page's frame in a large one; None for one of another size or with a reserved bit set."""
    if shift != LARGE_SHIFT or frame & LARGE_PAGES - 1:
        return None
    return frame + (number & LARGE_PAGES - 1)


def quick_frame(
    memory: Memory,
    root: int,
    number: int,
    levels: int,
    access: Access,
    reads: list[Read],
) -> Leaf | None:
    """The frame alone, for a user access that CR0.WP binds; None where it is not easy."""
    frame, span = root, 1
    every, any_ = -1, 0
    page_of = memory.page
    table: Page | None = None
    index = 0
    for shift in range(9 * (levels - 1), -1, -9):
        table = page_of(frame)
        if table is None:
            return None
        index = number >> shift & 511
        entry = table[index]
        if not entry & PRESENT:
            return None
        every &= entry
        any_ |= entry
        reads.append((table, index, entry))
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if entry & LARGE and shift:
            within = _within_large(frame, shift, number)
            if within is None:
                return None
            frame, span = within, LARGE_PAGES
            break
    needed = USER | ACCESSED | (WRITABLE | DIRTY if access is Access.WRITE else 0)
    if access is Access.WRITE and table is not None and table[index] & DIRTY:
        needed &= ~DIRTY
    if every & needed != needed or (access is Access.FETCH and any_ & NO_EXECUTE):
        return None  # also where a bit has to be set first: the long way does it once
    return frame, span
