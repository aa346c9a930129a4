"""The flags register: pushf, popf, cli, sti and the carry.

``popf`` is the instruction this subject is about: outside the I/O privilege level
it leaves IF as it was, and says nothing (SDM vol. 2, POPF, table "effect on flags").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CF,
    FLAGS_MASK,
    FLAGS_ONE,
    GP,
    IF,
    IOPL,
    RSP,
    WORD_MASK,
)
from virtdocs.machine.traps import fault

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("flags", 0x60)


def writable_flags(cpl: int, iopl: int) -> int:
    """The RFLAGS bits that popf and iret may change at this privilege."""
    mask = ARITHMETIC_FLAGS
    if cpl <= iopl:
        mask |= IF
    if cpl == 0:
        mask |= IOPL
    return mask


@DECLARED.instruction("pushf")
def pushf(cpu: Cpu, ins: Instruction) -> None:
    """Push RFLAGS, the real ones: it never traps, so a deprivileged kernel sees the monitor's."""
    cpu.push(cpu.rflags)


@DECLARED.instruction("popf")
def popf(cpu: Cpu, ins: Instruction) -> None:
    """Pop RFLAGS; IF silently stays when CPL > IOPL, IOPL silently stays when CPL > 0."""
    value = cpu.load_stack(0)
    cpu.regs[RSP] = cpu.regs[RSP] + 8 & WORD_MASK
    mask = writable_flags(cpu.cpl, cpu.iopl)
    cpu.rflags = cpu.rflags & ~mask & FLAGS_MASK | value & mask | FLAGS_ONE


@DECLARED.instruction("cli")
def cli(cpu: Cpu, ins: Instruction) -> None:
    """Clear IF; #GP when CPL > IOPL."""
    if cpu.cpl > cpu.iopl:
        raise fault(GP, 0)
    cpu.rflags &= ~IF


@DECLARED.instruction("sti")
def sti(cpu: Cpu, ins: Instruction) -> None:
    """Set IF; #GP when CPL > IOPL. Interrupts wait for one more instruction."""
    if cpu.cpl > cpu.iopl:
        raise fault(GP, 0)
    if not cpu.rflags & IF:
        cpu.interrupt_shadow = 2  # ends after the instruction that follows (SDM vol. 2, STI)
    cpu.rflags |= IF


@DECLARED.instruction("stc")
def stc(cpu: Cpu, ins: Instruction) -> None:
    """Set CF."""
    cpu.rflags |= CF


@DECLARED.instruction("clc")
def clc(cpu: Cpu, ins: Instruction) -> None:
    """Clear CF."""
    cpu.rflags &= ~CF
