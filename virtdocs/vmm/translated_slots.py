"""The fast core under binary translation: what the cache holds becomes Python in turn.

The monitor's translator emitted code of this ISA into the cache; what runs hot there
becomes Python. A slot of the cache is a step, and only some steps complete a guest
instruction: the slots say which.
"""

from __future__ import annotations

from virtdocs.machine.board import Board
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.translate.dispatcher import FastCore
from virtdocs.machine.translate.steps import Mode as FastMode
from virtdocs.machine.translate.trace import Trace
from virtdocs.vmm.binary_translation import BinaryTranslationEngine, Mode
from virtdocs.vmm.translation_cache import Slot


class SlotCore(FastCore):
    """Runs user code directly and kernel code from the translation cache."""

    def __init__(
        self,
        board: Board,
        engine: BinaryTranslationEngine,
        mmu: HardwareMmu,
        memory: PhysicalMemory,
        longest: int,
        hot: int,
    ) -> None:
        super().__init__(board, engine.hardware, mmu, memory, longest, hot)
        self.engine = engine
        self._first_slot: dict[int, Slot] = {}

    def run(self, limit: int) -> int:
        """As ever, but for the monitor's own turns."""
        if self.engine.mode not in (Mode.DIRECT, Mode.TRANSLATED):
            self.recorder = None
            return 0
        return super().run(limit)

    def monitor_data(self) -> int:
        """The virtual CPU's page."""
        return self.engine.cache.data_address if self.engine.mode is Mode.TRANSLATED else 0

    def part(self, rip: int) -> tuple[bool, str]:
        """What the slot says; user code is what it is."""
        if self.engine.mode is not Mode.TRANSLATED:
            return super().part(rip)
        slot = self._slot(rip)
        return (False, "") if slot is None or not slot.retires else (True, slot.inline)

    def _slot(self, rip: int) -> Slot | None:
        number = self.engine.cache.slot_at(rip)
        return None if number is None else self.engine.cache.slots[number]

    def _install(self, trace: Trace, mode: FastMode) -> None:
        super()._install(trace, mode)
        first = self._slot(trace.head)
        if first is not None:
            self._first_slot[trace.head] = first

    def _admit(self, trace: Trace, mode: FastMode) -> bool:
        """After a flush the cache may hold the same words with another meaning."""
        if mode.monitor_data and self._first_slot.get(trace.head) is not self._slot(trace.head):
            del self.traces[mode][trace.head]
            return False
        return super()._admit(trace, mode)
