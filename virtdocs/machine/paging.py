"""Page tables in x86-64's format and the walk through them.

Entries are 64 bits: P, R/W, U/S, A, D, PS, G, the frame in bits 12-51, NX in bit
63 (SDM vol. 3A §4.5, table 4-20). Each level takes 9 bits of the address, for any
number of levels from 1 to 5; 2 is this machine's legacy mode, 4 its long mode.
NX always holds (EFER.NXE changes nothing); there are no protection keys, no SMEP and SMAP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT, Memory
from virtdocs.machine.registers import PF
from virtdocs.machine.tlb import LARGE_PAGES
from virtdocs.machine.traps import fault
from virtdocs.machine.walk_cache import INDEX_BITS as INDEX_BITS
from virtdocs.machine.walk_cache import UpperLevels, WalkCache

PRESENT: Final = 1 << 0
WRITABLE: Final = 1 << 1
USER: Final = 1 << 2
ACCESSED: Final = 1 << 5
DIRTY: Final = 1 << 6
LARGE: Final = 1 << 7  # PS: this entry maps the whole range of its level
GLOBAL: Final = 1 << 8
NO_EXECUTE: Final = 1 << 63
FRAME_MASK: Final = (1 << 52) - (1 << 12)

# Page-fault error code (SDM vol. 3A §4.7).
ERROR_PRESENT: Final = 1 << 0
ERROR_WRITE: Final = 1 << 1
ERROR_USER: Final = 1 << 2
ERROR_RESERVED: Final = 1 << 3
ERROR_FETCH: Final = 1 << 4


class Access(IntEnum):
    """What an access wants to do."""

    READ = 0
    WRITE = 1
    FETCH = 2


@dataclass(slots=True)
class Translation:
    """The result of a walk for one 4 KiB page; ``entries`` are (frame, index) from the root on."""

    frame: int
    writable: bool
    user: bool
    executable: bool
    global_page: bool
    dirty: bool
    entries: tuple[tuple[int, int], ...]
    pages: int = 1  # how many 4 KiB pages the entry maps: more than one for a large page
    # How many of them one entry of the TLB translates: the smaller page decides where two
    # tables were walked.
    reach: int = 1


def index_at(address: int, level: int) -> int:
    """The table index that ``address`` takes at ``level`` (0 is the last)."""
    return address >> (PAGE_SHIFT + INDEX_BITS * level) & 511


def canonical(address: int, levels: int) -> bool:
    """Whether the bits above the translated ones repeat the highest of them."""
    bits = PAGE_SHIFT + INDEX_BITS * levels
    if bits >= 64:
        return True
    top = address >> (bits - 1)
    return top == 0 or top == (1 << (64 - bits + 1)) - 1


def error_code(access: Access, user: bool, present: bool, reserved: bool = False) -> int:
    """The page-fault error code."""
    code = ERROR_PRESENT if present else 0
    if access is Access.WRITE:
        code |= ERROR_WRITE
    if user:
        code |= ERROR_USER
    if reserved:
        code |= ERROR_RESERVED
    if access is Access.FETCH:
        code |= ERROR_FETCH
    return code


FrameOf = Callable[[int], int]


def walk(
    memory: Memory,
    root: int,
    address: int,
    levels: int,
    access: Access,
    user: bool,
    *,
    write_protect: bool = True,
    on_reference: Callable[[int, int], None] | None = None,
    table_frame: FrameOf | None = None,
    leaf_frame_limit: int | None = None,
    cache: WalkCache | None = None,
    mark: bool = True,
) -> Translation:
    """Translate one address, set accessed and dirty bits, or raise #PF.

    ``root`` is the frame of the top table. ``on_reference(frame, index)`` is called
    for each entry read: that is the walk's cost. ``table_frame`` translates a
    table's frame number before use; nested paging gives its own second walk here.
    ``leaf_frame_limit`` bounds the physical address width (reserved bits). With a ``cache``
    the walk starts below the levels that the cache knows. Without ``mark`` it leaves accessed
    and dirty bits to a later ``mark_used``.
    """
    frame = root
    writable = user_ok = executable = True
    entries: list[tuple[int, int]] = []
    tables: list[tuple[list[int], int]] = []
    entry, span, top = 0, 1, levels - 1
    cached = cache.deepest(address, levels) if cache is not None else None
    passed: list[tuple[int, UpperLevels]] = []  # the tables below the root, for the cache
    if cached is not None:
        top, upper = cached
        writable, user_ok, executable = upper.writable, upper.user, upper.executable
        entries.extend(upper.entries)
    for level in range(top, -1, -1):
        if cached is not None and level == top:
            here = cached[1].table
        else:
            here = table_frame(frame) if table_frame is not None else frame
            if cache is not None and level < levels - 1:
                known = UpperLevels(here, writable, user_ok, executable, tuple(entries))
                passed.append((level, known))
        table = memory.page(here)
        if table is None:
            # A table outside memory reads as all ones: reserved bits (our board's answer).
            raise fault(PF, error_code(access, user, True, reserved=True), address)
        index = index_at(address, level)
        if on_reference is not None:
            on_reference(here, index)
        entry = table[index]
        entries.append((here, index))
        tables.append((table, index))
        if not entry & PRESENT:
            raise fault(PF, error_code(access, user, False), address)
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if leaf_frame_limit is not None and frame >= leaf_frame_limit:
            raise fault(PF, error_code(access, user, True, reserved=True), address)
        writable = writable and bool(entry & WRITABLE)
        user_ok = user_ok and bool(entry & USER)
        executable = executable and not entry & NO_EXECUTE
        if entry & LARGE and level > 0:
            span = 1 << INDEX_BITS * level
            # No PAT here: bit 12 of a large page's entry is as reserved as the bits above it.
            if level > 2 or frame & span - 1:
                raise fault(PF, error_code(access, user, True, reserved=True), address)
            frame += address >> PAGE_SHIFT & span - 1
            break
    allowed = (
        (user_ok or not user)
        and (access is not Access.FETCH or executable)
        and (access is not Access.WRITE or writable or (not user and not write_protect))
    )
    if not allowed:
        raise fault(PF, error_code(access, user, True), address)
    if mark:
        _mark(tables, access is Access.WRITE)
    if cache is not None:  # only now: a cached entry has its accessed bit set (SDM §4.10.3.1)
        for level, upper in passed:
            cache.keep(address, level, upper)
    leaf_table, leaf_index = tables[-1]
    entry = leaf_table[leaf_index]
    return Translation(
        frame,
        writable,
        user_ok,
        executable,
        bool(entry & GLOBAL),
        bool(entry & DIRTY),
        tuple(entries),
        span,
        min(span, LARGE_PAGES),
    )


def _mark(tables: list[tuple[list[int], int]], write: bool) -> None:
    """Set A on each entry used, D on the leaf of a write; only once the access is allowed."""
    for table, index in tables:
        if not table[index] & ACCESSED:
            table[index] |= ACCESSED
    if write:
        table, index = tables[-1]
        if not table[index] & DIRTY:
            table[index] |= DIRTY


def mark_used(memory: Memory, found: Translation, write: bool) -> None:
    """Set the accessed and dirty bits that the walk of ``found`` left."""
    tables = [(memory.page(frame), index) for frame, index in found.entries]
    _mark([(page, index) for page, index in tables if page is not None], write)
    found.dirty = found.dirty or write


@dataclass(frozen=True, slots=True)
class Glance:
    """What ``peek`` saw: the frame, whether every entry is marked accessed, and executable."""

    frame: int
    accessed: bool
    executable: bool


def peek(memory: Memory, root: int, address: int, levels: int) -> Glance | None:
    """Where an address leads, for a monitor on its own account: no bit is set, nothing counted.

    None when an entry is not present or a table is no memory.
    """
    frame, accessed, executable = root, True, True
    for level in range(levels - 1, -1, -1):
        table = memory.page(frame)
        if table is None:
            return None
        entry = table[index_at(address, level)]
        if not entry & PRESENT:
            return None
        accessed = accessed and bool(entry & ACCESSED)
        executable = executable and not entry & NO_EXECUTE
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if entry & LARGE and level > 0:
            frame += address >> PAGE_SHIFT & (1 << INDEX_BITS * level) - 1
            break
    return Glance(frame, accessed, executable)
