"""The page walk for the fast core: the same entries read and marked, without detours.

It does only walks that succeed through tables of 4 KiB pages that are memory; for
all others it answers None and has changed nothing, and ``paging.walk`` decides.
"""

from __future__ import annotations

from collections.abc import Callable

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

# Guest frame and access -> the frame that holds it; None when that takes more than a walk.
Below = Callable[[int, Access], int | None]


def quick_walk(
    memory: Memory,
    root: int,
    number: int,
    levels: int,
    access: Access,
    user: bool,
    write_protect: bool,
    below: Below | None = None,
) -> Translation | None:
    """Translate page ``number``; None where it is not as easy as that."""
    frame = root
    every, any_ = -1, 0
    tables: list[tuple[Page, int]] = []
    entries = []
    for shift in range(9 * (levels - 1), -1, -9):
        here = frame
        if below is not None:
            found = below(frame, Access.WRITE)
            if found is None:
                return None
            here = found
        table = memory.page(here)
        if table is None:
            return None
        index = number >> shift & 511
        entry = table[index]
        if not entry & PRESENT or (entry & LARGE and shift):
            return None
        every &= entry
        any_ |= entry
        tables.append((table, index))
        entries.append((here, index))
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
    if user and not every & USER:
        return None
    if access is Access.WRITE:
        if not every & WRITABLE and (user or write_protect):
            return None
    elif access is Access.FETCH and any_ & NO_EXECUTE:
        return None
    if below is not None:
        # The guest's entries are marked before the last step is looked at: it must succeed too.
        found = below(frame, access)
        if found is None:
            return None
        frame = found
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
    )


def quick_frame(memory: Memory, root: int, number: int, levels: int, access: Access) -> int | None:
    """The frame alone, for a user access that CR0.WP binds; None where it is not easy."""
    frame = root
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
        if not entry & PRESENT or (entry & LARGE and shift):
            return None
        every &= entry
        any_ |= entry
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
    needed = USER | ACCESSED | (WRITABLE | DIRTY if access is Access.WRITE else 0)
    if access is Access.WRITE and table is not None and table[index] & DIRTY:
        needed &= ~DIRTY
    if every & needed != needed or (access is Access.FETCH and any_ & NO_EXECUTE):
        return None  # also where a bit has to be set first: the long way does it once
    return frame
