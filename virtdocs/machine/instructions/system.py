"""Control registers, model-specific registers, time, identity, halt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Instruction
from virtdocs.machine.registers import (
    CONTROL_NAMES,
    CR0_MASK,
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR4_MASK,
    CR4_TSD,
    CR4_UMIP,
    GP,
    GS,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    RAX,
    RBX,
    RCX,
    RDX,
    UD,
    WORD_MASK,
)
from virtdocs.machine.traps import Trap, TrapKind, Trapped, fault
from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("system", 0x80)
LOW_HALF: Final = 0xFFFF_FFFF


@DECLARED.instruction("hlt")
def hlt(cpu: Cpu, ins: Instruction) -> None:
    """Wait for an interrupt; #GP outside CPL 0."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.HLT, ins)
    raise Trapped(Trap(TrapKind.HALT, ins=ins))


@DECLARED.instruction("mov", "cr", "rc")
def mov_cr(cpu: Cpu, ins: Instruction) -> None:
    """Read or write a control register; #GP outside CPL 0, #UD for one that does not exist."""
    writing = ins.form == "cr"
    number = ins.a if writing else ins.b
    if number not in CONTROL_NAMES:
        raise fault(UD)
    cpu.require_cpl0()
    cpu.intercept(
        ExitReason.CR_ACCESS, ins, cr=number, write=int(writing), reg=ins.b if writing else ins.a
    )
    if writing:
        write_control(cpu, number, cpu.regs[ins.b])
    else:
        cpu.regs[ins.a] = cpu.read_control(number)


def write_control(cpu: Cpu, number: int, value: int) -> None:
    """The checks and effects of a control-register write (SDM vol. 3A §2.5)."""
    if number == 0:
        # Paging cannot be turned off once on: the board boots with paging.
        if value & ~CR0_MASK or not value & CR0_PE or not value & CR0_PG:
            raise fault(GP, 0)
        cpu.cr0 = value
        cpu.mmu.flush()
    elif number == 2:
        cpu.cr2 = value
    elif number == 3:
        if value >> 52:
            raise fault(GP, 0)
        cpu.load_cr3(value)
    elif number == 4:
        if value & ~CR4_MASK:
            raise fault(GP, 0)
        cpu.cr4 = value
        cpu.mmu.flush()
    else:
        if value > 15:
            raise fault(GP, 0)
        cpu.apic.task_priority = value


@DECLARED.instruction("clts")
def clts(cpu: Cpu, ins: Instruction) -> None:
    """Clear CR0.TS; #GP outside CPL 0."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.CR_ACCESS, ins, cr=0, write=1, clts=1)
    cpu.cr0 &= ~CR0_TS


@DECLARED.instruction("lmsw", "r", "m")
def lmsw(cpu: Cpu, ins: Instruction) -> None:
    """Load PE, MP, EM, TS of CR0; cannot clear PE. #GP outside CPL 0."""
    cpu.require_cpl0()
    value = cpu.get_first(ins)
    cpu.intercept(ExitReason.CR_ACCESS, ins, cr=0, write=1, lmsw=1)
    cpu.cr0 = cpu.cr0 & ~0xE | value & 0xE | CR0_PE


@DECLARED.instruction("smsw", "r", "m")
def smsw(cpu: Cpu, ins: Instruction) -> None:
    """Store CR0 at any CPL, unless CR4.UMIP is set: sensitive, and it does not trap."""
    cpu.refuse_user_when(CR4_UMIP)
    cpu.set_first(ins, cpu.cr0)


@DECLARED.instruction("invlpg", "m")
def invlpg(cpu: Cpu, ins: Instruction) -> None:
    """Drop one page from the TLB; #GP outside CPL 0."""
    cpu.require_cpl0()
    _, address = cpu.linear(ins)  # no limit and no canonical check: such an address is a no-op
    cpu.intercept(ExitReason.INVLPG, ins, address=address)
    cpu.mmu.invalidate(address)


@DECLARED.instruction("invd")
def invd(cpu: Cpu, ins: Instruction) -> None:
    """Drop the caches; there are none to drop here. #GP outside CPL 0."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.INVD, ins)


@DECLARED.instruction("wbinvd")
def wbinvd(cpu: Cpu, ins: Instruction) -> None:
    """Write back and drop the caches; there are none here. #GP outside CPL 0."""
    cpu.require_cpl0()


@DECLARED.instruction("rdmsr")
def rdmsr(cpu: Cpu, ins: Instruction) -> None:
    """Read the MSR in ecx into edx:eax; #GP outside CPL 0 and for an unknown MSR."""
    cpu.require_cpl0()
    number = cpu.regs[RCX] & LOW_HALF
    cpu.intercept(ExitReason.MSR_READ, ins, msr=number)
    cpu.reach("msr", number)
    value = cpu.read_msr(number)
    cpu.regs[RAX], cpu.regs[RDX] = value & LOW_HALF, value >> 32


@DECLARED.instruction("wrmsr")
def wrmsr(cpu: Cpu, ins: Instruction) -> None:
    """Write edx:eax to the MSR in ecx; #GP outside CPL 0 and for an unknown MSR."""
    cpu.require_cpl0()
    number = cpu.regs[RCX] & LOW_HALF
    value = (cpu.regs[RDX] & LOW_HALF) << 32 | cpu.regs[RAX] & LOW_HALF
    cpu.intercept(ExitReason.MSR_WRITE, ins, msr=number, value=value)
    cpu.reach("msr", number)
    cpu.write_msr(number, value)


@DECLARED.instruction("rdtsc")
def rdtsc(cpu: Cpu, ins: Instruction) -> None:
    """Read the time-stamp counter into edx:eax; #GP in user mode when CR4.TSD is set."""
    if cpu.cpl != 0 and cpu.cr4 & CR4_TSD:
        raise fault(GP, 0)
    cpu.intercept(ExitReason.RDTSC, ins)
    value = cpu.time_stamp() & WORD_MASK
    cpu.regs[RAX], cpu.regs[RDX] = value & LOW_HALF, value >> 32


@DECLARED.instruction("cpuid")
def cpuid(cpu: Cpu, ins: Instruction) -> None:
    """Identify the processor: leaf in eax. Never traps by itself, at any CPL."""
    leaf = cpu.regs[RAX] & LOW_HALF
    cpu.intercept(ExitReason.CPUID, ins, leaf=leaf)
    answer = cpu.cpuid_leaf(leaf)
    cpu.regs[RAX], cpu.regs[RBX], cpu.regs[RCX], cpu.regs[RDX] = answer


@DECLARED.instruction("swapgs")
def swapgs(cpu: Cpu, ins: Instruction) -> None:
    """Exchange the GS base with KERNEL_GS_BASE; #GP outside CPL 0."""
    cpu.require_cpl0()
    msrs = cpu.msrs
    msrs[MSR_GS_BASE], msrs[MSR_KERNEL_GS_BASE] = msrs[MSR_KERNEL_GS_BASE], msrs[MSR_GS_BASE]
    cpu.segment_base[GS] = msrs[MSR_GS_BASE]


@DECLARED.instruction("xsetbv")
def xsetbv(cpu: Cpu, ins: Instruction) -> None:
    """Set an extended control register; this machine has none, so #UD unless a VMX guest exits."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.XSETBV, ins)
    raise fault(UD)
