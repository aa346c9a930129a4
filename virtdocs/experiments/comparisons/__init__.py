"""The source document's five comparisons, answered cell by cell.

TABLES: Mapping[str, Comparison]        by name: the techniques compared, and the questions
findings(name) -> tuple[Finding, ...]   every row of one: cells, verdict, what it stands on
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.comparisons import (
    columns,
    full_strengths,
    full_weaknesses,
    para_strengths,
    para_weaknesses,
    types,
)
from virtdocs.experiments.comparisons.model import Finding, Question, answer


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table: ``techniques`` in columns, ``questions`` in rows."""

    techniques: tuple[str, ...]
    questions: tuple[Question, ...]


TABLES: Final[Mapping[str, Comparison]] = MappingProxyType(
    {
        types.TABLE: Comparison(types.COLUMNS, types.QUESTIONS),
        "full_strengths": Comparison(columns.COLUMNS, full_strengths.QUESTIONS),
        "full_weaknesses": Comparison(columns.COLUMNS, full_weaknesses.QUESTIONS),
        "para_strengths": Comparison(columns.COLUMNS, para_strengths.QUESTIONS),
        para_weaknesses.TABLE: Comparison(columns.COLUMNS, para_weaknesses.QUESTIONS),
    }
)


def findings(name: str) -> tuple[Finding, ...]:
    """Measure and judge by rule every row of a table."""
    table = TABLES[name]
    return answer(table.questions, table.techniques)


__all__ = ["TABLES", "Comparison", "Finding", "findings"]
