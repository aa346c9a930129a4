"""Exhibits that hold the source document's tables against predictions and published figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.source_claims import Cell, cells_6_2_2, cells_7_4
from virtdocs.experiments.workings import Asked, Working, workings
from virtdocs.views import source_claims as view
from virtdocs.views.model import ViewBundle

ALL: Final = "cells"
PART_6_2_2: Final = Parameter(ALL, (ALL, "cpu", "memory", "io", "network", "disk"))
PART_7_4: Final = Parameter(ALL, (ALL, "lines"))


def table_6_2_2(part: str) -> ViewBundle:
    """Section 6.2.2 cell by cell, or one of its rows with everything held against it."""
    name = "table_6_2_2"
    if part == ALL:
        cells = cells_6_2_2()
        return view.cells_table(name, cells, _made(cells))
    cells = tuple(cell for cell in cells_6_2_2() if cell.row == part)
    table = view.lines_table if cells[0].claimed is not None else view.pairs_table
    return table(name, part, cells, _made(cells))


def table_7_4_beside(part: str) -> ViewBundle:
    """Section 7.4 cell by cell, or every line that is held against its cells."""
    name, cells = "table_7_4", cells_7_4()
    if part == ALL:
        return view.cells_table(name, cells, _made(cells))
    return view.lines_table(name, "all", cells, _made(cells))


def _made(cells: Sequence[Cell]) -> tuple[Working, ...]:
    return workings(
        Asked(one.mix, one.technique, one.era, tuple(one.params.items()))
        for cell in cells
        for one in cell.lines
        if one.ratio is not None
    )


EXHIBITS = (
    Exhibit("table_6_2_2", table_6_2_2, (("part", PART_6_2_2),)),
    Exhibit("table_7_4_beside", table_7_4_beside, (("part", PART_7_4),)),
)
