"""What a priced number is made of, for its provenance: formula, counts, costs with spread."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.experiments.uncertainty import DRAWS
from virtdocs.views.model import (
    Basis,
    Inputs,
    Label,
    Row,
    Table,
    Value,
    code,
    number,
    technique_value,
    term,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from virtdocs.experiments.costs import Sourced
    from virtdocs.experiments.workings import Counted, Working

MILLION = 10**6


def inputs(workings: Sequence[Working], formulas: Iterable[str] = ()) -> Inputs:
    """The formula of each model that occurs, a row of counts for each prediction, and costs."""
    models = dict.fromkeys([*formulas, *(one.formula for one in workings)])
    used = ((one.asked.era, cost) for one in workings for n in one.counts for cost in n.costs)
    return made_of(models, _counts_table(workings), used)


def made_of(formulas: Iterable[str], counts: Table, costs: Iterable[tuple[str, Sourced]]) -> Inputs:
    """Formulas by name, a table of counts, and each cost, with its era, once."""
    labels = tuple(Label(f"formula.{name}") for name in formulas)
    tables = ((Label("ui.counts"), counts), costs_table(tuple(dict.fromkeys(costs))))
    return Inputs((*labels, spread_label()), tables)


def spread_label() -> Label:
    """How often each cost is drawn."""
    return Label("formula.spread", (("draws", number(DRAWS, Basis.DERIVED)),))


def costs_only(workings: Sequence[Working], formulas: Iterable[str]) -> Inputs:
    """For numbers about many predictions, whose counts stand under the tables of those."""
    whole = inputs(workings, formulas)
    return Inputs(whole.formulas, whole.tables[1:])


def _counts_table(workings: Iterable[Working]) -> Table:
    """What is counted per unit of each prediction, and the published figures beside it."""
    rows = tuple(
        Row(
            code(_work(one), Basis.DERIVED),
            (
                technique_value(one.asked.technique),
                code(one.asked.era, Basis.SOURCED),
                term(f"model.{one.formula}", Basis.DERIVED),
                events(one.counts),
                code(" ".join(one.figures), Basis.SOURCED) if one.figures else _none(),
                code(one.asked.command, Basis.DERIVED),
            ),
        )
        for one in workings
    )
    columns = ("technique", "era", "model", "counts_less_native", "published_inputs", "command")
    return Table(Label("column.work"), tuple(Label(f"column.{key}") for key in columns), rows)


def costs_table(costs: Sequence[tuple[str, Sourced]]) -> tuple[Label, Table]:
    """Each cost as it is drawn: median, 5-95 %, how it follows from which figures, source."""
    rows = tuple(
        Row(
            code(one.event, _basis(one)),
            (
                code(era, Basis.SOURCED),
                term(f"cost_part.{one.part}", _basis(one)),
                cycles_value(one.value, _basis(one)),
                Label(
                    "cell.range",
                    (
                        ("low", cycles_value(one.low, _basis(one))),
                        ("high", cycles_value(one.high, _basis(one))),
                    ),
                ),
                code(_formula(one, era), _basis(one)),
                Label(
                    "cell.locator",
                    (
                        ("source", code(one.source, _basis(one))),
                        ("locator", code(one.locator, _basis(one))),
                    ),
                ),
            ),
        )
        for era, one in costs
    )
    columns = ("era", "part", "median_cycles", "range_5_95", "follows_from", "source")
    view = Table(Label("column.event"), tuple(Label(f"column.{key}") for key in columns), rows)
    return Label("ui.costs"), view


def _work(one: Working) -> str:
    return " ".join([one.asked.mix, *(f"{key}={value}" for key, value in one.asked.params)])


def events(counts: Sequence[Counted]) -> Value | Label:
    """Each event with its number, in one cell."""
    if not counts:
        return _none()
    parts = (f"{one.event} {_short(one.count)}" for one in counts)
    return code(" · ".join(parts), Basis.RUN)


def _short(count: float) -> str:
    return f"{count:.4f}".rstrip("0").rstrip(".") if abs(count) < MILLION else f"{count:.4g}"


def _formula(one: Sourced, era: str) -> str:
    loan = f" ({one.origin})" if one.origin != era else ""
    scale = f" × {one.scale:.3g}" if one.scale != 1 else ""
    return f"{one.formula}{scale}{loan}"


def _none() -> Label:
    return Label("answer.none")


def _basis(one: Sourced) -> Basis:
    return Basis.SOURCED if one.basis == "sourced" else Basis.DERIVED


def cycles_value(value: float, basis: Basis) -> Value:
    """Cycles with as many digits as tell small costs apart."""
    raw = Fraction(round(value * MILLION), MILLION)
    return number(raw, basis, "cycles", 1 if value < 100 else 0)
