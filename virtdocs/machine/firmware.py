"""The state a program starts in: interface.md, "Guest programs".

CPL 0, paging on, the first 16 MiB mapped onto itself (the second half for user
mode too), a stack, a GDT with rings 0, 1 and 3, and an IDT without handlers, so
that an exception the program does not handle ends the run with its vector named.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PAGE_SHIFT, Memory, write_physical
from virtdocs.machine.paging import INDEX_BITS, LARGE, PRESENT, USER, WRITABLE
from virtdocs.machine.registers import (
    DS,
    EFER_LME,
    EFER_NXE,
    EFER_SCE,
    ES,
    FS,
    GS,
    MSR_EFER,
    RSP,
    SS,
)
from virtdocs.machine.segments import make_descriptor

GDT_ADDRESS: Final = 0x100
TSS_ADDRESS: Final = 0xF000  # a frame of its own: kernels write it often, the GDT seldom
IDT_ADDRESS: Final = 0x1000
TABLES_ADDRESS: Final = 0x2000
STACK_TOP: Final = 0x10_0000
LOAD_ADDRESS: Final = 0x10_0000
MAPPED_BYTES: Final = 16 << 20
USER_START: Final = MAPPED_BYTES // 2

# Selectors of the firmware's GDT. Each code segment is followed by its stack's segment.
KERNEL_CS: Final = 0x08
KERNEL_SS: Final = 0x10
RING1_CS: Final = 0x18
RING1_SS: Final = 0x20
USER_SS: Final = 0x28 | 3
USER_CS: Final = 0x30 | 3
TSS_SELECTOR: Final = 0x38


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the firmware put its page tables: the top table's frame, and the next free frame."""

    root: int
    next_frame: int


def gdt_entries() -> list[int]:
    """The firmware's global descriptor table."""
    return [
        0,
        make_descriptor("code", 0),
        make_descriptor("data", 0),
        make_descriptor("code", 1),
        make_descriptor("data", 1),
        make_descriptor("data", 3),
        make_descriptor("code", 3),
        make_descriptor("tss", 0, base=TSS_ADDRESS, limit=103),
    ]


def write_words(memory: Memory, address: int, words: list[int]) -> None:
    """Store 64-bit words at a physical address."""
    if not write_physical(memory, address, struct.pack(f"<{len(words)}Q", *words)):
        raise ValueError(f"no memory at {address:#x}")


def identity_tables(memory: Memory, levels: int, first: int, large: bool = False) -> Tables:
    """Map the first 16 MiB onto itself with pages of 4 KiB, or of 2 MiB if they are ``large``;
    tables from frame ``first`` on."""
    step, kind = (1 << INDEX_BITS, LARGE) if large else (1, 0)
    entries = [
        frame << PAGE_SHIFT | PRESENT | WRITABLE | kind
        | (USER if frame << PAGE_SHIFT >= USER_START else 0)
        for frame in range(0, MAPPED_BYTES >> PAGE_SHIFT, step)
    ]  # fmt: skip
    free = first
    for _ in range(levels - 1 if large else levels):
        tables = []
        for start in range(0, len(entries), 1 << INDEX_BITS):
            write_words(memory, free << PAGE_SHIFT, entries[start : start + (1 << INDEX_BITS)])
            tables.append(free << PAGE_SHIFT | PRESENT | WRITABLE | USER)
            free += 1
        entries = tables
    return Tables((entries[0] & ~0xFFF) >> PAGE_SHIFT, free)


def boot(cpu: Cpu, memory: Memory, entry: int, levels: int, large: bool = False) -> None:
    """Put the CPU and memory into the starting state; ``entry`` is the first instruction, and
    ``large`` says that pages of 2 MiB map memory."""
    write_words(memory, GDT_ADDRESS, gdt_entries())
    tables = identity_tables(memory, levels, TABLES_ADDRESS >> PAGE_SHIFT, large)
    for ring in range(3):
        write_words(memory, TSS_ADDRESS + 4 + 8 * ring, [STACK_TOP - 0x4000 * (ring + 1)])
    cpu.msrs[MSR_EFER] = EFER_SCE | EFER_NXE | (EFER_LME if levels > 2 else 0)
    cpu.load_cr3(tables.root << PAGE_SHIFT)
    cpu.gdtr = (GDT_ADDRESS, 8 * len(gdt_entries()) - 1)
    cpu.idtr = (IDT_ADDRESS, 0xFFF)
    cpu.set_code_segment(cpu.flat_segment(KERNEL_CS, code=True, dpl=0))
    data = cpu.flat_segment(KERNEL_SS, code=False, dpl=0)
    for number in (SS, DS, ES, FS, GS):
        cpu.segments[number] = data
    cpu.load_task_register(TSS_SELECTOR)
    cpu.regs[RSP] = STACK_TOP
    cpu.rip = entry
