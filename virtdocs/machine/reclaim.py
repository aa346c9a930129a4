"""Who owns the memory below a board, and takes single frames of it back.

A balloon is a device that hands frames of its own machine to whoever owns the memory
below. On bare hardware that is nobody: a frame that was handed over is where it was,
and only its content is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT


class Reclaim(Protocol):
    """The owner of the memory. Frames are numbered as the machine on the board numbers them."""

    # Asked when a frame that was handed over is touched: whether there may be memory again.
    touched: Callable[[int], bool]
    # Told how many frames the machine lacks when it has asked the owner for fewer or more.
    missing: Callable[[int], None]

    def possible(self, frame: int) -> bool:
        """Whether this is a frame of the machine's that can be taken from it."""

    def take(self, frames: Sequence[int]) -> None:
        """Take frames: their content is lost."""

    def give_back(self, frames: Sequence[int]) -> None:
        """The machine may use these again: zeros, whenever it touches them."""


class NobodyBelow:
    """Bare hardware."""

    def __init__(self, dma: Dma) -> None:
        self.dma = dma
        self.touched: Callable[[int], bool] = lambda _frame: True
        self.missing: Callable[[int], None] = lambda _count: None

    def possible(self, frame: int) -> bool:
        """Any frame that there is."""
        return self.dma.in_range(frame << PAGE_SHIFT, PAGE_BYTES)

    def take(self, frames: Sequence[int]) -> None:
        """Clear them."""
        for frame in frames:
            self.dma.write(frame << PAGE_SHIFT, bytes(PAGE_BYTES))

    def give_back(self, frames: Sequence[int]) -> None:
        """They never went."""
