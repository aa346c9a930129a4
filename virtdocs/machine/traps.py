"""What ends an instruction early: the trap that ``Cpu.step`` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.isa import Instruction


class TrapKind(StrEnum):
    """How control leaves the instruction stream."""

    FAULT = "fault"  # exception; rip stays at the instruction
    SOFTWARE_INTERRUPT = "software_interrupt"  # int n; rip is after the instruction
    SYSCALL = "syscall"  # syscall while the entry point belongs to a monitor
    EXIT = "exit"  # VM exit
    HALT = "halt"  # hlt retired; the CPU waits
    INTERRUPT = "interrupt"  # an external interrupt reached a CPU whose IDT is a monitor's
    SHUTDOWN = "shutdown"  # triple fault


@dataclass(frozen=True, slots=True)
class Trap:
    """One trap: vector, error and address for exceptions, reason and detail for exits."""

    kind: TrapKind
    vector: int = 0
    error: int | None = None
    address: int | None = None
    reason: ExitReason | None = None
    detail: dict[str, int] = field(default_factory=dict)
    ins: Instruction | None = None


class Trapped(Exception):
    """Carries a trap out of an instruction handler to ``Cpu.step``."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap
        super().__init__(trap)


def fault(vector: int, error: int | None = None, address: int | None = None) -> Trapped:
    """The exception to raise for a fault; the error code is 0 where the vector has one."""
    return Trapped(Trap(TrapKind.FAULT, vector, error, address))
