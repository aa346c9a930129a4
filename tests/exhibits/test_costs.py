"""The exhibits of costs and predictions: complete, from the loaded data, in both languages."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.exhibits import Built, build
from virtdocs.experiments.costs import era_costs
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.targets import targets
from virtdocs.experiments.worked import CELLS
from virtdocs.render import page
from virtdocs.views.model import Chart, Label, Table, Value
from virtdocs.views.tabular import table_of

KINDS = ("micro", "macro", "orders", "summary")


@pytest.fixture(scope="module", params=KINDS)
def validation(request: pytest.FixtureRequest) -> Built:
    return build("validation", {"kind": request.param})


def _rendered(built: Built) -> None:
    for lang in ("ko", "en"):
        renders_everywhere(built, lang)
        markup = page.exhibit_html(built, lang, 1, page.slug(built))
        assert "None used" not in markup
        assert "비용은 쓰지 않았습니다" not in markup


@pytest.mark.parametrize("era", ERAS)
def test_every_cost_of_an_era_is_a_row_with_its_median_and_source(era: str) -> None:
    built = build("costs", {"era": era})
    rows, costs = table_of(built.bundle.view).rows, era_costs(era).costs
    assert len(rows) == len(costs)
    shown = {(row.head.raw, round(float(cell.raw), 3)) for row in rows
             if isinstance(row.head, Value) for cell in row.cells[1:2]
             if isinstance(cell, Value)}  # fmt: skip
    assert shown == {(cost.event, round(cost.value, 3)) for cost in costs}
    assert set(built.bundle.sources) == {cost.source for cost in costs}
    _rendered(built)


@pytest.mark.parametrize("era", ERAS)
def test_a_cost_names_the_events_that_it_holds(era: str) -> None:
    rows, costs = table_of(build("costs", {"era": era}).bundle.view).rows, era_costs(era).costs
    shown = {(row.head.raw, row.cells[-2].raw) for row in rows
             if isinstance(row.head, Value) and isinstance(row.cells[-2], Value)}  # fmt: skip
    assert shown == {(one.event, ", ".join(one.holds)) for one in costs if one.holds}
    assert shown


def test_a_borrowed_cost_names_its_era() -> None:
    built = build("costs", {"era": "kvm-2020"})
    origins = [row.cells[-1] for row in table_of(built.bundle.view).rows]
    borrowed = [cell.raw for cell in origins if isinstance(cell, Value)]
    assert len(borrowed) == int(built.values["loans"].raw)
    assert set(borrowed) == {"kvm-2012", "p4-2006", "xen-2003"}


def test_the_chart_of_exits_has_a_spread_where_costs_have_one() -> None:
    built = build("exit_cost", {})
    view = built.bundle.view
    assert isinstance(view, Chart)
    for bar in view.bars:
        if bar.spread:
            low, high = bar.spread
            assert Fraction(low.raw) < Fraction(bar.value.raw) < Fraction(high.raw)
    assert sum(bar.spread is not None for bar in view.bars) == sum(
        era.hardware_assist for era in ERAS.values()
    )
    assert len(table_of(view).columns) == 3
    _rendered(built)


@pytest.mark.parametrize("cell", CELLS)
def test_products_of_a_cell_add_up_to_its_sum(cell: str) -> None:
    built = build("worked", {"cell": cell})
    products = [float(v.raw) for key, v in built.values.items() if key.endswith(".product")]
    assert sum(products) == pytest.approx(float(built.values["sum"].raw), abs=1e-4)
    _rendered(built)


def test_every_target_is_shown_once_and_every_miss_has_a_reason(validation: Built) -> None:
    _rendered(validation)
    view = validation.bundle.view
    assert isinstance(view, Table)
    kind = dict(validation.params)["kind"]
    if kind in ("orders", "summary"):
        return
    assert len(view.rows) == sum(one.scale == kind for one in targets())
    for row in view.rows:
        verdict, direction, why = row.cells[-4:-1]
        missed = [
            v for v in (verdict, direction) if isinstance(v, Value) and "missed" in str(v.raw)
        ]
        assert bool(missed) == (isinstance(why, Label) and why.key.startswith("why."))


def test_the_summary_counts_what_the_tables_show() -> None:
    total = build("validation", {"kind": "summary"}).values
    for kind in ("micro", "macro"):
        rows = build("validation", {"kind": kind}).values
        assert total[f"{kind}.met"].raw == rows["met"].raw
        assert total[f"{kind}.of"].raw == rows["counted"].raw
    assert total["orders.met"].raw == build("validation", {"kind": "orders"}).values["met"].raw
