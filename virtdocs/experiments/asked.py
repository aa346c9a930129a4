"""What was asked of a speed, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: at least, or at most, so many of a unit; ``of``: beside whom."""

    name: str
    asked: float
    measured: float
    unit: str
    at_most: bool = False
    of: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side."""
        return self.measured <= self.asked if self.at_most else self.measured >= self.asked
