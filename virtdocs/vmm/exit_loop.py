"""The loop that everything runs in: due actions, interrupts, one instruction, dispatch.

Several CPUs take turns of a fixed number of instructions, so a run is the same
every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import IF, VECTOR_NAMES
from virtdocs.machine.traps import Trap

TURN: Final = 64  # instructions that a CPU runs before the next one's turn
IDLE_WAKES: Final = 100_000  # actions in a row that wake nobody: nothing will


class OutcomeKind(StrEnum):
    """How a run ends."""

    HALTED = "halted"
    HUNG = "hung"
    FAULT = "fault"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; ``detail`` names the exit code, or the fault and where it struck."""

    kind: OutcomeKind
    detail: str = ""


class Shutdown(Exception):
    """A triple fault: the virtual machine is over."""

    def __init__(self, trap: Trap, cpu: Cpu) -> None:
        self.trap = trap
        name = VECTOR_NAMES.get(trap.vector, str(trap.vector))
        where = f" at address {trap.address:#x}" if trap.address is not None else ""
        self.detail = f"unhandled #{name.upper()} (vector {trap.vector}) at rip {cpu.rip:#x}{where}"
        super().__init__(self.detail)


class Engine(Protocol):
    """One virtual CPU under one technique."""

    @property
    def cpu(self) -> Cpu:
        """The CPU as the guest sees it."""

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""

    def boundary(self) -> None:
        """Between two instructions: take interrupts that are due."""

    def run_one(self) -> None:
        """Run one instruction and handle what it traps into; raises Shutdown."""


def run(board: Board, engines: Sequence[Engine], budget: int) -> Outcome:
    """Run until the guest ends the run, hangs, dies, or ``budget`` instructions are used up."""
    attempts = 0
    idle = 0
    try:
        while True:
            ran = False
            for engine in engines:
                for _ in range(TURN):
                    agenda = board.agenda
                    if agenda.now >= agenda.next_due:
                        agenda.run_due()
                    engine.boundary()
                    if engine.cpu.halted:
                        break
                    attempts += 1
                    idle = 0
                    ran = True
                    engine.run_one()
                    if board.exit_code is not None:
                        return Outcome(OutcomeKind.HALTED, f"exit code {board.exit_code}")
                    # Instructions that fault for ever retire nothing: attempts are bounded too.
                    if board.retired >= budget or attempts >= 2 * budget + TURN:
                        return Outcome(OutcomeKind.BUDGET, f"{board.retired} instructions retired")
            # Only a whole round without an instruction says that nobody has just been interrupted.
            if not ran:
                idle += 1
                if not _wake(board, engines) or idle > IDLE_WAKES:
                    at = ", ".join(f"{engine.cpu.rip:#x}" for engine in engines)
                    return Outcome(OutcomeKind.HUNG, f"hlt that nothing can end, rip {at}")
    except Shutdown as shutdown:
        return Outcome(OutcomeKind.FAULT, shutdown.detail)


def _wake(board: Board, engines: Sequence[Engine]) -> bool:
    """Skip to the next action, if any halted CPU could take an interrupt."""
    if not any(engine.cpu.rflags & IF for engine in engines):
        return False
    return board.agenda.skip_to_next()
