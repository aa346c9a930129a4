"""What the source document claims in numbers, and what follows from its own numbers.

Read from ``data/source_document.toml``; nothing here says that a claim is true.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.resources import files
from typing import Any, Final

from virtdocs.errors import BadValue

RANGE: Final = re.compile(r"(\d+)~(\d+)%")
COLUMNS: Final = ("bt", "hw", "para")  # of table 6.2.2, from the left
READINGS: Final = ("overhead", "of_native", "words")


@dataclass(frozen=True, slots=True)
class AskedWork:
    """A mix of `virtdocs predict` that a row may be about, with the parameters that matter."""

    mix: str
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of table 6.2.2: the text of each cell by column, and how it is to be read."""

    key: str
    id: str
    line: int
    reads: str
    axis: str
    cells: Mapping[str, str]
    works: tuple[AskedWork, ...]
    slowest_first: tuple[str, ...] = ()

    def ratio(self, column: str) -> tuple[Fraction, Fraction] | None:
        """Least and greatest time over native that the cell says; None for a word."""
        if self.reads == "words":
            return None
        found = RANGE.fullmatch(self.cells[column])
        if found is None:
            raise BadValue(self.id, f"{self.cells[column]!r} is no range of percentages")
        low, high = (Fraction(int(one), 100) for one in found.groups())
        return (1 + low, 1 + high) if self.reads == "overhead" else (1 / high, 1 / low)


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
    works: tuple[AskedWork, ...] = ()

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
        rows=tuple(Measurement(**{**row, "works": _works(row)}) for row in found["rows"]),
    )


def table_6_2_2() -> tuple[ComparedRow, ...]:
    """The rows of the document's comparison (its section 6.2.2); BadValue for a bad one."""
    rows = []
    for row in _document()["table_6_2_2"]["rows"]:
        if row["reads"] not in READINGS or set(row["cells"]) != set(COLUMNS):
            raise BadValue(row["id"], f"reads {', '.join(READINGS)}; cells {', '.join(COLUMNS)}")
        order = tuple(row.get("slowest_first", ()))
        rows.append(ComparedRow(**{**row, "works": _works(row), "slowest_first": order}))
    return tuple(rows)


def _works(row: Mapping[str, Any]) -> tuple[AskedWork, ...]:
    return tuple(AskedWork(one["mix"], one.get("params", {})) for one in row["works"])


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
