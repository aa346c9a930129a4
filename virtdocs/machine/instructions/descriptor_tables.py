"""The descriptor-table registers: loads are privileged, stores are not (before UMIP)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Handler, Instruction
from virtdocs.machine.paging import canonical
from virtdocs.machine.registers import CR4_UMIP, GP, WORD_MASK
from virtdocs.machine.traps import fault
from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("descriptor_tables", 0xA0)
PSEUDO_DESCRIPTOR_BYTES: Final = 16  # a word for the limit, a word for the base: our format


def _load_table(mnemonic: str) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        cpu.require_cpl0()
        cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
        address = cpu.address(ins, PSEUDO_DESCRIPTOR_BYTES)
        limit = cpu.load(address, 8) & 0xFFFF
        base = cpu.load(address + 8 & WORD_MASK, 8)
        if not canonical(base, cpu.mmu.levels):
            raise fault(GP, 0)
        setattr(cpu, mnemonic[1:] + "r", (base, limit))

    name = mnemonic[1:].upper() + "R"
    execute.__doc__ = f"Load {name} from memory: limit, then base. #GP outside CPL 0."
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, "m")(execute)


def _store_table(mnemonic: str) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        cpu.refuse_user_when(CR4_UMIP)
        cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
        base, limit = getattr(cpu, mnemonic[1:] + "r")
        address = cpu.address(ins, PSEUDO_DESCRIPTOR_BYTES)
        cpu.store_pair(address, limit, base)

    name = mnemonic[1:].upper() + "R"
    execute.__doc__ = f"Store {name} at any CPL, unless CR4.UMIP is set: shows the monitor's table."
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, "m")(execute)


_load_table("lgdt")
_load_table("lidt")
_store_table("sgdt")
_store_table("sidt")


@DECLARED.instruction("lldt", "r", "m")
def lldt(cpu: Cpu, ins: Instruction) -> None:
    """Load LDTR; only null is accepted, as there are no LDTs here. #GP outside CPL 0."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
    cpu.load_ldtr(cpu.get_first(ins) & 0xFFFF)


@DECLARED.instruction("ltr", "r", "m")
def ltr(cpu: Cpu, ins: Instruction) -> None:
    """Load the task register from a TSS descriptor. #GP outside CPL 0."""
    cpu.require_cpl0()
    cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
    cpu.load_task_register(cpu.get_first(ins) & 0xFFFF)


@DECLARED.instruction("sldt", "r", "m")
def sldt(cpu: Cpu, ins: Instruction) -> None:
    """Store the LDTR selector at any CPL, unless CR4.UMIP is set."""
    cpu.refuse_user_when(CR4_UMIP)
    cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
    cpu.set_first(ins, cpu.ldtr)


@DECLARED.instruction("str", "r", "m")
def str_(cpu: Cpu, ins: Instruction) -> None:
    """Store the task-register selector at any CPL, unless CR4.UMIP is set."""
    cpu.refuse_user_when(CR4_UMIP)
    cpu.intercept(ExitReason.DESCRIPTOR_TABLE, ins)
    cpu.set_first(ins, cpu.task_selector)
