"""What a command answers: data for --json, lines for people, an exit status."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

FINE = 0
FINDING = 1
_NUMBER = re.compile(r"-?[0-9][0-9.]*(?:e-?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """``data`` is printed with --json, ``text`` without; ``notes`` go to stderr in both cases."""

    data: Json
    text: str
    status: int = FINE
    notes: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Canonical JSON: sorted keys, one line, text as it is."""
        return json.dumps(self.data, ensure_ascii=False, sort_keys=True) + "\n"


def number(value: object) -> Json:
    """A count as it is, a ratio as the nearest float, a mapping number by number."""
    if isinstance(value, dict):
        return {str(key): number(inner) for key, inner in value.items()}
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"an answer holds no {type(value).__name__}")


def columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> str:
    """Rows of equal length with aligned columns: numbers to the right, Hangul two cells wide."""
    table = [list(row) for row in rows]
    if not table:
        return ""
    aligned = [_column(list(cells)) for cells in zip(*table, strict=True)]
    return "".join(gap.join(row).rstrip() + "\n" for row in zip(*aligned, strict=True))


def width(text: str) -> int:
    """Cells that a terminal uses for ``text``."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _column(cells: list[str]) -> list[str]:
    size = max(width(cell) for cell in cells)
    if all(_NUMBER.fullmatch(cell) for cell in cells[1:]):  # the first may be a heading
        return [" " * (size - width(cell)) + cell for cell in cells]
    return [cell + " " * (size - width(cell)) for cell in cells]
