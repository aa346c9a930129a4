"""Full emulation: no guest instruction ever runs on the hardware.

The emulator reads a block of guest code, translates it once (as QEMU's TCG does),
and runs the translation as often as control comes by; guest memory is reached
through a TLB in software. So nothing traps, everything works, and no instruction is
free of the monitor: Popek and Goldberg's third property does not hold.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.paging import peek
from virtdocs.machine.traps import Trap
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.native import NativeEngine, show_execute

BLOCK_INSTRUCTIONS: Final = 32
STRAIGHT_GROUPS: Final = ("data", "alu")


class EmulationEngine(NativeEngine):
    """One emulated CPU."""

    def __init__(self, board: Board, cpu: Cpu) -> None:
        super().__init__(board, cpu)
        # Translated blocks: physical address of the first instruction -> the words translated.
        self.blocks: dict[int, tuple[int, ...]] = {}
        self._expected = -1  # rip while straight-line code of one block runs
        self._left = 0

    def run_one(self, ins: Instruction | None = None) -> None:
        """One instruction, within a block that is translated by now."""
        cpu = self.cpu
        if cpu.rip != self._expected or self._left == 0:
            self._enter_block()
        self._left -= 1
        self._expected = cpu.rip + INSTRUCTION_BYTES
        # Software did it: nothing that this guest runs is free of the monitor.
        self.board.trace.interventions += 1
        super().run_one(ins)
        running = cpu.running
        if running is not None and running.spec.group not in STRAIGHT_GROUPS:
            self._left = 0

    def dispatch(self, trap: Trap) -> None:
        """Exceptions and interrupts are emulated with everything else; they end the block."""
        self._left = 0
        super().dispatch(trap)

    def take_interrupt(self, vector: int) -> None:
        """Interrupts are looked for between blocks; here between instructions, to be exact."""
        self._left = 0
        super().take_interrupt(vector)

    def show(self) -> None:
        """The emulator runs the instruction: CPU, device model and all are one program."""
        show_execute(self.board, self.cpu, party=Party.HYPERVISOR)

    def _enter_block(self) -> None:
        """Find the block at rip; translate it when it is new or its code has changed."""
        cpu = self.cpu
        found = peek(self.board.memory, cpu.cr3 >> PAGE_SHIFT, cpu.rip, self.board.levels)
        page = self.board.memory.page(found.frame) if found is not None else None
        self._left = BLOCK_INSTRUCTIONS
        if found is None or page is None or cpu.rip % INSTRUCTION_BYTES:
            return  # the fetch faults, and the emulator delivers the fault
        address = found.frame << PAGE_SHIFT | cpu.rip & 0xFFF
        word = cpu.rip >> 3 & 511
        words = tuple(page[word : word + 2 * BLOCK_INSTRUCTIONS])
        if self.blocks.get(address) != words:
            self.blocks[address] = words
            self.board.trace.record(
                EventKind.TRANSLATE,
                "",
                Party.HYPERVISOR,
                time=self.board.agenda.now,
                rip=cpu.rip,
            )
