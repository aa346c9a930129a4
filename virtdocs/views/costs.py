"""Published costs as tables and a chart: one era's list, exits by processor, a cell by hand."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Inputs,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    shortest,
    technique_value,
    term,
)
from virtdocs.views.workings import costs_table, inputs, spread_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from virtdocs.experiments.costs import EraCosts, Sourced
    from virtdocs.experiments.published import Record
    from virtdocs.experiments.uncertainty import Spread
    from virtdocs.experiments.worked import Worked
    from virtdocs.experiments.workings import Working

NOT_NAMED = "not named"
MILLION = 10**6


def cost_table(found: EraCosts) -> ViewBundle:
    """Every cost of an era, grouped by whose mechanism it belongs to."""
    axes = list(dict.fromkeys(one.axis for one in found.costs))
    rows = [_row(one, found.era) for axis in axes for one in found.costs if one.axis == axis]
    loans = [one for one in found.costs if one.origin != found.era]
    sources = tuple(sorted({one.source for one in found.costs}))
    sourced = sum(one.basis == "sourced" for one in found.costs)
    summary = {
        "era": code(found.era, Basis.SOURCED),
        "costs": number(len(found.costs), Basis.DERIVED),
        "sources": number(len(sources), Basis.DERIVED),
        "sourced": number(sourced, Basis.DERIVED),
        "loans": number(len(loans), Basis.DERIVED),
    }
    columns = ("part", "median_cycles", "range_5_95", "processor", "year",
               "source", "printed_unit", "holds", "figure_from")  # fmt: skip
    return ViewBundle(
        caption=Label("caption.costs", (("era", summary["era"]),)),
        alt=Label("alt.costs", tuple(summary.items())),
        view=Table(
            Label("column.event"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.cost_parts"), Label("note.cost_holds"), Label("note.cost_loans")),
            Label("column.mechanism"),
        ),
        values=summary | dict(chain.from_iterable(map(_values, found.costs))),
        sources=sources,
        priced=True,
        inputs=inputs_of([(found.era, one) for one in found.costs], ("cost", "loan")),
    )


def exit_chart(
    transitions: Sequence[Record], wholes: Sequence[tuple[str, int, Spread, Sequence[Sourced]]]
) -> ViewBundle:
    """Hardware's transition by processor, then the whole exit by era, in cycles."""
    bars, values = [], dict[str, Value]()
    for one in transitions:
        cycles = number(_fraction(one.number()), Basis.SOURCED, "cycles", where=(one.source,))
        head = Label("row.transition", (("cpu", code(one.cpu, Basis.SOURCED)),))
        bars.append(Bar(head, cycles, "native"))
        values[one.id.rpartition(".")[2]] = cycles
    for era, year, found, _ in wholes:
        median, low, high = (_cycles(x, Basis.DERIVED) for x in (found.median, found.p5, found.p95))
        names = (("era", code(era, Basis.SOURCED)), ("year", _year(year)))
        bars.append(Bar(Label("row.whole_exit", names), median, "hw_nested", spread=(low, high)))
        values |= {f"{_key(era)}.exit": median, f"{_key(era)}.low": low, f"{_key(era)}.high": high}
    first, last = transitions[0], transitions[-1]
    summary = {
        "first_cpu": code(first.cpu, Basis.SOURCED),
        "last_cpu": code(last.cpu, Basis.SOURCED),
        "first": values[first.id.rpartition(".")[2]],
        "last": values[last.id.rpartition(".")[2]],
        "fell_by": number(_fraction(first.number() / last.number()), Basis.DERIVED, "times", 1),
    }
    cited = {one.source for one in transitions} | {c.source for *_, cs in wholes for c in cs}
    return ViewBundle(
        caption=Label("caption.exit_cost"),
        alt=Label("alt.exit_cost", tuple(summary.items())),
        view=Chart(
            Label("axis.exit_cost"),
            tuple(bars),
            notes=(Label("note.exit_cost"), Label("note.exit_cost_spread")),
        ),
        values=summary | values,
        sources=tuple(sorted(cited)),
        priced=True,
        inputs=inputs_of([(era, one) for era, *_, costs in wholes for one in costs], ("exit",)),
    )


def inputs_of(costs: Sequence[tuple[str, Sourced]], formulas: Sequence[str]) -> Inputs:
    """Formulas and the costs that they are about, without counts."""
    labels = tuple(Label(f"formula.{name}") for name in formulas)
    return Inputs((*labels, spread_label()), (costs_table(costs),))


def worked_table(found: Worked, made: Working | None) -> ViewBundle:
    """Counts times costs, their sum, and what the engine says."""
    rows = [
        Row(
            code(line.cost.event, Basis.RUN),
            (
                term(f"cost_part.{line.cost.part}", _basis(line.cost)),
                shortest(line.count, Basis.RUN if found.counted else Basis.DERIVED),
                _cycles(line.cost.value, _basis(line.cost)),
                number(_fraction(line.cycles), Basis.DERIVED, "cycles", 1),
                number(_fraction(line.product), Basis.DERIVED, "cycles", 1),
            ),
        )
        for line in found.lines
    ]
    none = Label("answer.none")
    results = [("sum", number(_fraction(found.cycles), Basis.DERIVED, "cycles", 1))]
    if found.ghz:
        us = number(_fraction(found.microseconds), Basis.DERIVED, "us", 3)
        results.append(("as_time", us))
    if found.native_us:
        results.append(("native", shortest(_fraction(found.native_us), Basis.SOURCED, "us")))
        results.append(("ratio", number(_fraction(found.answer), Basis.DERIVED, "times", 4)))
    digits, unit = (4, "times") if found.native_us else (3, "us") if found.ghz else (1, "cycles")
    engine = {
        key: number(_fraction(x), Basis.DERIVED, unit, digits)
        for key, x in (
            ("engine", found.engine.median), ("p5", found.engine.p5), ("p95", found.engine.p95)
        )
    }  # fmt: skip
    results.append(("engine", engine["engine"]))
    rows += [Row(Label(f"worked.{key}"), (none, none, none, none, value)) for key, value in results]
    cell = found.cell
    names = {
        "workload": code(cell.workload, Basis.RUN),
        "technique": technique_value(cell.technique),
        "era": code(cell.era, Basis.SOURCED),
    }
    lines = {
        f"{_key(line.cost.event)}.{line.cost.part}.{key}": row.cells[place]
        for line, row in zip(found.lines, rows, strict=False)
        for key, place in (("count", 1), ("median", 2), ("cost", 3), ("product", 4))
    }
    columns = ("part", "count_per_unit", "median_cycles", "middle_draw", "product")
    return ViewBundle(
        caption=Label("caption.worked", tuple(names.items())),
        alt=Label(
            "alt.worked",
            (*names.items(), ("answer", results[-2][1]), *engine.items()),
        ),
        view=Table(
            Label("column.event"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.middle_draw"),),
        ),
        values={key: value for key, value in lines.items() if isinstance(value, Value)}
        | dict(results)
        | engine
        | names
        | {"unpriced": number(len(found.unpriced), Basis.RUN)},
        sources=found.sources,
        commands=(
            f"virtdocs predict {cell.workload} --technique {cell.technique} --era {cell.era}",
        ),
        priced=True,
        inputs=inputs([made]) if made is not None else None,
    )


def _row(one: Sourced, era: str) -> Row:
    basis = _basis(one)
    own = one.origin == era
    place = f"{one.source} {one.locator}"
    ends = (("low", _cycles(one.low, basis)), ("high", _cycles(one.high, basis)))
    return Row(
        code(one.event, basis),
        (
            term(f"cost_part.{one.part}", basis),
            Value(
                _fraction(one.value), basis, unit="cycles", digits=_digits(one.value),
                where=(one.source, place),
            ),
            Label("cell.range", ends),
            _processor(one.cpu, basis),
            Label("row.name", (("name", _year(one.year)),)),
            Label("cell.locator", (
                ("source", code(one.source, basis)), ("locator", code(one.locator, basis)),
            )),
            term(f"printed.{one.unit}", basis),
            code(", ".join(one.holds), basis) if one.holds else Label("answer.none"),
            Label("answer.own") if own else code(one.origin, basis),
        ),
        group=Label(f"cost_axis.{'any' if one.axis == '*' else one.axis}"),
    )  # fmt: skip


def _processor(cpu: str, basis: Basis) -> Value | Label:
    """A processor, or two for the two ends of a range."""
    ends = re.fullmatch(r"(.+) \(low end\); (.+) \(high end\)", cpu)
    if ends is None:
        return _named(cpu, basis)
    low, high = (_named(one, basis) for one in ends.groups())
    return Label("cell.ends", (("low", low), ("high", high)))


def _named(cpu: str, basis: Basis) -> Value:
    return term("processor.not_named", basis) if cpu == NOT_NAMED else code(cpu, basis)


def _values(one: Sourced) -> Iterable[tuple[str, Value]]:
    axis = "any" if one.axis == "*" else one.axis
    key, basis = f"{axis}.{_key(one.event)}.{one.part}", _basis(one)
    yield key, _cycles(one.value, basis)
    yield f"{key}.low", _cycles(one.low, basis)
    yield f"{key}.high", _cycles(one.high, basis)


def _key(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


def _basis(one: Sourced) -> Basis:
    return Basis.SOURCED if one.basis == "sourced" else Basis.DERIVED


def _year(year: int) -> Value:
    return code(str(year), Basis.SOURCED)


def _cycles(value: float, basis: Basis) -> Value:
    return number(_fraction(value), basis, "cycles", _digits(value))


def _digits(value: float) -> int:
    return 1 if value < 100 else 0


def _fraction(value: float) -> Fraction:
    """To a millionth: the same on every machine, and more digits than are shown."""
    return Fraction(round(value * MILLION), MILLION)
