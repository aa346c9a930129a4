"""Cells that nothing here can run: quoted, or an editor's opinion."""

from __future__ import annotations

from virtdocs.experiments.comparisons.model import JUDGED, SOURCED, Cell, Figure
from virtdocs.experiments.source_comparisons import known


def said(table: str, row: str, technique: str) -> Cell:
    """What the data file says of a technique in a row; BadValue where it says nothing."""
    found = known(table, row, technique)
    word = Figure((f"said.{found.word}",))
    if not found.sources:
        return Cell("word", {"word": word}, JUDGED)
    return Cell("dated", {"word": word, "as_of": Figure(found.as_of)}, SOURCED, found.sources)
