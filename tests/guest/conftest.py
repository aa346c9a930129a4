"""Guest programs on bare hardware, for the tests that look at what they leave in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from virtdocs.guest.program import Program
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.firmware import boot
from virtdocs.machine.memory import PhysicalMemory, read_physical, write_physical
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.tlb import Tlb
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.exit_loop import Outcome, run
from virtdocs.vmm.native import NativeEngine

BUDGET = 3_000_000


@dataclass(frozen=True)
class Finished:
    """A finished run on bare hardware."""

    program: Program
    board: Board
    outcome: Outcome

    def words(self, address: int, count: int) -> list[int]:
        """Words of physical memory."""
        data = read_physical(self.board.memory, address, 8 * count)
        assert data is not None
        return [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(count)]

    @property
    def result(self) -> list[int]:
        """The words of the result region."""
        assert self.program.result is not None
        address, length = self.program.result
        return self.words(address, length // 8)

    def at(self, label: str) -> int:
        """The word at a label."""
        return self.words(self.program.labels[label], 1)[0]

    def count(self, kind: EventKind, key: str = "") -> int:
        """How often an event happened."""
        return self.board.trace.counts[kind, key]


@pytest.fixture
def run_native() -> Callable[..., Finished]:
    """Run a program on bare hardware until it ends: ``run_native(program, levels=4, cpus=2)``.

    A second CPU starts where the program says, if it says so.
    """

    def start(program: Program, levels: int = 4, cpus: int = 2) -> Finished:
        trace = Trace()
        memory = PhysicalMemory(RAM_FRAMES)
        board = Board(memory, levels, trace)
        for address, data in program.chunks:
            assert write_physical(memory, address, data)
        entries = [program.entry]
        if "start_ap" in program.labels:
            entries.append(program.labels["start_ap"])
        engines = []
        for entry in entries[:cpus]:
            cpu = board.add_cpu(HardwareMmu(memory, levels, Tlb(), trace))
            boot(cpu, memory, entry, levels)
            engines.append(NativeEngine(board, cpu))
        return Finished(program, board, run(board, engines, BUDGET))

    return start
