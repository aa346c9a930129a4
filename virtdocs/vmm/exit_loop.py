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
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import IF, VECTOR_NAMES
from virtdocs.machine.translate.dispatcher import FastCore
from virtdocs.machine.traps import Trap

TURN: Final = 64  # instructions and faults of a CPU before the next one's turn
ATTEMPTS: Final = 100_000  # what a monitor may need for one turn: far more than it ever does
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
        self.cpu = cpu
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

    def run_one(self, ins: Instruction | None = None) -> None:
        """Run one instruction and handle what it traps into; raises Shutdown.

        ``ins`` is what lies at ``position`` where that is known and its fetch is done.
        """

    def settle(self) -> None:
        """The run is over: bring ``cpu`` up to date, at the end of a guest instruction."""


def run(
    board: Board, engines: Sequence[Engine], budget: int, cores: Sequence[FastCore | None] = ()
) -> Outcome:
    """Run until the guest ends the run, hangs, dies, or ``budget`` instructions are used up.

    ``cores``, one for each engine, run what they have translated in place of ``run_one``:
    the same events, counts and state, sooner.
    """
    over: Cpu | None = None
    try:
        outcome = _run(board, engines, budget, cores or [None] * len(engines))
    except Shutdown as shutdown:
        over = shutdown.cpu
        outcome = Outcome(OutcomeKind.FAULT, shutdown.detail)
    for engine in engines:
        if engine.cpu is not over:
            engine.settle()
    return outcome


def _run(
    board: Board, engines: Sequence[Engine], budget: int, cores: Sequence[FastCore | None]
) -> Outcome:
    idle = 0
    while True:
        ran = False
        for engine, fast in zip(engines, cores, strict=True):
            turn_ends = board.progress + TURN
            attempts = 0
            while board.progress < turn_ends:
                agenda = board.agenda
                if agenda.now >= agenda.next_due:
                    agenda.run_due()
                engine.boundary()
                if engine.cpu.halted:
                    break
                idle = 0
                ran = True
                # So many instructions long nothing is due: nobody has to look in between.
                room = min(agenda.next_due - agenda.now, budget - board.retired)
                if len(engines) > 1:
                    room = min(room, turn_ends - board.progress)
                if fast is None or not fast.run(room):
                    engine.run_one()
                if board.exit_code is not None:
                    return Outcome(OutcomeKind.HALTED, f"exit code {board.exit_code}")
                # Instructions that fault for ever retire nothing: faults are bounded too.
                if board.retired >= budget or board.faults >= budget:
                    return Outcome(OutcomeKind.BUDGET, f"{board.retired} instructions retired")
                attempts += 1
                if attempts > ATTEMPTS:
                    raise AssertionError(f"a monitor without progress at {engine.position:#x}")
        # Only a whole round without an instruction says that nobody has just been interrupted.
        if not ran:
            idle += 1
            if not _wake(board, engines) or idle > IDLE_WAKES:
                at = ", ".join(f"{engine.cpu.rip:#x}" for engine in engines)
                return Outcome(OutcomeKind.HUNG, f"hlt that nothing can end, rip {at}")


def _wake(board: Board, engines: Sequence[Engine]) -> bool:
    """Skip to the next action, if any halted CPU could take an interrupt."""
    if not any(engine.cpu.rflags & IF for engine in engines):
        return False
    return board.agenda.skip_to_next()
