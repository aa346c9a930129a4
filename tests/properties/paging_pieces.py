"""Pieces of kernel code that edit page tables, each with the invalidation that x86 asks for.

An edit of a page that handlers or the code itself use only clears accessed and dirty
bits, and no interrupt comes between it and its invalidation.
"""

from __future__ import annotations

from tests.properties import layout
from tests.properties.writer import Memory, Writer, at
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.machine.firmware import TABLES_ADDRESS
from virtdocs.machine.paging import (
    ACCESSED,
    DIRTY,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
)
from virtdocs.machine.registers import CR0_WP, CR4_PGE, RAX, RBX, RDX, WORD_MASK


def new_entry(w: Writer, page: int, may_be_global: bool) -> int:
    """A random last-level entry: itself, an alias, code, a device, or nothing."""
    rng = w.rng
    frame = rng.choice((
        page >> 12, page >> 12, w.edited() >> 12, w.edited() >> 12,
        (layout.FUNCTIONS >> 12) + rng.randrange(layout.FUNCTION_PAGES),
        layout.USER_FUNCTIONS >> 12, layout.DATA >> 12,
        RAM_FRAMES + rng.randrange(64), rng.getrandbits(40) | RAM_FRAMES,
        rng.randrange(1, 16) << 36 | layout.DATA >> 12,
    ))  # fmt: skip
    entry = frame << 12 | PRESENT * w.chance(0.85) | WRITABLE * w.chance(0.7)
    entry |= USER * w.chance(0.6) | NO_EXECUTE * w.chance(0.2)
    entry |= ACCESSED * w.chance(0.3) | DIRTY * w.chance(0.3)
    return entry | (GLOBAL if may_be_global and w.chance(0.3) else 0)


def edit_page(w: Writer) -> None:
    """Change one page's entry and drop the page; sometimes through the tables' other mapping."""
    kind = w.rng.randrange(4)
    if kind == 0:
        first, count = layout.FUNCTIONS, layout.FUNCTION_PAGES
        page = first + layout.PAGE * w.rng.randrange(count)
    else:
        page = w.edited()
    shared = page < layout.SWITCHED or layout.USER_EDITED <= page < layout.USER_SWITCHED
    slot = layout.table_entry(page)
    if w.chance(0.3):
        slot += layout.WINDOW - TABLES_ADDRESS
    w.load(RAX, new_entry(w, page, shared))
    w.put("mov", "mr", at(slot), a=RAX)
    w.put("invlpg", "m", at(page + w.rng.randrange(layout.PAGE)))


def edit_in_place(w: Writer) -> None:
    """Change some bits of an entry by read-modify-write, and drop the page."""
    page = w.edited()
    bits = w.rng.choice((WRITABLE, USER, ACCESSED, DIRTY, ACCESSED | DIRTY))
    operation = w.rng.choice(("and", "or", "xor"))
    w.load(RBX, bits if operation != "and" else WORD_MASK ^ bits)
    w.put(operation, "mr", at(layout.table_entry(page)), a=RBX)
    w.load(RDX, page)
    w.put("invlpg", "m", Memory(RDX))


def edit_remote(w: Writer) -> None:
    """Remap or forbid code whose table a monitor has no other reason to follow, and call it."""
    rng = w.rng
    page = layout.REMOTE + layout.PAGE * rng.randrange(layout.REMOTE_PAGES)
    function = page + layout.FUNCTION_BYTES * rng.randrange(2)
    for _ in range(rng.randrange(1, 4)):
        frame = (layout.REMOTE >> 12) + rng.randrange(layout.REMOTE_PAGES)
        entry = frame << 12 | PRESENT | WRITABLE | NO_EXECUTE * w.chance(0.1)
        w.put("call", "i", imm=function)
        w.load(RAX, entry)
        w.put("mov", "mr", at(layout.table_entry(page)), a=RAX)
        w.put("invlpg", "m", at(page))
    w.put("call", "i", imm=function)


def flush(w: Writer, everything: bool = False) -> None:
    """Reload cr3; with global pages in the way turn CR4.PGE over."""
    if everything:
        for _ in range(2):
            w.put("mov", "rc", a=RDX, b=4)
            w.put("xor", "ri", a=RDX, imm=CR4_PGE)
            w.put("mov", "cr", a=4, b=RDX)
    else:
        w.put("mov", "rc", a=RDX, b=3)
        w.put("mov", "cr", a=3, b=RDX)


def edit_directory(w: Writer) -> None:
    """The entry of a region of 2 MiB: a large page, its table again, rights, absence."""
    rng = w.rng
    region = layout.LARGE
    rights = PRESENT * w.chance(0.9) | WRITABLE * w.chance(0.8) | USER * w.chance(0.7)
    for _ in range(rng.randrange(1, 4)):
        entry = rights | NO_EXECUTE * w.chance(0.1)
        entry |= ACCESSED * w.chance(0.4) | DIRTY * w.chance(0.3)
        if w.chance(0.7):
            starts = (region, layout.USER_EDITED, layout.EDITED, layout.SWITCHED)
            odd = (0x100_0000, region + layout.PAGE, (1 << 45) + layout.REGION)
            entry |= rng.choice(starts if w.chance(0.8) else odd) | LARGE
        else:
            entry |= TABLES_ADDRESS + layout.PAGE * (region >> 21)
        for tree in (layout.DIRECTORY, layout.TREE) if w.chance(0.3) else (layout.DIRECTORY,):
            w.load(RAX, entry)
            w.put("mov", "mr", at(tree + 8 * (region >> 21)), a=RAX)
        flush(w)
        visit_large(w)


def visit_large(w: Writer) -> None:
    """Read and write here and there in the region that large pages map."""
    for _ in range(w.rng.randrange(2, 5)):
        place = layout.LARGE + layout.PAGE * w.rng.randrange(4) + w.offset()
        if w.chance(0.5):
            w.put("mov", "rm", at(place), a=w.register())
        else:
            w.put("add", "mr", at(place), a=w.register())


def forget_use(w: Writer) -> None:
    """Clear the accessed (and dirty) bits of entries that are in use right now."""
    rng = w.rng
    upper = w.chance(0.4)
    w.put("pushf")
    w.put("cli")
    if upper:
        first = layout.DIRECTORY if w.chance(0.7) else layout.TREE
        levels = 1 if w.levels == 2 else 3
        table = layout.PAGE * rng.randrange(levels)
        entry = rng.randrange(8) if table == 0 else 0
        w.load(RAX, WORD_MASK ^ ACCESSED)
        w.put("and", "mr", at(first + table + 8 * entry), a=RAX)
        flush(w, everything=True)
    else:
        page = rng.choice((
            w.at & ~4095, layout.STACK - layout.PAGE, layout.STATE, layout.HANDLERS,
            layout.HANDLERS + 0x1000, layout.DATA, 0x1000, 0, 0xF000, layout.USER_CODE,
            TABLES_ADDRESS, layout.DIRECTORY,
        ))  # fmt: skip
        w.load(RAX, WORD_MASK ^ rng.choice((ACCESSED, DIRTY, ACCESSED | DIRTY)))
        w.put("and", "mr", at(layout.table_entry(page)), a=RAX)
        w.put("invlpg", "m", at(page))
    w.put("popf")


def switch_tree(w: Writer) -> None:
    """Another address space: load cr3, look at what it maps differently."""
    root = layout.DIRECTORY if w.levels == 2 else layout.DIRECTORY + 2 * layout.PAGE
    other = layout.TREE if w.levels == 2 else layout.TREE + 2 * layout.PAGE
    w.load(RAX, w.rng.choice((root, other, other)))
    w.put("mov", "cr", a=3, b=RAX)
    for region in (layout.SWITCHED, layout.USER_SWITCHED):
        page = region + layout.PAGE * w.rng.randrange(512)
        if w.chance(0.5):
            w.put("add", "mr", at(page + 8), a=w.register())
        else:
            w.put("mov", "rm", at(page), a=w.register())


def write_protect(w: Writer) -> None:
    """Turn CR0.WP over, and write to a page that may be read-only."""
    w.put("mov", "rc", a=RDX, b=0)
    w.put("xor", "ri", a=RDX, imm=CR0_WP)
    w.put("mov", "cr", a=0, b=RDX)
    w.put("inc", "m", at(w.edited() + 8 * w.rng.randrange(512)))


def read_tables(w: Writer) -> None:
    """Look at entries: accessed and dirty bits are the guest's to see."""
    for _ in range(w.rng.randrange(1, 4)):
        page = w.rng.choice((w.edited(), layout.STACK - 8, layout.DATA, w.at))
        w.put("mov", "rm", at(layout.table_entry(page)), a=w.register())


def new_root(w: Writer) -> None:
    """A cr3 that cannot be loaded, or an address space without anything in it."""
    w.load(RAX, w.rng.choice((1 << 52, 1 << 63, 1 << 60 | layout.DIRECTORY)))
    w.put("mov", "cr", a=3, b=RAX)
