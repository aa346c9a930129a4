"""The start of a PVH guest: entered directly, without firmware.

The builder leaves a start info page whose address is in rbx, flat segments, and
nothing in the descriptor-table registers. Xen enters in 32-bit mode without paging; as
this board always pages, the guest finds tables that map its memory onto itself, and is
in long mode already. (Xen: docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h.)
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import (
    KERNEL_CS,
    KERNEL_SS,
    STACK_TOP,
    TABLES_ADDRESS,
    identity_tables,
    write_words,
)
from virtdocs.machine.memory import PAGE_SHIFT, Memory
from virtdocs.machine.registers import (
    DS,
    EFER_LME,
    EFER_NXE,
    EFER_SCE,
    ES,
    FS,
    GS,
    MSR_EFER,
    RBX,
    RSP,
    SS,
)

START_INFO: Final = 0x2_0000
MEMORY_MAP: Final = START_INFO + 0x100
MAGIC: Final = 0x336E_C578
VERSION: Final = 1
RAM: Final = 1  # type of an entry of the memory map


def enter_pvh(cpu: Cpu, memory: Memory, entry: int, levels: int, large: bool = False) -> None:
    """Put the CPU and memory into the starting state, as ``firmware.boot`` does."""
    tables = identity_tables(memory, levels, TABLES_ADDRESS >> PAGE_SHIFT, large)
    # magic, version | flags, modules | their list | command line | ACPI | memory map | its length
    info = [MAGIC | VERSION << 32, 0, 0, 0, 0, MEMORY_MAP, 1]
    write_words(memory, START_INFO, info)
    write_words(memory, MEMORY_MAP, [0, memory.frames << PAGE_SHIFT, RAM])
    cpu.msrs[MSR_EFER] = EFER_SCE | EFER_NXE | (EFER_LME if levels > 2 else 0)
    cpu.load_cr3(tables.root << PAGE_SHIFT)
    cpu.set_code_segment(cpu.flat_segment(KERNEL_CS, code=True, dpl=0))
    data = cpu.flat_segment(KERNEL_SS, code=False, dpl=0)
    for number in (SS, DS, ES, FS, GS):
        cpu.segments[number] = data
    cpu.regs[RSP] = STACK_TOP
    cpu.regs[RBX] = START_INFO
    cpu.rip = entry
