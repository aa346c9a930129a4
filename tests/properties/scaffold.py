"""What all random guests share: start-up, handlers, descriptor tables, a second tree of tables.

A fault in the guest's own code is repaired (a missing page of an edited region, every
other time) or skipped; one from anywhere else goes on with the next piece of the
kernel, whose address the pieces keep in a word. So a guest goes on whatever it does,
until it has faulted too often.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from tests.properties import layout
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.machine.firmware import KERNEL_CS, KERNEL_SS, MAPPED_BYTES, TABLES_ADDRESS, USER_START
from virtdocs.machine.interrupts import make_gate
from virtdocs.machine.paging import PRESENT, USER, WRITABLE
from virtdocs.machine.registers import (
    HAS_ERROR_CODE,
    MSR_FMASK,
    MSR_LSTAR,
    MSR_STAR,
    MSR_X2APIC_EOI,
)

STUB_BYTES: Final = 64
EXCEPTIONS: Final = 32
STAR: Final = 0x20 << 48 | KERNEL_CS << 32
FLAGS_CLEARED_BY_SYSCALL: Final = 0x200

TEXT: Final = """
.org HANDLERS
start:
    mov rsp, STACK
    mov rsi, EDITS
edit:
    mov rdi, [rsi]
    test rdi, rdi
    je edited
    mov rax, [rsi+8]
    mov [rdi], rax
    add rsi, 16
    jmp edit
edited:
    mov rax, cr3
    mov cr3, rax
    mov rcx, MSR_STAR
    mov rdx, STAR_HIGH
    mov rax, 0
    wrmsr
    mov rcx, MSR_LSTAR
    mov rdx, 0
    mov rax, system_call
    wrmsr
    mov rcx, MSR_FMASK
    mov rax, FMASK
    wrmsr
    mov rsi, 0
    mov rdi, 0
    jmp BODY

common:                         ; stack: vector, error, rip, cs, rflags, rsp, ss
    push rax
    push rcx
    push rdx
    mov rax, KERNEL_SS
    mov ds, rax
    mov rax, [FAULTS]
    inc rax
    mov [FAULTS], rax
    cmp rax, FAULT_LIMIT
    ja give_up
    cmp [rsp+24], 14
    jne skip
    mov rdx, cr2
    cmp rdx, [rsp+40]
    je recover                  ; code that cannot be fetched
    test rax, 1
    je skip
    cmp rdx, EDITED
    jb skip
    cmp rdx, MAPPED
    jae skip
    shr rdx, 12
    mov rax, rdx
    shl rax, 12
    or rax, 7
    mov [rdx*8+TABLES], rax
    mov rdx, cr2
    invlpg [rdx]
    jmp leave
skip:
    mov rax, [rsp+40]
    test rax, 15
    jne recover
    cmp rax, BODY
    jb recover
    cmp rax, BODY_END
    jb skipped
    cmp rax, RING1_CODE
    jb recover
    cmp rax, RING1_END
    jb skipped
    cmp rax, FUNCTIONS
    jb recover
    cmp rax, FUNCTIONS_END
    jb in_function
    cmp rax, USER_CODE
    jb recover
    cmp rax, USER_CODE_END
    jb skipped
    cmp rax, USER_FUNCTIONS_END
    jae recover
in_function:
    test rax, 0x80              ; beyond its last instruction
    jne recover
skipped:
    add rax, 16
    mov [rsp+40], rax
leave:
    pop rdx
    pop rcx
    pop rax
    lea rsp, [rsp+16]
    iret
recover:
    mov rsp, STACK
    mov rax, KERNEL_SS
    mov ds, rax
    mov ss, rax
    jmp [NEXT]
give_up:
    mov rax, GAVE_UP
    out 0xf4, al

timer:
    push rax
    push rcx
    push rdx
    mov rax, KERNEL_SS
    mov ds, rax
    inc [TICKS]
    mov rcx, MSR_EOI
    mov rax, 0
    mov rdx, 0
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iret
software:
    push rax
    mov rax, KERNEL_SS
    mov ds, rax
    inc [SOFTWARE]
    pop rax
    iret
system_call:
    test rax, rax
    je recover
    push rax
    mov rax, KERNEL_SS
    mov ds, rax
    pop rax
    inc [CALLS]
    sysret
"""


def _stubs() -> str:
    lines = [f".org {layout.HANDLERS + 0x1000:#x}", "stubs:"]
    for vector in range(EXCEPTIONS):
        first = "nop" if vector in HAS_ERROR_CODE else "push 0"
        lines += [f"    {first}", f"    push {vector}", "    jmp common", "    nop"]
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=1)
def scaffold() -> Program:
    """The handlers, assembled."""
    names = {n: v for n, v in vars(layout).items() if n.isupper() and isinstance(v, int)}
    names |= {
        "KERNEL_SS": KERNEL_SS, "TABLES": TABLES_ADDRESS, "MAPPED": MAPPED_BYTES,
        "MSR_STAR": MSR_STAR, "MSR_LSTAR": MSR_LSTAR, "MSR_FMASK": MSR_FMASK,
        "MSR_EOI": MSR_X2APIC_EOI, "STAR_HIGH": STAR >> 32, "FMASK": FLAGS_CLEARED_BY_SYSCALL,
    }  # fmt: skip
    return assemble(TEXT + _stubs(), "scaffold.s", constants=names)


@lru_cache(maxsize=1)
def gates() -> tuple[tuple[int, int], ...]:
    """The interrupt descriptor table, 256 gates of two words; absent ones are zero."""
    labels = scaffold().labels
    found = {
        vector: make_gate(labels["stubs"] + STUB_BYTES * vector, KERNEL_CS, dpl=3 * (vector == 3))
        for vector in range(EXCEPTIONS)
    }
    found |= {
        layout.TIMER: make_gate(labels["timer"], KERNEL_CS),
        layout.IPI: make_gate(labels["timer"], KERNEL_CS),
        layout.KERNEL_ONLY: make_gate(labels["software"], KERNEL_CS, trap=True),
        layout.BACK_TO_KERNEL: make_gate(labels["recover"], KERNEL_CS, dpl=3),
        layout.RETURNING: make_gate(labels["software"], KERNEL_CS, dpl=3, trap=True),
    }
    return tuple(found.get(vector, (0, 0)) for vector in range(256))


def second_tree(levels: int) -> tuple[int, bytes]:
    """The root's physical address and five pages: the firmware's map but for two last tables.

    The two switched regions are mapped in reverse order of pages.
    """
    pages = [[0] * 512 for _ in range(5)]
    directory, third, fourth, kernel, user = pages
    whole = PRESENT | WRITABLE | USER
    for region in range(MAPPED_BYTES // layout.REGION):
        directory[region] = TABLES_ADDRESS + layout.PAGE * region | whole
    for table, number, start in ((kernel, 3, layout.SWITCHED), (user, 4, layout.USER_SWITCHED)):
        rights = PRESENT | WRITABLE | (USER if start >= USER_START else 0)
        for n in range(512):
            table[n] = start + layout.PAGE * (511 - n) | rights
        directory[start // layout.REGION] = layout.TREE + layout.PAGE * number | whole
    third[0] = layout.TREE | whole
    fourth[0] = layout.TREE + layout.PAGE | whole
    root = layout.TREE + (2 * layout.PAGE if levels == 4 else 0)
    return root, b"".join(struct.pack("<512Q", *page) for page in pages)
