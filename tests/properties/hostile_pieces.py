"""Pieces of guests that mean harm: they care for no invalidation, no table and no address."""

from __future__ import annotations

from typing import Final

from tests.properties import layout
from tests.properties.system_pieces import write_msr
from tests.properties.writer import SIZES, Memory, Writer, at
from virtdocs.machine.board import DEBUG_EXIT_PORT, RAM_FRAMES
from virtdocs.machine.firmware import TABLES_ADDRESS
from virtdocs.machine.paging import LARGE, PRESENT, USER, WRITABLE
from virtdocs.machine.registers import MSR_FS_BASE, MSR_GS_BASE, RAX, RCX, RDX, RSP, WORD_MASK
from virtdocs.vmm.host import HOST_FRAMES, NEIGHBOUR_FRAMES
from virtdocs.vmm.monitor_region import REGION_PAGES, region_base
from virtdocs.vmm.translation_cache import FIRST_CODE_PAGE

TABLES: Final = 12  # frames that the firmware's tables take


def anywhere(w: Writer) -> int:
    """Any address, mostly one that matters to somebody."""
    rng = w.rng
    kind = rng.randrange(6)
    if kind == 0:
        return TABLES_ADDRESS + 8 * rng.randrange(512 * TABLES)
    if kind == 1:
        pages = rng.choice((4, REGION_PAGES))
        return region_base(w.levels) + rng.randrange(pages << 12)
    if kind == 2:
        return region_base(w.levels) + (FIRST_CODE_PAGE << 12) + 16 * rng.randrange(1024)
    if kind == 3:
        return w.place(False)
    return rng.randrange(16 << 20) if kind == 4 else rng.getrandbits(64)


def any_frame(w: Writer) -> int:
    """The guest's frames, numbers that are the host's, tables, and nonsense."""
    rng = w.rng
    return rng.choice((
        rng.randrange(RAM_FRAMES), rng.randrange(NEIGHBOUR_FRAMES), rng.randrange(HOST_FRAMES),
        NEIGHBOUR_FRAMES + RAM_FRAMES + rng.randrange(64), 2 + rng.randrange(TABLES),
        (layout.TREE >> 12) + rng.randrange(5), rng.getrandbits(40),
    ))  # fmt: skip


def any_entry(w: Writer) -> int:
    """A table entry with rights to match."""
    if w.chance(0.1):
        return w.rng.getrandbits(64)
    rights = PRESENT | WRITABLE * w.chance(0.9) | USER * w.chance(0.8) | LARGE * w.chance(0.15)
    return any_frame(w) << 12 | rights


def wild_entry(w: Writer) -> None:
    """Write any entry into any table, and use what it maps, with or without a flush."""
    rng = w.rng
    page = rng.choice((w.edited(), w.edited(), rng.randrange(RAM_FRAMES) << 12))
    slot = layout.table_entry(page)
    if w.chance(0.3):
        table = rng.choice((layout.DIRECTORY, layout.DIRECTORY, layout.TREE))
        slot = table + layout.PAGE * rng.randrange(3) + 8 * rng.choice((0, 2, 3, 5, 511, 256))
    w.load(RAX, any_entry(w))
    w.put("mov", "mr", at(slot), a=RAX)
    if w.chance(0.5):
        w.put("invlpg", "m", at(page))
    for _ in range(rng.randrange(3)):
        wild_access(w, page + 8 * rng.randrange(512))


def wild_access(w: Writer, place: int | None = None) -> None:
    """Load, store or execute anywhere."""
    rng = w.rng
    address = anywhere(w) if place is None else place
    base = w.register()
    w.load(base, address)
    segment = rng.choice(("", "", "", "fs", "gs"))
    memory = Memory(base, segment=segment) if w.chance(0.8) else Memory(base, disp=-8)
    kind = rng.randrange(6)
    size = rng.choice(SIZES)
    if kind < 2:
        w.put("mov", "rm", memory, a=w.register(), size=size)
    elif kind < 4:
        w.put(rng.choice(("mov", "xchg", "add")), "mr", memory, a=w.register(), size=size)
    elif kind == 4:
        w.put("push", "m", memory)
    else:
        w.put(rng.choice(("jmp", "call")), "r", a=base)


def wild_stack(w: Writer) -> None:
    """A stack in the monitor's region, and an interrupt on it."""
    w.load(RSP, anywhere(w))
    w.put("push", "r", a=RAX)
    w.put("int", "i", imm=w.rng.randrange(256))
    w.load(RSP, layout.STACK)


def wild_root(w: Writer) -> None:
    """Load cr3 with anything."""
    w.load(RAX, any_frame(w) << 12 | w.rng.getrandbits(12))
    w.put("mov", "cr", a=3, b=RAX)


def self_reference(w: Writer) -> None:
    """A table that maps itself, at any level, used as data and as a table."""
    frame = 2 + w.rng.randrange(TABLES)
    index = w.rng.choice((0, 1, 2, 3, 256, 510, 511))
    w.load(RAX, frame << 12 | PRESENT | WRITABLE | USER)
    w.put("mov", "mr", at((frame << 12) + 8 * index), a=RAX)
    w.put("mov", "rc", a=RDX, b=3)
    w.put("mov", "cr", a=3, b=RDX)
    span = 1 << 12 + 9 * w.rng.randrange(w.levels)
    wild_access(w, index * span & WORD_MASK)


def wild_bases(w: Writer) -> None:
    """fs and gs that point into the monitor's region."""
    write_msr(w, w.rng.choice((MSR_FS_BASE, MSR_GS_BASE)), anywhere(w))
    wild_access(w, 8 * w.rng.randrange(64))


def wild_msr(w: Writer) -> None:
    """Any MSR, read and written."""
    rng = w.rng
    number = rng.choice((rng.getrandbits(32), 0x800 + rng.randrange(0x40), 0xC000_0080, 0x1A0))
    if w.chance(0.5):
        w.load(RCX, number)
        w.put("rdmsr")
    else:
        write_msr(w, number, w.number())


def wild_port(w: Writer) -> None:
    """Any port but the one that ends the run."""
    port = w.rng.getrandbits(16)
    if not port <= DEBUG_EXIT_PORT < port + 4:
        w.load(RDX, port)
        size = w.rng.choice(SIZES[:3])
        name, form = w.rng.choice((("in", "ar"), ("out", "ra")))
        w.put(name, form, size=size)


def wild_tables(w: Writer) -> None:
    """Descriptor tables at any address with any limit."""
    slot = layout.DATA + 16 * w.rng.randrange(16)
    w.store(slot, w.rng.choice((0xFFFF, 0xFFF, 0, 7)))
    w.store(slot + 8, anywhere(w))
    w.put(w.rng.choice(("lgdt", "lidt")), "m", at(slot))
    w.load(RAX, w.rng.getrandbits(16))
    w.put("mov", "sr", a=w.rng.choice((0, 3, 4, 5)), b=RAX)
    if w.chance(0.7):
        w.put("lgdt", "m", at(layout.TABLE_POINTERS))
        w.put("lidt", "m", at(layout.TABLE_POINTERS + 48))


def storm(w: Writer) -> None:
    """Many events for nothing: hlt with the shortest timer, faults in a loop, console output."""
    again = w.at
    kind = w.rng.randrange(3)
    if kind == 0:
        write_msr(w, 0x832, layout.TIMER)
        write_msr(w, 0x838, 1)
        w.put("sti")
        w.put("hlt")
    elif kind == 1:
        w.put("ud2")
    else:
        w.put("out", "ia", imm=0xE9, size=4)
    w.put("dec", "r", a=w.register(RAX, RCX, RDX))
    w.put(w.rng.choice(("jne", "js", "jno")), "i", imm=again)
