"""The source document's comparison tables as it words them, and what no run can say of a row.

Read from ``data/source_comparisons.toml`` and ``data/source/inventory.csv``. Nothing here says
that a claim is true.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from virtdocs.errors import BadValue


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A row of the source's: its item, and one saying for each of the table's columns."""

    table: str
    row: str
    id: str
    line: int
    item: str
    says: tuple[str, ...]

    @property
    def where(self) -> str:
        """The citation: document, part, line."""
        return f"SRC {self.id} L{self.line}"


def claimed_rows(table: str) -> tuple[ClaimedRow, ...]:
    """The rows of one table, in the document's order."""
    return tuple(_claimed(table, row, id_) for row, id_ in _data()["rows"][table].items())


def _claimed(table: str, row: str, id_: str) -> ClaimedRow:
    """As the inventory has it: ``item | says | says``, or ``**item**: says`` for a note."""
    line, text = _parts()[id_]
    item, *says = text.removeprefix("**").replace("**: ", " | ", 1).split(" | ")
    return ClaimedRow(table, row, id_, line, item, tuple(says))


@dataclass(frozen=True, slots=True)
class Known:
    """What is said of a cell that nothing here runs: a word of the catalogue.

    ``sources`` are citation keys, read on the day ``as_of`` or later; without any, it is an
    editor's opinion.
    """

    word: str
    sources: tuple[str, ...]
    as_of: str


def known(table: str, row: str, technique: str) -> Known:
    """BadValue where nothing is said."""
    for one in _data()["known"]:
        if (one["table"], one["row"], one["technique"]) == (table, row, technique):
            sources = tuple(one.get("sources", ()))
            days = (str(_read("sources.toml")[key]["read"]) for key in sources)
            return Known(one["word"], sources, min(days, default=""))
    raise BadValue("source_comparisons.toml", f"nothing is known of {technique} in {table} {row}")


@lru_cache(maxsize=1)
def _parts() -> Mapping[str, tuple[int, str]]:
    """Line and text of each part of the document, by id."""
    path = files("virtdocs") / "data" / "source" / "inventory.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return {row["id"]: (int(row["line"]), row["text"]) for row in rows}


def _data() -> Mapping[str, Any]:
    return _read("source_comparisons.toml")


@lru_cache(maxsize=2)
def _read(name: str) -> Mapping[str, Any]:
    path = files("virtdocs") / "data" / name
    return tomllib.loads(path.read_text(encoding="utf-8"))
