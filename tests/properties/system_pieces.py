"""Pieces of kernel code that change control state: flags, interrupts, registers, tables."""

from __future__ import annotations

from typing import Final

from tests.properties import layout
from tests.properties.paging_pieces import flush
from tests.properties.plain_pieces import SELECTORS
from tests.properties.writer import SIZES, Writer, at
from virtdocs.machine.apic import TIMER_DEADLINE, TIMER_MASKED, TIMER_PERIODIC
from virtdocs.machine.board import CONSOLE_PORT, DEBUG_EXIT_PORT
from virtdocs.machine.firmware import GDT_ADDRESS
from virtdocs.machine.registers import (
    CR0_EM,
    CR0_MP,
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR0_WP,
    CR4_PGE,
    CR4_TSD,
    CR4_UMIP,
    CR4_VMXE,
    EFER_LME,
    EFER_LMSLE,
    EFER_NXE,
    EFER_SCE,
    EFER_SVME,
    MSR_EFER,
    MSR_FMASK,
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_LSTAR,
    MSR_STAR,
    MSR_TSC,
    MSR_TSC_DEADLINE,
    MSR_X2APIC_CURRENT_COUNT,
    MSR_X2APIC_EOI,
    MSR_X2APIC_ICR,
    MSR_X2APIC_ID,
    MSR_X2APIC_INITIAL_COUNT,
    MSR_X2APIC_LVT_TIMER,
    MSR_X2APIC_TPR,
    RAX,
    RCX,
    RDX,
    RSP,
)
from virtdocs.vmm.translator import BLOCK_INSTRUCTIONS

PAGING_CR0: Final = CR0_PE | CR0_PG
SHORTEST_PERIOD: Final = 61  # a tick's handler takes some 20 instructions
ICR_SELF: Final = 1 << 18


def write_msr(w: Writer, number: int, value: int) -> None:
    """wrmsr of a 64-bit value."""
    w.load(RCX, number)
    w.load(RAX, value & 0xFFFF_FFFF)
    w.load(RDX, value >> 32)
    w.put("wrmsr")


def timer(w: Writer) -> None:
    """Arm or disarm the timer, at an odd period."""
    rng = w.rng
    mode = rng.choice((0, 0, TIMER_PERIODIC, TIMER_DEADLINE, TIMER_MASKED, 3 << 17))
    write_msr(w, MSR_X2APIC_LVT_TIMER, layout.TIMER | mode)
    if mode == TIMER_DEADLINE:
        w.put("rdtsc")
        w.put("add", "ri", a=RAX, imm=rng.randrange(1, 200))
        w.load(RCX, MSR_TSC_DEADLINE)
        w.put("wrmsr")
    else:
        count = rng.randrange(1, 200) if mode == 0 else rng.randrange(SHORTEST_PERIOD, 400)
        write_msr(w, MSR_X2APIC_INITIAL_COUNT, count)
    if w.chance(0.5):
        w.put("sti")


def wait(w: Writer) -> None:
    """hlt, mostly with something to wake it."""
    if w.chance(0.95):
        write_msr(w, MSR_X2APIC_LVT_TIMER, layout.TIMER)
        write_msr(w, MSR_X2APIC_INITIAL_COUNT, w.rng.randrange(1, 90))
        w.put("sti")
    w.put("hlt")


def priorities(w: Writer) -> None:
    """The task priority, by cr8 and by MSR, with interrupts asked for in between."""
    rng = w.rng
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(5)
        if kind == 0:
            w.load(RAX, rng.choice((0, 0, 3, 4, 5, 15, 16)))
            w.put("mov", "cr", a=8, b=RAX)
        elif kind == 1:
            write_msr(w, MSR_X2APIC_TPR, rng.choice((0, 0x30, 0x40, 0x55, 0x100)))
        elif kind == 2:
            vector = rng.choice((layout.IPI, layout.TIMER, layout.IPI))
            write_msr(w, MSR_X2APIC_ICR, rng.choice((ICR_SELF, 1 << 14)) | vector)
        elif kind == 3:
            write_msr(w, MSR_X2APIC_EOI, rng.choice((0, 0, 1)))
        else:
            w.put("mov", "rc", a=w.register(), b=8)
    if w.chance(0.7):
        w.load(RAX, 0)
        w.put("mov", "cr", a=8, b=RAX)


def interrupt_after_sti(w: Writer) -> None:
    """A request waits; sti is the last instruction of a translated block or of a page."""
    w.put("cli")
    w.load(RAX, 0)
    w.put("mov", "cr", a=8, b=RAX)
    write_msr(w, MSR_X2APIC_ICR, ICR_SELF | layout.IPI)
    target = w.put("jmp", "i")
    w.aim(target)
    to_page_end = (layout.PAGE - 16 - w.at % layout.PAGE) // 16
    padding = to_page_end if to_page_end < BLOCK_INSTRUCTIONS else BLOCK_INSTRUCTIONS - 1
    for _ in range(padding if w.chance(0.8) else w.rng.randrange(BLOCK_INSTRUCTIONS)):
        w.put("nop")
    w.put("sti")
    w.put(w.rng.choice(("rdtsc", "pushf", "cli", "nop")))
    w.put("mov", "rm", at(layout.TICKS), a=w.register())


def control(w: Writer) -> None:
    """Control registers: read, written well and badly."""
    rng = w.rng
    kind = rng.randrange(7)
    if kind == 0:
        w.put("mov", "rc", a=w.register(), b=rng.choice((0, 2, 3, 4, 8, 1, 9)))
    elif kind == 1:
        w.put("mov", "rc", a=RDX, b=0)
        w.put("xor", "ri", a=RDX, imm=rng.choice((CR0_TS, CR0_MP, CR0_EM, CR0_PG, CR0_PE, 1 << 29)))
        w.put("mov", "cr", a=0, b=RDX)
    elif kind == 2:
        w.load(RDX, rng.choice((CR4_PGE, CR4_UMIP, CR4_TSD, CR4_VMXE, 0, CR4_PGE | CR4_UMIP, 1)))
        w.put("mov", "cr", a=4, b=RDX)
    elif kind == 3:
        w.load(RDX, w.number())
        w.put("mov", "cr", a=2, b=RDX)
    elif kind == 4:
        w.put(rng.choice(("clts", "invd", "wbinvd", "xsetbv", "swapgs", "pause")))
    elif kind == 5:
        w.load(RAX, rng.getrandbits(5))
        w.put("lmsw", "r", a=RAX)
    else:
        w.load(RDX, PAGING_CR0 | CR0_WP)
        w.put("mov", "cr", a=0, b=RDX)


def model_specific(w: Writer) -> None:
    """MSRs: bases that later accesses use, system-call set-up, odd numbers and values."""
    rng = w.rng
    kind = rng.randrange(6)
    bases = (MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE)
    if kind < 2:
        write_msr(w, rng.choice(bases), w.place(True) & -8)
    elif kind == 2:
        w.load(RCX, rng.choice((
            *bases, MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_FMASK, MSR_TSC, MSR_X2APIC_ID,
            MSR_X2APIC_TPR, MSR_X2APIC_EOI, MSR_X2APIC_CURRENT_COUNT, 0x1B, 0xC000_2000,
        )))  # fmt: skip
        w.put("rdmsr")
    elif kind == 3:
        on = EFER_NXE | (EFER_LME if w.levels > 2 else 0)
        extra = rng.choice((EFER_SCE, EFER_SCE, 0, EFER_SCE | EFER_LMSLE, EFER_SVME, EFER_LME))
        write_msr(w, MSR_EFER, on ^ extra)
    elif kind == 4:
        write_msr(w, rng.choice((MSR_FMASK, 0x1B, MSR_X2APIC_ID)), w.number())
    else:
        write_msr(w, rng.choice(bases), w.hole())


def set_bases(w: Writer) -> None:
    """fs and gs point to memory that may be written."""
    for msr in (MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE):
        write_msr(w, msr, w.edited())


def ports(w: Writer) -> None:
    """The console, and ports that nobody answers."""
    rng = w.rng
    port = rng.choice((CONSOLE_PORT, CONSOLE_PORT, 0x80, 0xCF8, 0xE8, 0xF3))
    size = rng.choice(SIZES[:3])
    write = w.chance(0.6)
    if port + size > DEBUG_EXIT_PORT >= port:
        size = 1
    if w.chance(0.5):
        w.load(RDX, port)
        w.put("out" if write else "in", "ra" if write else "ar", size=size)
    else:
        w.put("out" if write else "in", "ia" if write else "ai", imm=port, size=size)


def descriptor_tables(w: Writer) -> None:
    """Other descriptor tables and back, entries changed in place, and what sgdt and str tell."""
    rng = w.rng
    kind = rng.randrange(8)
    if kind < 2:
        w.put("lgdt", "m", at(layout.TABLE_POINTERS + 16 * rng.choice((0, 1, 1, 2))))
        for _ in range(2):
            w.load(RAX, rng.choice(SELECTORS))
            w.put("mov", "sr", a=rng.choice((0, 4, 5)), b=RAX)
    elif kind == 2:
        w.put("lidt", "m", at(layout.TABLE_POINTERS + 16 * rng.choice((3, 4))))
        w.put("int", "i", imm=rng.choice((3, 6, layout.RETURNING, layout.KERNEL_ONLY)))
    elif kind == 3:
        entry = GDT_ADDRESS + 8 * rng.randrange(3, 7)
        change = rng.choice((1 << 47, 1 << 45, 1 << 41, 1 << 43, 1 << 42, 1 << 55, 0xFF << 4))
        w.load(RAX, change)
        w.put("xor", "mr", at(entry), a=RAX)
    elif kind == 4:
        w.put(rng.choice(("sgdt", "sidt")), "m", at(layout.DATA + rng.randrange(4090)))
    elif kind == 5:
        w.put(rng.choice(("sldt", "str", "smsw")), "r", a=w.register())
    elif kind == 6:
        w.put(rng.choice(("sldt", "str", "smsw")), "m", at(layout.DATA + 64), size=8)
    else:
        w.load(RAX, rng.choice((0x38, 0x38, 0, 8, 0x3B, 0x40, 0xF8)))
        w.put(rng.choice(("ltr", "lldt")), "r", a=RAX)


def restore_tables(w: Writer) -> None:
    """Back to the first tables, and to good segments."""
    w.put("lgdt", "m", at(layout.TABLE_POINTERS))
    w.put("lidt", "m", at(layout.TABLE_POINTERS + 16 * 3))
    w.load(RSP, layout.STACK)
    flush(w)
