"""Pieces of hostile paravirtualized guests: hypercalls with any arguments, and page-table tricks.

A machine frame is the guest's frame number plus that of its first frame (vmm/host.py).
"""

from __future__ import annotations

from typing import Final

from tests.properties import layout
from tests.properties.writer import Memory, Writer, at
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.machine.firmware import TABLES_ADDRESS, USER_CS, USER_SS
from virtdocs.machine.paging import LARGE, PRESENT, USER, WRITABLE
from virtdocs.machine.registers import R8, RAX, RDI, RDX, RSI, RSP
from virtdocs.vmm.domain_builder import FRAME_LIST, HYPERCALL_STRIDE, SHARED_INFO, START_INFO
from virtdocs.vmm.host import HOST_FRAMES, NEIGHBOUR_FRAMES
from virtdocs.vmm.monitor_region import region_base

HYPERCALL_PAGE: Final = 0x10_2000
NUMBERS: Final = (0, 1, 3, 4, 5, 13, 14, 15, 18, 23, 26, 29, 32)
ARGUMENTS: Final = (RDI, RSI, RDX, 10, R8)
FIRST: Final = NEIGHBOUR_FRAMES  # machine number of the guest's frame 0
CRAFTED: Final = layout.EDITED  # pages that the guest fills and then wants as tables
CRAFTED_PAGES: Final = 8
SHUTDOWN: Final = 2


def machine_frame(w: Writer) -> int:
    """A machine frame: the guest's data, its tables, crafted ones, the neighbour's, Xen's."""
    rng = w.rng
    tables = FIRST + (TABLES_ADDRESS >> 12) + rng.randrange(12)
    return rng.choice((
        FIRST + rng.randrange(RAM_FRAMES), tables, tables,
        FIRST + (CRAFTED >> 12) + rng.randrange(CRAFTED_PAGES),
        FIRST + (CRAFTED >> 12) + rng.randrange(CRAFTED_PAGES),
        rng.randrange(NEIGHBOUR_FRAMES), FIRST + RAM_FRAMES + rng.randrange(16),
        FIRST + (SHARED_INFO >> 12), rng.randrange(HOST_FRAMES), rng.getrandbits(40),
    ))  # fmt: skip


def entry(w: Writer) -> int:
    """A page-table entry with machine frame."""
    rights = PRESENT * w.chance(0.95) | WRITABLE * w.chance(0.7) | USER * w.chance(0.7)
    return machine_frame(w) << 12 | rights | LARGE * w.chance(0.05)


def address(w: Writer) -> int:
    """A virtual address: good, crafted, or the hypervisor's."""
    rng = w.rng
    return rng.choice((
        w.place(True), w.place(False), CRAFTED + rng.randrange(CRAFTED_PAGES << 12),
        TABLES_ADDRESS + 8 * rng.randrange(6000), START_INFO, SHARED_INFO, FRAME_LIST,
        region_base(w.levels) + rng.randrange(1 << 14), w.hole(), rng.getrandbits(64),
    ))  # fmt: skip


def invoke(w: Writer, number: int, *arguments: int) -> None:
    """A hypercall through its stub."""
    for register, value in zip(ARGUMENTS, arguments, strict=False):
        w.load(register, value)
    w.put("call", "i", imm=HYPERCALL_PAGE + HYPERCALL_STRIDE * number)


def fill(w: Writer, at_address: int, words: list[int]) -> None:
    """Store words one after another."""
    for n, word in enumerate(words):
        w.store(at_address + 8 * n, word)


def buffer(w: Writer) -> int:
    """Memory for arguments."""
    return layout.DATA + 64 * w.rng.randrange(32)


def any_hypercall(w: Writer) -> None:
    """Any number with any arguments, by the stub or by the bare instruction."""
    rng = w.rng
    number = rng.choice(NUMBERS) if w.chance(0.8) else rng.choice((2, 12, 20, 24, 63, 64, 1 << 40))
    if number == 29 and w.chance(0.7):
        number = 5  # most guests want to live longer
    values = (address(w), rng.randrange(8), w.number(), rng.randrange(4), buffer(w))
    arguments = [rng.choice(values) for _ in ARGUMENTS]
    if w.chance(0.7) and number < 64:
        invoke(w, number, *arguments)
    else:
        for register, value in zip(ARGUMENTS, arguments, strict=True):
            w.load(register, value)
        w.load(RAX, number)
        if w.chance(0.5):
            w.put("int", "i", imm=0x82)
        else:
            w.put("syscall")


def update(w: Writer) -> None:
    """mmu_update of some entries anywhere."""
    rng = w.rng
    count = rng.randrange(1, 4)
    words = []
    for _ in range(count):
        words += [machine_frame(w) << 12 | 8 * rng.choice((0, 1, 2, 3, 511, rng.randrange(512)))]
        words += [entry(w)]
    at_address = buffer(w)
    fill(w, at_address, words)
    odd = rng.choice((count, count, count, 0, 4097, 1 << 60))
    invoke(w, 1, at_address, odd, rng.choice((0, 0, address(w))), 0x7FF0)
    touch(w)


def update_mapping(w: Writer) -> None:
    """update_va_mapping, then use the mapping."""
    page = w.rng.choice((w.edited(), w.edited(), address(w)))
    invoke(w, 14, page, entry(w), w.rng.randrange(4))
    touch(w, page)


def touch(w: Writer, page: int | None = None) -> None:
    """Read or write where something may be mapped now."""
    place = (address(w) if page is None else page) & -8
    w.load(RSI, place)
    if w.chance(0.5):
        w.put("mov", "rm", Memory(RSI), a=w.register())
    else:
        w.put("mov", "mr", Memory(RSI), a=w.register())


def craft(w: Writer) -> None:
    """Fill a page with entries, make it read-only, ask for it as a table, and use it."""
    rng = w.rng
    number = rng.randrange(CRAFTED_PAGES)
    page = CRAFTED + layout.PAGE * number
    frame = FIRST + (page >> 12)
    for _ in range(rng.randrange(1, 5)):
        w.store(page + 8 * rng.choice((0, 1, 2, 511, rng.randrange(512))), entry(w))
    if w.chance(0.7):
        invoke(w, 14, page, frame << 12 | PRESENT | USER * w.chance(0.5), 2)
    for _ in range(rng.randrange(1, 4)):
        extended(w, frame if w.chance(0.8) else None)
    if w.chance(0.5):
        invoke(w, 14, page, frame << 12 | PRESENT | WRITABLE, 2)
    w.store(page + 8 * rng.randrange(4), entry(w))


def link(w: Writer) -> None:
    """Hang a crafted page into the tables at a free place, and use what it maps."""
    rng = w.rng
    number = rng.randrange(CRAFTED_PAGES)
    directory = FIRST + (TABLES_ADDRESS >> 12) + (0 if w.levels == 2 else 2)
    index = 16 + rng.randrange(4)
    frame = FIRST + (CRAFTED >> 12) + number
    at_address = buffer(w)
    rights = PRESENT | USER * w.chance(0.5) | WRITABLE * w.chance(0.7)
    fill(w, at_address, [directory << 12 | 8 * index, frame << 12 | rights])
    invoke(w, 1, at_address, 1, 0, 0x7FF0)
    if w.chance(0.6):
        w.store(CRAFTED + layout.PAGE * number + 8 * rng.randrange(2), entry(w))
    for page in range(2):
        touch(w, (index << 21) + layout.PAGE * page)


def new_tree(w: Writer) -> None:
    """A copy of the top table with an entry of the guest's own, taken as cr3."""
    rng = w.rng
    number, child = rng.sample(range(CRAFTED_PAGES), 2)
    page = CRAFTED + layout.PAGE * number
    for index in range(8 if w.levels == 2 else 1):
        w.put("mov", "rm", at(TABLES_ADDRESS + 8 * index), a=RAX)
        w.put("mov", "mr", at(page + 8 * index), a=RAX)
    free = 1 + 15 * (w.levels == 2) + rng.randrange(4)
    w.store(page + 8 * free, FIRST + (CRAFTED >> 12) + child << 12 | PRESENT | WRITABLE | USER)
    w.store(CRAFTED + layout.PAGE * child, entry(w))
    extended(w, FIRST + (page >> 12), 5)
    touch(w, free << 12 + 9 * (w.levels - 1))


def extended(w: Writer, frame: int | None = None, only: int | None = None) -> None:
    """mmuext_op: pin, unpin, base pointers, flushes."""
    rng = w.rng
    at_address = buffer(w)
    count = rng.randrange(1, 3)
    words = []
    for _ in range(count):
        command = rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 99)) if only is None else only
        argument = machine_frame(w) if frame is None else frame
        words += [command, argument, rng.getrandbits(8)]
    fill(w, at_address, words)
    invoke(w, 26, at_address, rng.choice((count, count, count, 0, 5000)), 0, 0x7FF0)


def many(w: Writer) -> None:
    """multicall of random calls, calls of multicall in it."""
    rng = w.rng
    at_address = layout.DATA + 0x1000
    count = rng.randrange(1, 4)
    for n in range(count):
        number = rng.choice((1, 13, 14, 23, 26, 32, 3, 77))
        fill(w, at_address + 64 * n, [number, 0, address(w), rng.randrange(4), entry(w), 0])
    invoke(w, 13, rng.choice((at_address, at_address, address(w))), rng.choice((count, 4096)))


def channels(w: Writer) -> None:
    """Event channels and timers with wild numbers."""
    rng = w.rng
    at_address = buffer(w)
    words = [rng.choice((0, 1, 7, rng.getrandbits(64))) for _ in range(3)]
    fill(w, at_address, words)
    invoke(w, 32, rng.choice((0, 4, 7, 1)), rng.choice((at_address, address(w))))
    if w.chance(0.4):
        invoke(w, 15, rng.choice((0, 1, 3000, 1 << 63, (1 << 64) - 1)))
    if w.chance(0.3):
        w.store(SHARED_INFO + 8, rng.randrange(2))


def far_return(w: Writer) -> None:
    """The iret hypercall, or iret itself, with any frame."""
    rng = w.rng
    frame = [w.number() if w.chance(0.3) else rng.choice((0x200, USER_CS, USER_SS, w.at, 0x19))]
    for _ in range(8):
        frame.append(rng.choice((USER_CS, 0x19, 0x202, layout.STACK, w.at, w.number())))
    for word in frame:
        w.load(RAX, word)
        w.put("push", "r", a=RAX)
    if w.chance(0.5):
        w.put("iret")
    else:
        invoke(w, 23)
    w.load(RSP, layout.STACK)
