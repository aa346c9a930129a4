"""Port I/O: in and out. The CPU checks IOPL; what answers is the bus's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Instruction
from virtdocs.machine.registers import GP, RAX, RDX
from virtdocs.machine.traps import fault
from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("ports", 0x70)


def _port(cpu: Cpu, ins: Instruction, write: bool) -> int:
    # No TSS permission bitmap here: with CPL > IOPL every port is refused (SDM vol. 1 §19.5).
    if cpu.cpl > cpu.iopl:
        raise fault(GP, 0)
    port = (ins.imm if "i" in ins.form else cpu.regs[RDX]) & 0xFFFF
    if cpu.controls is not None:
        cpu.intercept(ExitReason.IO, ins, port=port, size=ins.size, write=int(write))
    if cpu.resource_guard is not None:
        for number in range(port, port + ins.size):
            cpu.reach("port", number)
    return port


@DECLARED.instruction("in", "ar", "ai")
def in_(cpu: Cpu, ins: Instruction) -> None:
    """Read a port into al, ax or eax; #GP when CPL > IOPL."""
    port = _port(cpu, ins, write=False)
    cpu.bus.registers = cpu.regs
    value = cpu.bus.port_read(port, ins.size)
    if ins.size == 4:
        cpu.regs[RAX] = value
    else:
        keep = ~((1 << 8 * ins.size) - 1)
        cpu.regs[RAX] = cpu.regs[RAX] & keep | value


@DECLARED.instruction("out", "ra", "ia")
def out(cpu: Cpu, ins: Instruction) -> None:
    """Write al, ax or eax to a port; #GP when CPL > IOPL."""
    port = _port(cpu, ins, write=True)
    cpu.bus.registers = cpu.regs
    cpu.bus.port_write(port, ins.size, cpu.regs[RAX] & (1 << 8 * ins.size) - 1)
