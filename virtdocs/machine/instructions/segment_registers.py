"""Segment registers and the instructions that look at descriptors.

None of them traps for being run outside CPL 0, and each can tell a deprivileged
kernel where it is (Robin & Irvine 2000, §3.2): a selector shows the CPL, and what
lar, lsl, verr and verw answer depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Instruction
from virtdocs.machine.registers import CS, RSP, SS, UD, WORD_MASK, ZF
from virtdocs.machine.segments import SYSTEM_WITH_LIMIT, SYSTEM_WITH_RIGHTS
from virtdocs.machine.traps import fault

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("segment_registers", 0xB0)


@DECLARED.instruction("mov", "sr", "rs")
def mov_sreg(cpu: Cpu, ins: Instruction) -> None:
    """Read or load a segment register; loading cs this way is #UD."""
    if ins.form == "rs":
        if ins.b >= len(cpu.segments):
            raise fault(UD)
        cpu.regs[ins.a] = cpu.segments[ins.b].selector
        return
    if ins.a >= len(cpu.segments) or ins.a == CS:
        raise fault(UD)
    cpu.load_segment(ins.a, cpu.regs[ins.b] & 0xFFFF)
    if ins.a == SS:
        cpu.interrupt_shadow = 2  # as after sti (SDM vol. 2, MOV: loading SS)


@DECLARED.instruction("push", "s")
def push_sreg(cpu: Cpu, ins: Instruction) -> None:
    """Push a selector: ``push cs`` shows the real CPL."""
    if ins.a >= len(cpu.segments):
        raise fault(UD)
    cpu.push(cpu.segments[ins.a].selector)


@DECLARED.instruction("pop", "s")
def pop_sreg(cpu: Cpu, ins: Instruction) -> None:
    """Pop into a segment register, with the descriptor checks of a load."""
    if ins.a >= len(cpu.segments) or ins.a == CS:
        raise fault(UD)
    selector = cpu.load_stack(0) & 0xFFFF
    cpu.load_segment(ins.a, selector)
    cpu.regs[RSP] = cpu.regs[RSP] + 8 & WORD_MASK
    if ins.a == SS:
        cpu.interrupt_shadow = 2


def _report(cpu: Cpu, visible: bool) -> None:
    cpu.rflags = cpu.rflags | ZF if visible else cpu.rflags & ~ZF


@DECLARED.instruction("lar", "rr")
def lar(cpu: Cpu, ins: Instruction) -> None:
    """Access rights of a descriptor, if the CPL and RPL may see it; ZF tells."""
    descriptor = cpu.visible_descriptor(cpu.regs[ins.b] & 0xFFFF, SYSTEM_WITH_RIGHTS)
    if descriptor is not None:
        cpu.regs[ins.a] = descriptor.access_rights
    _report(cpu, descriptor is not None)


@DECLARED.instruction("lsl", "rr")
def lsl(cpu: Cpu, ins: Instruction) -> None:
    """Limit of a segment, if the CPL and RPL may see it; ZF tells."""
    descriptor = cpu.visible_descriptor(cpu.regs[ins.b] & 0xFFFF, SYSTEM_WITH_LIMIT)
    if descriptor is not None:
        cpu.regs[ins.a] = descriptor.limit
    _report(cpu, descriptor is not None)


@DECLARED.instruction("verr", "r")
def verr(cpu: Cpu, ins: Instruction) -> None:
    """Whether a segment could be read from here; ZF tells."""
    descriptor = cpu.visible_descriptor(cpu.regs[ins.a] & 0xFFFF)
    _report(cpu, descriptor is not None and descriptor.readable)


@DECLARED.instruction("verw", "r")
def verw(cpu: Cpu, ins: Instruction) -> None:
    """Whether a segment could be written from here; ZF tells."""
    descriptor = cpu.visible_descriptor(cpu.regs[ins.a] & 0xFFFF)
    _report(cpu, descriptor is not None and descriptor.writable)
