"""The source's tables, the map and the order of eras as exhibits: complete in both languages."""

from __future__ import annotations

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.exhibits import Built, build
from virtdocs.exhibits.source_claims import PART_6_2_2
from virtdocs.experiments.source_claims import VERDICTS
from virtdocs.experiments.source_document import table_6_2_2
from virtdocs.views.model import Label, Table, Value, WinnerMap
from virtdocs.views.tabular import table_of

MAP = {"era": "p4-2006", "across": "syscalls", "up": "page_table_writes", "guests": "unmodified"}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("table_6_2_2", {"part": "cells"}),
        ("table_6_2_2", {"part": "memory"}),
        ("table_6_2_2", {"part": "network"}),
        ("table_7_4_beside", {"part": "cells"}),
        ("table_7_4_beside", {"part": "lines"}),
        ("fastest", MAP),
        ("exit_order", {}),
    ],
)
def test_each_renders_everywhere_with_what_it_is_made_of(name: str, params: dict[str, str]) -> None:
    built = build(name, params)
    for lang in ("ko", "en"):
        renders_everywhere(built, lang)
    assert built.bundle.inputs is not None
    assert built.bundle.inputs.formulas
    assert all(table.rows for _, table in built.bundle.inputs.tables)
    assert built.bundle.sources


def test_every_row_of_the_source_can_be_asked_for() -> None:
    assert PART_6_2_2.choices == ("cells", *(row.key for row in table_6_2_2()))


@pytest.mark.parametrize("name", ["table_6_2_2", "table_7_4_beside"])
def test_verdicts_in_the_table_add_up_to_the_values_of_sentences(name: str) -> None:
    built = build(name, {})
    view = built.bundle.view
    assert isinstance(view, Table)
    shown = [
        str(cell.raw).removeprefix("claim.")
        for row in view.rows
        for cell in row.cells
        if isinstance(cell, Value) and str(cell.raw).startswith("claim.")
    ]
    assert len(shown) == len(view.rows) == int(built.values["cells"].raw)
    assert {one: shown.count(one) for one in VERDICTS} == {
        one: int(built.values[one].raw) for one in VERDICTS
    }


def test_places_of_the_map_are_counted_once() -> None:
    built: Built = build("fastest", MAP)
    view = built.bundle.view
    assert isinstance(view, WinnerMap)
    won = [int(v.raw) for key, v in built.values.items() if key.startswith("won.")]
    assert sum(won) == int(built.values["places"].raw) == sum(len(row) for row in view.rows)
    cells = [cell for row in table_of(view).rows for cell in row.cells]
    assert all(isinstance(cell, Label) for cell in cells)
    assert len(cells) == int(built.values["places"].raw)
