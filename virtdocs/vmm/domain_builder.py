"""The domain builder: what a PV guest finds when it starts, in place of firmware.

It gets page tables of its own that map its memory, already checked; a page that
says where things are; a page shared with the hypervisor; the list of its machine
frames; and a page of entry stubs for hypercalls. (Xen's public/xen.h, "start of
day"; layout of the pages as in guest/images/kernel/layout.s.)
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import (
    RING1_CS,
    RING1_SS,
    STACK_TOP,
    TABLES_ADDRESS,
    USER_CS,
    USER_SS,
    USER_START,
    gdt_entries,
    write_words,
)
from virtdocs.machine.isa import Instruction, encode
from virtdocs.machine.memory import PAGE_SHIFT, GuestMemory, Memory
from virtdocs.machine.paging import INDEX_BITS, PRESENT, USER, WRITABLE
from virtdocs.machine.registers import (
    DS,
    EFER_LME,
    EFER_NXE,
    EFER_SCE,
    ES,
    FS,
    GS,
    IF,
    MSR_EFER,
    RAX,
    RSI,
    RSP,
    SS,
)
from virtdocs.machine.segments import Descriptor, loaded
from virtdocs.vmm.monitor_region import GUEST_LIMIT
from virtdocs.vmm.translation_cache import make

START_INFO: Final = 0x2_0000
SHARED_INFO: Final = 0x2_1000
FRAME_LIST: Final = 0x2_2000
HYPERCALL_STRIDE: Final = 64
HYPERCALL_VECTOR: Final = 0x82
HYPERCALL_COUNT: Final = 64


def build_tables(memory: GuestMemory, levels: int) -> tuple[int, int]:
    """Tables side by side, the top one first, themselves mapped read-only.

    Returns the top table's frame as the guest counts, and how many frames they take.
    """
    per_level = [len(memory.frame_of) >> INDEX_BITS]
    while len(per_level) < levels:
        per_level.append(-(-per_level[-1] >> INDEX_BITS) or 1)
    total = sum(per_level)
    top = TABLES_ADDRESS >> PAGE_SHIFT
    tables = range(top, top + total)
    entries = []
    for frame, machine in enumerate(memory.frame_of):
        assert machine is not None
        flags = PRESENT | (0 if frame in tables else WRITABLE)
        user = USER if frame << PAGE_SHIFT >= USER_START else 0
        entries.append(machine << PAGE_SHIFT | flags | user)
    end = top + total
    for count in per_level:
        first = end - count
        for n in range(count):
            chunk = entries[n << INDEX_BITS : (n + 1) << INDEX_BITS]
            write_words(memory, first + n << PAGE_SHIFT, chunk)
        entries = [
            (memory.frame_of[first + n] or 0) << PAGE_SHIFT | PRESENT | WRITABLE | USER
            for n in range(count)
        ]
        end = first
    return top, total


def pv_hypercall_instruction(long_mode: bool) -> Instruction:
    """What enters the hypervisor from a PV kernel: syscall where it has ring 3, else int 0x82."""
    return make("syscall") if long_mode else make("int", "i", imm=HYPERCALL_VECTOR)


def hypercall_instruction(vendor: str) -> Instruction:
    """What enters the hypervisor from guest mode: each vendor has its own."""
    return make("vmcall" if vendor == "intel" else "vmmcall")


def write_hypercall_page(memory: Memory, address: int, enter: Instruction) -> None:
    """Fill a page of the guest's with stubs: mov rax, number; ``enter``; ret."""
    for number in range(HYPERCALL_COUNT):
        stub = [make("mov", "ri", a=RAX, imm=number), enter, make("ret")]
        words = [word for ins in stub for word in encode(ins)]
        write_words(memory, address + number * HYPERCALL_STRIDE, words)


def write_start_info(memory: GuestMemory, top: int, table_frames: int) -> None:
    """The pages that tell the guest where it is."""
    frames = [frame or 0 for frame in memory.frame_of]
    write_words(memory, FRAME_LIST, frames)
    info = [len(frames), SHARED_INFO, top << PAGE_SHIFT, table_frames, FRAME_LIST, 0]
    write_words(memory, START_INFO, info)
    write_words(memory, SHARED_INFO, [0, 1, 0, 0, 0, 0])


def paravirtual_gdt() -> list[int]:
    """The hypervisor's descriptor table, with what a PV guest may load: nothing of ring 0.

    Limits stop below the hypervisor; in long mode they do not hold, paging does the work.
    """
    entries = gdt_entries()
    allowed = []
    for raw in entries:
        descriptor = Descriptor(raw)
        fits = descriptor.segment and descriptor.dpl > 0
        allowed.append(descriptor.with_limit(GUEST_LIMIT).raw if fits else 0)
    return allowed


def enter_domain(cpu: Cpu, gdt_address: int, entry: int, long_mode: bool) -> None:
    """The registers of a domain's first instruction."""
    cpu.gdtr = (gdt_address, 8 * len(gdt_entries()) - 1)
    cpu.monitor_entry = True
    cpu.msrs[MSR_EFER] = EFER_SCE | EFER_NXE | (EFER_LME if long_mode else 0)
    code, data = (USER_CS, USER_SS) if long_mode else (RING1_CS | 1, RING1_SS | 1)
    cpu.set_code_segment(loaded(code, cpu.descriptor(code)))
    for number in (SS, DS, ES, FS, GS):
        cpu.segments[number] = loaded(data, cpu.descriptor(data))
    cpu.rflags |= IF
    cpu.regs[RSP] = STACK_TOP
    cpu.regs[RSI] = START_INFO
    cpu.rip = entry
