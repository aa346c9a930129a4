"""This project's machine, started and read as the real x86 is."""

from __future__ import annotations

from tests.machine.bench import CODE, DATA, STACK, Bench
from tests.oracle.x86 import WINDOW, Outcome, Start, descriptors, words
from virtdocs.machine.firmware import GDT_ADDRESS, write_words
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import read_physical, write_physical
from virtdocs.machine.registers import RSP
from virtdocs.machine.segments import Segment
from virtdocs.machine.traps import Trap, TrapKind


class Model:
    """One bench, put back into the same state before each run."""

    def __init__(self) -> None:
        self.bench = Bench()
        table = descriptors()
        write_words(self.bench.memory, GDT_ADDRESS, table)
        cpu = self.bench.cpu
        cpu.gdtr = (GDT_ADDRESS, 8 * len(table) - 1)
        self._system = (cpu.cr0, cpu.gdtr, cpu.idtr, cpu.ldtr, cpu.task_selector, cpu.task_base)
        self._msrs = dict(cpu.msrs)

    def run(self, one: Instruction, start: Start) -> Outcome:
        """One instruction, by ``execute``: fetch and encoding are our own affair."""
        bench, cpu = self.bench, self.bench.cpu
        (cpu.cr0, cpu.gdtr, cpu.idtr, cpu.ldtr, cpu.task_selector, cpu.task_base) = self._system
        cpu.msrs = dict(self._msrs)
        cpu.apic.task_priority = 0
        bench.enter_ring(start.cpl)
        for number in (0, 3, 4, 5):
            cpu.segments[number] = Segment(0)
        write_physical(bench.memory, DATA, words(start.data))
        write_physical(bench.memory, STACK - WINDOW, bytes(WINDOW) + words(start.stack))
        cpu.regs[:] = [start.regs.get(n, STACK if n == RSP else 0) for n in range(16)]
        cpu.rflags, cpu.cr4, cpu.rip = start.flags, start.cr4, CODE
        trap = bench.run(one)
        return Outcome(
            vector_of(trap),
            list(cpu.regs),
            cpu.rflags,
            [segment.selector for segment in cpu.segments],
            read_physical(bench.memory, DATA, WINDOW) or b"",
            read_physical(bench.memory, STACK - WINDOW, 2 * WINDOW) or b"",
            cpu.rip - CODE,
        )


def vector_of(trap: Trap | None) -> int | None:
    """The exception's vector; None where the instruction completed or halted."""
    return trap.vector if trap is not None and trap.kind is TrapKind.FAULT else None
