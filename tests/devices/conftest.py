"""A board with a driver written in Python: rings are laid out by hand, as hostile ones are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtdocs.devices.virtqueue import INDIRECT, NEXT, WRITE, Virtqueue
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.trace import Trace

DESCRIPTORS, AVAILABLE, USED, DATA = 0x10000, 0x20000, 0x30000, 0x40000

__all__ = ["INDIRECT", "NEXT", "WRITE", "Driver"]


class Driver:
    """The driver's half of a queue, able to lie."""

    def __init__(self, board: Board, queue: Virtqueue) -> None:
        self.dma = board.dma
        self.queue = queue
        self.index = 0
        queue.descriptors, queue.available, queue.used = DESCRIPTORS, AVAILABLE, USED
        queue.enabled = True

    def describe(
        self, number: int, address: int, length: int, flags: int = 0, next_: int = 0
    ) -> None:
        """Write one descriptor."""
        at = DESCRIPTORS + 16 * number
        for offset, size, value in (
            (0, 8, address),
            (8, 4, length),
            (12, 2, flags),
            (14, 2, next_),
        ):
            self.dma.store(at + offset, size, value)

    def offer(self, head: int) -> None:
        """Put a head into the available ring."""
        self.dma.store(AVAILABLE + 4 + 2 * (self.index % self.queue.size), 2, head)
        self.index = self.index + 1 & 0xFFFF
        self.dma.store(AVAILABLE + 2, 2, self.index)

    def ask_for_interrupt_at(self, index: int) -> None:
        """Write used_event."""
        self.dma.store(AVAILABLE + 4 + 2 * self.queue.size, 2, index)

    @property
    def kick_wanted_at(self) -> int:
        """Read avail_event."""
        return self.dma.load(USED + 4 + 8 * self.queue.size, 2)


@pytest.fixture
def board() -> Board:
    """Bare hardware with one CPU."""
    trace = Trace()
    memory = PhysicalMemory(RAM_FRAMES)
    board = Board(memory, 4, trace)
    board.add_cpu(SoftwareMmu(memory, 4))
    return board


@pytest.fixture
def driver(board: Board) -> Callable[..., Driver]:
    """Make a queue and its driver: ``driver(size=256)``."""

    def make(size: int = 256, **features: bool) -> Driver:
        queue = Virtqueue(board.dma, size)
        for name, value in features.items():
            setattr(queue, name, value)
        return Driver(board, queue)

    return make
