"""What the source document claims in numbers, and what follows from its own numbers.

Read from ``data/source_document.toml``; nothing here says that a claim is true.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """A row of table 7.4: native, full and paravirtualized in ``unit``."""

    key: str
    id: str
    line: int
    unit: str
    native: int
    full: int
    para: int

    @property
    def gain(self) -> Fraction:
        """How much more para is than full, in percent of full."""
        return (Fraction(self.para, self.full) - 1) * 100

    @property
    def points(self) -> Fraction:
        """How far para is above full, in percentage points of native."""
        return Fraction(self.para - self.full, self.native) * 100


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Table 7.4 with the conclusion drawn from it."""

    id: str
    line: int
    conclusion: str
    claimed_low: int
    claimed_high: int
    conclusion_line: int
    link_mbps: int
    environment_line: int
    rows: tuple[Measurement, ...]

    def in_claimed_range(self, gain: Fraction) -> bool:
        """Whether a gain in percent lies in the claimed range, ends included."""
        return self.claimed_low <= gain <= self.claimed_high


@dataclass(frozen=True, slots=True)
class StepCount:
    """One way the document counts steps: a drawn flow, a numbered list or a chain."""

    key: str
    side: str
    shape: str
    id: str
    line: int
    parts: tuple[str, ...]
    claimed: int | None
    claimed_id: str
    claimed_line: int

    @property
    def boxes(self) -> int:
        return len(self.parts)

    @property
    def arrows(self) -> int:
        return len(self.parts) - 1


def _document() -> dict[str, Any]:
    return tomllib.loads((files("virtdocs") / "data" / "source_document.toml").read_text("utf-8"))


def table_7_4() -> ResultTable:
    """The document's table of results (its section 7.4)."""
    found = _document()["table_7_4"]
    return ResultTable(
        id=found["id"],
        line=found["line"],
        conclusion=found["conclusion"],
        claimed_low=found["claimed_low"],
        claimed_high=found["claimed_high"],
        conclusion_line=found["conclusion_line"],
        link_mbps=found["link_mbps"],
        environment_line=found["environment_line"],
        rows=tuple(Measurement(**row) for row in found["rows"]),
    )


def step_counts() -> tuple[StepCount, ...]:
    """Every place where the document counts the steps of one privileged instruction."""
    return tuple(
        StepCount(
            key=one["key"],
            side=one["side"],
            shape=one["shape"],
            id=one["id"],
            line=one["line"],
            parts=tuple(one["parts"]),
            claimed=one.get("claimed"),
            claimed_id=one.get("claimed_id", ""),
            claimed_line=one.get("claimed_line", 0),
        )
        for one in _document()["steps"]
    )
