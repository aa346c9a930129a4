"""The source document's parts and what is wrong in it: ``data/source/*.csv``.

``inventory.csv`` names 506 parts (sections, sentences that define, list items, table rows,
drawings, products, figures) by id, kind and line; ``corrections.csv`` the errors FC01 to FC69
and where they stand. Both say what the document says, never what is so.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from virtdocs.errors import VirtdocsError

INVENTORY = "virtdocs/data/source/inventory.csv"
CORRECTIONS = "virtdocs/data/source/corrections.csv"
SECTION = "section"
OF_ITS_OWN = ("list-item", "table-row")  # kinds that a reader finds one by one
_LINE = re.compile(r"\bL(\d+)")
_CHAPTER = re.compile(r"S(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the document; ``section`` is the id of the innermost section that holds it."""

    id: str
    kind: str
    line: int
    text: str
    section: str

    @property
    def chapter(self) -> str:
        """``S3`` for everything under chapter 3."""
        number = _CHAPTER.match(self.section)
        return number.group() if number else ""


@dataclass(frozen=True, slots=True)
class Correction:
    """One error; ``chapters`` are those of the places that it names, empty for none."""

    id: str
    severity: str
    where: str
    verdict: str
    chapters: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """The id that its verdict has on the pages."""
        return self.id.lower()


def read_parts(root: Path) -> Mapping[str, Part]:
    """All parts by id, in the document's order."""
    rows = _rows(root, INVENTORY, ("id", "kind", "line", "text"))
    sections = [(int(row["line"]), row["id"]) for row in rows if row["kind"] == SECTION]
    starts = [line for line, _ in sections]
    found: dict[str, Part] = {}
    for row in rows:
        line = int(row["line"])
        own = row["id"] if row["kind"] == SECTION else sections[bisect_right(starts, line) - 1][1]
        if row["id"] in found:
            raise VirtdocsError(INVENTORY, f"{row['id']} stands twice")
        found[row["id"]] = Part(row["id"], row["kind"], line, row["text"], own)
    return found


def read_corrections(root: Path) -> Mapping[str, Correction]:
    """All corrections by id."""
    parts = read_parts(root)
    return {
        row["id"]: Correction(
            row["id"], row["severity"], row["where"], row["verdict"], _chapters(row["where"], parts)
        )
        for row in _rows(root, CORRECTIONS, ("id", "severity", "where", "verdict"))
    }


def _chapters(where: str, parts: Mapping[str, Part]) -> tuple[str, ...]:
    """The chapters of the lines and parts that ``where`` names: ``T4.4-r2 L277`` is in S4."""
    lines = [int(number) for number in _LINE.findall(where)]
    named = [part.line for word in re.split(r"[ ,/]+", where) if (part := parts.get(word))]
    by_line = sorted({*lines, *named})
    starts = sorted((part.line, part.chapter) for part in parts.values() if part.chapter)
    at = [bisect_right(starts, (line, "~")) - 1 for line in by_line]
    return tuple(dict.fromkeys(starts[n][1] for n in at if n >= 0))


def _rows(root: Path, file: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with (root / file).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
    except OSError as missing:
        raise VirtdocsError(file, f"can't be read: {missing.strerror}") from missing
    if tuple(reader.fieldnames or ()) != columns:
        raise VirtdocsError(file, f"wants the columns {', '.join(columns)}")
    return rows
