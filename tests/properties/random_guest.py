"""A random guest from a seed: kernel code, excursions to rings 1 and 3, all made of pieces."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Final

from tests.properties import flow_pieces, layout, paging_pieces, plain_pieces, system_pieces
from tests.properties.scaffold import gates, scaffold, second_tree
from tests.properties.writer import Writer
from virtdocs.guest.program import Program
from virtdocs.machine.board import DEBUG_EXIT_PORT, RAM_FRAMES
from virtdocs.machine.firmware import (
    GDT_ADDRESS,
    IDT_ADDRESS,
    KERNEL_CS,
    TABLES_ADDRESS,
    TSS_ADDRESS,
    gdt_entries,
)
from virtdocs.machine.instructions import BY_FORM
from virtdocs.machine.interrupts import make_gate
from virtdocs.machine.isa import Instruction, encode
from virtdocs.machine.paging import PRESENT, USER, WRITABLE
from virtdocs.machine.registers import CR4_UMIP, RAX
from virtdocs.machine.segments import make_descriptor

Piece = Callable[[Writer], None]
PLAIN: Final[tuple[tuple[Piece, int], ...]] = (
    (plain_pieces.arithmetic, 6), (plain_pieces.access, 10), (plain_pieces.stack, 4),
    (plain_pieces.loop, 4), (plain_pieces.call, 4), (plain_pieces.rewrite, 4),
    (plain_pieces.rewrite_ahead, 3), (plain_pieces.wild_jump, 1), (plain_pieces.segments, 3),
    (plain_pieces.descriptors, 2), (plain_pieces.undefined, 2), (plain_pieces.clock, 2),
    (plain_pieces.interrupt, 3), (plain_pieces.scramble, 3), (plain_pieces.flags, 6),
    (plain_pieces.stack_segment, 2), (flow_pieces.far_transfer, 2), (flow_pieces.far_return, 2),
)  # fmt: skip
KERNEL: Final[tuple[tuple[Piece, int], ...]] = (
    *PLAIN, (flow_pieces.interrupt_return, 3), (flow_pieces.short_code, 2),
    (paging_pieces.edit_page, 9), (paging_pieces.edit_in_place, 5),
    (paging_pieces.edit_directory, 4), (paging_pieces.edit_remote, 3),
    (paging_pieces.visit_large, 3), (paging_pieces.forget_use, 4),
    (paging_pieces.switch_tree, 3), (paging_pieces.write_protect, 2),
    (paging_pieces.read_tables, 2), (paging_pieces.new_root, 1),
    (system_pieces.timer, 6), (system_pieces.wait, 2), (system_pieces.interrupt_after_sti, 2),
    (system_pieces.priorities, 3), (system_pieces.control, 4), (system_pieces.model_specific, 4),
    (system_pieces.ports, 3), (system_pieces.descriptor_tables, 4),
    (system_pieces.restore_tables, 2),
)  # fmt: skip
OUTER: Final[tuple[tuple[Piece, int], ...]] = (
    *PLAIN, (plain_pieces.privileged, 4), (flow_pieces.system_call, 3),
    (flow_pieces.interrupt_return, 2),
)  # fmt: skip
NOTHING: Final = MappingProxyType({})
EXCURSION_SHARE: Final = 0.12
PIECES: Final = (15, 55)  # of the kernel's code, least and most
OUTER_PIECES: Final = 8
NOP: Final = encode(Instruction(BY_FORM["nop", ""], ""))


@dataclass(frozen=True, slots=True)
class RandomGuest:
    """A program, the machine it is for, and the addresses of its pieces (start, end)."""

    seed: int
    levels: int
    vendor: str
    program: Program
    pieces: tuple[tuple[int, int], ...]

    def without(self, pieces: set[int]) -> RandomGuest:
        """The same guest with nothing where these pieces were."""
        gone = [self.pieces[n] for n in sorted(pieces)]
        chunks = []
        for address, data in self.program.chunks:
            changed = bytearray(data)
            for start, end in gone:
                if address <= start < address + len(data):
                    count = (end - start) // 16
                    at = start - address
                    changed[at : at + 16 * count] = struct.pack("<QQ", *NOP) * count
            chunks.append((address, bytes(changed)))
        return replace(self, program=replace(self.program, chunks=tuple(chunks)))


def random_guest(seed: int, table: tuple[tuple[Piece, int], ...] = KERNEL) -> RandomGuest:
    """The guest of a seed, its kernel made of the pieces of a table."""
    rng = Random(seed)
    levels, vendor = rng.choice((2, 4, 4)), rng.choice(("intel", "amd"))
    kernel, ring1, user = (
        Writer(rng, start, levels, vendor)
        for start in (layout.BODY, layout.RING1_CODE, layout.USER_CODE)
    )
    for n in range(rng.randrange(*PIECES)):
        start = kernel.at
        going_on = kernel.put("mov", "mi", plain_pieces.at(layout.NEXT))
        if n == 0:
            system_pieces.set_bases(kernel)
        elif rng.random() < EXCURSION_SHARE:
            _excursion(kernel, rng.choice((ring1, user, user)))
        else:
            choose(rng, table)(kernel)
        low, address = kernel.words[going_on]
        kernel.words[going_on] = low, address | kernel.at << 32
        kernel.pieces.append((start, kernel.at))
    kernel.load(RAX, 0)
    kernel.put("out", "ia", imm=DEBUG_EXIT_PORT, size=1)
    writers = (kernel, ring1, user)
    program = _program(seed, rng, writers, levels)
    pieces = tuple(piece for w in writers for piece in w.pieces)
    return RandomGuest(seed, levels, vendor, program, pieces)


def choose(rng: Random, table: tuple[tuple[Piece, int], ...]) -> Piece:
    """A piece by weight."""
    names, weights = zip(*table, strict=True)
    return rng.choices(names, weights)[0]


def _excursion(kernel: Writer, outer: Writer) -> None:
    """Some code in an outer ring, and the kernel's way there."""
    target = outer.at
    if outer.start == layout.USER_CODE and kernel.chance(0.1):
        kernel.load(RAX, CR4_UMIP)
        kernel.put("mov", "cr", a=4, b=RAX)
        flow_pieces.hidden_registers(outer)
    for _ in range(kernel.rng.randrange(1, OUTER_PIECES)):
        start = outer.at
        choose(kernel.rng, OUTER)(outer)
        outer.pieces.append((start, outer.at))
    flow_pieces.leave(outer)
    if outer.start == layout.RING1_CODE:
        flow_pieces.enter(kernel, target, flow_pieces.RING1_SELECTORS, layout.RING1_STACK)
    elif kernel.chance(0.7):
        flow_pieces.enter(kernel, target, flow_pieces.USER_SELECTORS, layout.USER_STACK)
    else:
        flow_pieces.enter_by_sysret(kernel, target)


def _program(seed: int, rng: Random, writers: tuple[Writer, ...], levels: int) -> Program:
    base = scaffold()
    chunks = dict(base.chunks)
    for w in writers:
        chunks[w.start] = w.bytes()
    chunks[IDT_ADDRESS] = b"".join(struct.pack("<QQ", *gate) for gate in gates())
    chunks[layout.ALTERED_IDT] = _altered_idt(rng)
    chunks[layout.ALTERED_GDT] = _altered_gdt(rng)
    chunks[layout.TABLE_POINTERS] = _table_pointers(rng)
    _, tree = second_tree(levels)
    chunks[layout.TREE] = tree
    chunks[layout.EDITS] = _first_edits(rng)
    chunks[layout.FUNCTIONS] = _functions(rng, layout.FUNCTIONS, layout.FUNCTIONS_END)
    remote_end = layout.REMOTE + layout.PAGE * layout.REMOTE_PAGES
    chunks[layout.REMOTE] = _functions(rng, layout.REMOTE, remote_end)
    chunks[layout.USER_FUNCTIONS] = _functions(
        rng, layout.USER_FUNCTIONS, layout.USER_FUNCTIONS_END
    )
    ordered = tuple(sorted(chunks.items()))
    return Program(f"random guest {seed}", ordered, base.labels["start"], NOTHING, None, NOTHING)


def _functions(rng: Random, start: int, end: int) -> bytes:
    w = Writer(rng, start, 4, "intel")
    while w.at < end:
        stop = w.at + layout.FUNCTION_BYTES
        for _ in range(5):
            plain_pieces.operate(w)
        w.put("ret")
        while w.at < stop:
            w.raw(0, 0)
    return w.bytes()


def _first_edits(rng: Random) -> bytes:
    """Entries that start out different: a hole below the stack, the window, odd pages."""
    edits = [(layout.table_entry(layout.STACK_GUARD), 0)]
    for n in range(9):
        window = layout.table_entry(layout.WINDOW + layout.PAGE * n)
        edits.append((window, TABLES_ADDRESS + layout.PAGE * n | PRESENT | WRITABLE))
    for region in (layout.EDITED, layout.USER_EDITED):
        page = region + layout.PAGE * rng.randrange(layout.EDITED_PAGES)
        device = RAM_FRAMES + rng.randrange(99) << 12
        edits.append((layout.table_entry(page), device | PRESENT | WRITABLE | USER))
        page = region + layout.PAGE * rng.randrange(layout.EDITED_PAGES)
        edits.append((layout.table_entry(page), page | PRESENT | USER))
    return b"".join(struct.pack("<QQ", *edit) for edit in edits)


def _altered_gdt(rng: Random) -> bytes:
    """Two pages with the firmware's entries, and more of them, some changed."""
    entries = [*gdt_entries(), make_descriptor("code", 0, limit=layout.SHORT_LIMIT)]
    for _ in range(5):
        kind = rng.choice(("code", "data", "data", "tss"))
        limit = rng.choice((0xFFFF_FFFF, 0xFFF, 0x1F_FFFF, 0x8F_FFFF, 103))
        entry = make_descriptor(kind, rng.choice((0, 1, 3, 3)), base=TSS_ADDRESS, limit=limit)
        entries.append(entry ^ rng.choice((0, 0, 1 << 47, 1 << 41, 1 << 42, 1 << 43)))
    if rng.random() < 0.3:
        entries[rng.randrange(3, 7)] ^= rng.choice((1 << 47, 1 << 45, 1 << 41))
    table = struct.pack(f"<{len(entries)}Q", *entries)
    pages = bytearray(2 * layout.PAGE)
    for at in _gdt_offsets(Random(len(entries))):
        pages[at : at + len(table)] = table
    return bytes(pages)


def _gdt_offsets(rng: Random) -> tuple[int, int]:
    return 0, layout.PAGE - 43


def _altered_idt(rng: Random) -> bytes:
    """The interrupt table with some gates broken."""
    table = list(gates())
    for _ in range(rng.randrange(4)):
        vector = rng.choice((0, 3, 6, 13, 14, layout.RETURNING, layout.TIMER))
        low, high = table[vector]
        table[vector] = rng.choice((
            (0, 0), (low ^ 1 << 47, high), (low ^ 1 << 40, high), (low ^ 3 << 45, high),
            (low ^ 0x30 << 16, high), (low, high ^ 1 << 16),
            make_gate(layout.DATA, KERNEL_CS),
        ))  # fmt: skip
    return b"".join(struct.pack("<QQ", *gate) for gate in table)


def _table_pointers(rng: Random) -> bytes:
    """Pseudo-descriptors: the firmware's GDT, two altered ones, and two IDTs."""
    aligned, unaligned = _gdt_offsets(rng)
    limit = 8 * len(gdt_entries()) - 1
    pairs = (
        (limit, GDT_ADDRESS),
        (rng.choice((limit + 48, limit + 48, limit, limit - 16, limit + 5)), layout.ALTERED_GDT),
        (limit + 48, layout.ALTERED_GDT + unaligned),
        (0xFFF, IDT_ADDRESS),
        (rng.choice((0xFFF, 0xFFF, 0x81F, 0x40F)), layout.ALTERED_IDT + aligned),
    )
    return b"".join(struct.pack("<QQ", *pair) for pair in pairs)
