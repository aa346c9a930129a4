"""Bare hardware: exceptions, software interrupts and interrupts go through the guest's IDT.

A VMX or SVM guest runs on the same hardware, so its engine builds on this one and
adds what happens when the hardware exits.
"""

from __future__ import annotations

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import (
    can_interrupt,
    deliver_exception,
    deliver_interrupt,
    deliver_software_interrupt,
)
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import VECTOR_NAMES
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.exit_loop import Shutdown


class NativeEngine:
    """One CPU without anybody in between."""

    def __init__(self, board: Board, cpu: Cpu) -> None:
        self.board = board
        self.cpu = cpu

    def boundary(self) -> None:
        """Deliver the highest interrupt that the CPU is open for."""
        cpu = self.cpu
        if cpu.apic.requested and can_interrupt(cpu):
            vector = cpu.apic.deliverable()
            if vector is not None:
                self.take_interrupt(vector)

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""
        return self.cpu.rip

    def run_one(self, ins: Instruction | None = None) -> None:
        """One instruction; its trap, if any, is the hardware's to handle."""
        if self.board.trace.recording:
            self.show()
        trap = self.cpu.step(ins)
        if trap is None:
            self.board.retire()
        else:
            self.dispatch(trap)

    def show(self) -> None:
        """Record the instruction that comes next."""
        show_execute(self.board, self.cpu)

    def dispatch(self, trap: Trap) -> None:
        """What the hardware does about a trap."""
        if trap.kind is TrapKind.HALT:
            self.cpu.rip = self.cpu.next_rip
            self.cpu.interrupt_shadow = 0
            self.cpu.halted = True
            self.board.retire()
        elif trap.kind is TrapKind.SOFTWARE_INTERRUPT:
            self.software_interrupt(trap)
        elif trap.kind is TrapKind.FAULT:
            self.exception(trap)
        else:
            raise AssertionError(f"bare hardware met {trap.kind}")

    def take_interrupt(self, vector: int) -> None:
        """Accept ``vector`` and enter its handler."""
        cpu = self.cpu
        cpu.apic.accept(vector)
        self.record(EventKind.IRQ, f"{vector:#x}")
        self._finish(deliver_interrupt(cpu, vector))

    def software_interrupt(self, trap: Trap) -> None:
        """int n through the guest's own IDT."""
        refused = deliver_software_interrupt(self.cpu, trap)
        if refused is None:
            self.board.retire()
        else:
            self.exception(refused)

    def exception(self, trap: Trap) -> None:
        """A fault through the guest's own IDT."""
        self.board.faults += 1
        self.record(EventKind.EXCEPTION, VECTOR_NAMES.get(trap.vector, str(trap.vector)))
        self._finish(deliver_exception(self.cpu, trap))

    def went_on(self) -> None:
        """Guest code ran that was not run by ``run_one``."""

    def settle(self) -> None:
        """There is no other CPU than the guest's."""

    def record(self, kind: EventKind, key: str) -> None:
        """An event of the CPU itself."""
        cpu, trace = self.cpu, self.board.trace
        if not trace.recording:
            trace.count(kind, key)
            return
        trace.record(kind, key, Party.CPU, time=self.board.agenda.now, rip=cpu.rip, cpl=cpu.cpl)

    def _finish(self, shutdown: Trap | None) -> None:
        if shutdown is not None:
            raise Shutdown(shutdown, self.cpu)


def show_execute(board: Board, hardware: Cpu, *, party: Party | None = None, **detail: int) -> None:
    """Record the instruction that the hardware is about to run, while steps are shown.

    The ring tells who runs it, except where it does not: then the engine says.
    """
    try:
        name = hardware.fetch().spec.name
    except Trapped:
        name = "fetch"
    by_ring = Party.APPLICATION if hardware.cpl == 3 else Party.GUEST_KERNEL
    board.trace.record(
        EventKind.EXECUTE,
        name,
        party or by_ring,
        time=board.agenda.now,
        rip=hardware.rip,
        cpl=hardware.cpl,
        **detail,
    )
