"""Walks as a table of counts and as one numbered drawing."""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.views.model import Table, Value, WalkGrid
from virtdocs.views.tabular import table_of
from virtdocs.views.walks import drawn, grid


@dataclass(frozen=True)
class Walk:
    guest_levels: int
    nested_levels: int
    references: tuple[tuple[int, int], ...]


# One guest table over two nested levels, as the hardware reads them.
SMALL = Walk(1, 2, ((0, 2), (0, 1), (0, 0), (1, 2), (1, 1)))


def test_the_grid_says_whether_every_count_follows_the_formula() -> None:
    right = grid([SMALL], {1: 1})
    assert (right.values["as_formula"].raw, right.values["formula_holds"].raw) == (1, "answer.yes")
    wrong = grid([Walk(1, 2, SMALL.references[:-1])], {1: 1})
    assert (wrong.values["as_formula"].raw, wrong.values["formula_holds"].raw) == (0, "answer.no")


def test_a_cell_is_tinted_by_its_share_of_the_largest_count() -> None:
    view = grid([SMALL], {1: 1}).view
    assert isinstance(view, Table)
    [row] = view.rows
    assert [cell.raw for cell in row.cells if isinstance(cell, Value)] == [1, 5]
    assert row.shades[0] * 5 == row.shades[1]


def test_a_drawn_walk_puts_the_guest_s_own_entry_behind_the_nested_ones() -> None:
    bundle = drawn(SMALL, native=1)
    assert isinstance(bundle.view, WalkGrid)
    assert bundle.view.references == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    assert bundle.values["guest_references"].raw == 1
    assert bundle.values["nested_references"].raw == 4
    assert bundle.values["times_native"].raw == 5


def test_the_data_of_a_walk_names_table_and_entry_of_each_reference() -> None:
    rows = table_of(drawn(SMALL, native=1).view).rows
    read = [[getattr(cell, "key", "") for cell in row.cells] for row in rows]
    assert read == [
        ["walk.guest_table", "walk.nested_entry"],
        ["walk.guest_table", "walk.nested_entry"],
        ["walk.guest_table", "walk.guest_entry"],
        ["walk.final", "walk.nested_entry"],
        ["walk.final", "walk.nested_entry"],
    ]
