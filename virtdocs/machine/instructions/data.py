"""Moves: mov, lea, xchg, push, pop. Innocuous everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Instruction
from virtdocs.machine.registers import RSP, WORD_MASK

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("data", 0x01)


@DECLARED.instruction("mov", "rr", "ri", "rm", "mr", "mi")
def mov(cpu: Cpu, ins: Instruction) -> None:
    """Copy a register, immediate or memory operand; narrow loads are zero-extended."""
    cpu.set_first(ins, cpu.get_second(ins))


@DECLARED.instruction("lea", "rm")
def lea(cpu: Cpu, ins: Instruction) -> None:
    """Load the effective address; no memory access, no flag."""
    cpu.regs[ins.a] = cpu.offset(ins)


@DECLARED.instruction("xchg", "rr", "mr")
def xchg(cpu: Cpu, ins: Instruction) -> None:
    """Exchange two operands; with memory it is one atomic step."""
    other = cpu.get_first(ins)
    register = ins.b if ins.form == "rr" else ins.a
    value = cpu.regs[register]
    cpu.set_first(ins, value)
    cpu.regs[register] = other


@DECLARED.instruction("push", "r", "i", "m")
def push(cpu: Cpu, ins: Instruction) -> None:
    """Push a 64-bit value."""
    cpu.push(cpu.get_first(ins))


@DECLARED.instruction("pop", "r", "m")
def pop(cpu: Cpu, ins: Instruction) -> None:
    """Pop a 64-bit value."""
    value = cpu.load_stack(0)
    if ins.form == "r":
        cpu.regs[RSP] = cpu.regs[RSP] + 8 & WORD_MASK
        cpu.regs[ins.a] = value
        return
    # SDM vol. 2, POP: the address of a memory operand is computed after rsp moved.
    before = cpu.regs[RSP]
    cpu.regs[RSP] = before + 8 & WORD_MASK
    try:
        cpu.set_first(ins, value)
    except Exception:
        cpu.regs[RSP] = before
        raise
