"""Hostile guests from a seed: native builds for every monitor, and builds for Xen's PV."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Final

from tests.properties import hostile_pieces, layout, plain_pieces, pv_pieces
from tests.properties.random_guest import KERNEL, NOTHING, PLAIN, Piece, choose, random_guest
from tests.properties.writer import Writer
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.registers import RSI

HOSTILE: Final[tuple[tuple[Piece, int], ...]] = (
    (hostile_pieces.wild_entry, 10), (hostile_pieces.wild_access, 10),
    (hostile_pieces.wild_stack, 2), (hostile_pieces.wild_root, 3),
    (hostile_pieces.self_reference, 3), (hostile_pieces.wild_bases, 3),
    (hostile_pieces.wild_msr, 3), (hostile_pieces.wild_port, 3),
    (hostile_pieces.wild_tables, 2), (hostile_pieces.storm, 1), *PLAIN, *KERNEL,
)  # fmt: skip
PARAVIRTUAL: Final[tuple[tuple[Piece, int], ...]] = (
    (pv_pieces.any_hypercall, 8), (pv_pieces.update, 12), (pv_pieces.update_mapping, 12),
    (pv_pieces.craft, 12), (pv_pieces.link, 8), (pv_pieces.new_tree, 4), (pv_pieces.extended, 8),
    (pv_pieces.many, 4), (pv_pieces.touch, 6), (pv_pieces.channels, 4),
    (pv_pieces.far_return, 2), (hostile_pieces.wild_access, 4), (plain_pieces.privileged, 3),
    *PLAIN,
)  # fmt: skip
TECHNIQUES: Final = ("trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
PIECES: Final = (15, 60)

# A fault goes on with the next piece, until there were too many.
PV_TEXT: Final = """
.org HANDLERS
start:
    mov rsp, STACK
    mov rdi, traps
    call hypercall_page
    mov rdi, handler
    mov rsi, handler
    mov rdx, handler
    call hypercall_page + 64 * 4
    mov rdi, KERNEL_SS
    mov rsi, STACK
    call hypercall_page + 64 * 3
    jmp BODY
handler:
    mov rsp, STACK
    mov rax, [FAULTS]
    inc rax
    mov [FAULTS], rax
    cmp rax, FAULT_LIMIT
    ja give_up
    jmp [NEXT]
give_up:
    mov rdi, 2
    mov rsi, GAVE_UP
    call hypercall_page + 64 * 29
    jmp give_up
.align 8
traps:
"""


@dataclass(frozen=True, slots=True)
class HostileGuest:
    """A program, and the machine that it attacks."""

    seed: int
    technique: str
    levels: int
    vendor: str
    program: Program


def hostile_guest(seed: int) -> HostileGuest:
    """The guest of a seed; techniques take turns."""
    technique = TECHNIQUES[seed % len(TECHNIQUES)]
    if technique.startswith("xen"):
        return _paravirtual(seed, technique)
    guest = random_guest(seed, HOSTILE)
    return HostileGuest(seed, technique, guest.levels, guest.vendor, guest.program)


def _paravirtual(seed: int, technique: str) -> HostileGuest:
    rng = Random(seed)
    levels = 2 if technique == "xen_pv32" else 4
    kernel = Writer(rng, layout.BODY, levels, "intel")
    for _ in range(rng.randrange(*PIECES)):
        going_on = kernel.put("mov", "mi", plain_pieces.at(layout.NEXT))
        choose(rng, PARAVIRTUAL)(kernel)
        low, address = kernel.words[going_on]
        kernel.words[going_on] = low, address | kernel.at << 32
    kernel.load(RSI, 0)
    pv_pieces.invoke(kernel, 29, pv_pieces.SHUTDOWN, 0)
    kernel.put("jmp", "i", imm=kernel.at)
    base = paravirtual_scaffold(BUILDS["pv32" if levels == 2 else "pv64"].constants)
    program = with_code(base, f"hostile guest {seed}", {layout.BODY: kernel.bytes()})
    return HostileGuest(seed, technique, levels, "intel", program)


def with_code(base: Program, name: str, chunks: Mapping[int, bytes]) -> Program:
    """A program with more bytes in it."""
    ordered = tuple(sorted({**dict(base.chunks), **chunks}.items()))
    return Program(name, ordered, base.entry, base.labels, None, NOTHING)


def paravirtual_scaffold(constants: Mapping[str, int]) -> Program:
    """Start-up and the fault handler of a PV guest."""
    return _assembled(tuple(sorted(constants.items())))


@lru_cache(maxsize=4)
def _assembled(constants: Sequence[tuple[str, int]]) -> Program:
    names = {n: v for n, v in vars(layout).items() if n.isupper() and isinstance(v, int)}
    names |= dict(constants)
    table = "".join(
        f"    .quad {vector}, {3 * (vector >= 32)}, KERNEL_CS, handler\n"
        for vector in (*range(32), layout.BACK_TO_KERNEL, layout.RETURNING)
    )
    page = f"    .quad 0, 0, 0, 0\n.org {pv_pieces.HYPERCALL_PAGE:#x}\nhypercall_page: .zero 4096\n"
    return assemble(PV_TEXT + table + page, "hostile.s", constants=names)


def pack(*values: int) -> bytes:
    """Little-endian words."""
    return struct.pack(f"<{len(values)}Q", *values)
