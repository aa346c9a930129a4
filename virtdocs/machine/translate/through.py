"""An instruction in the middle of a trace that the trace does not do itself.

A device access, an exit, a hypercall: the trace puts everything into the CPU, the
engine runs the one instruction as ever, and the trace goes on where it would have,
if nothing that it relies on is otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtdocs.machine.translate.steps import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtdocs.machine.isa import Instruction
    from virtdocs.machine.translate.dispatcher import FastCore
    from virtdocs.machine.translate.trace import Trace


class Through:
    """What a trace calls; ``steps`` is how many of its steps are done when it has to end."""

    def __init__(self, core: FastCore, one: Callable[[Instruction], None]) -> None:
        self.core = core
        self.one = one
        self.trace: Trace | None = None
        self.steps = 0

    def __call__(self, steps: int, ins: Instruction, target: int, mode: Mode) -> bool:
        """Run ``ins`` after ``steps`` others; True when all is as it was recorded."""
        core = self.core
        board, cpu = core.board, core.cpu
        core.account(steps)
        agenda, before, faults = board.agenda, board.retired, board.faults
        due = agenda.next_due
        self.one(ins)
        done = board.retired - before
        self.steps = core.accounted = steps + done
        core.epoch += 1
        core.watch.pinned.clear()
        trace = self.trace
        if (
            done == 1
            and cpu.rip == target
            and agenda.next_due == due
            and not cpu.apic.requested
            and not cpu.halted
            and not cpu.interrupt_shadow
            and board.faults == faults
            and board.exit_code is None
            and core.mode() == mode
            and trace is not None
            and trace.unchanged(cpu)
            and trace.within(cpu)
        ):
            return True
        core.interrupted = True
        return False
