"""Predictions beside published figures: row by row, order by order, and how many are met."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.experiments.targets import GATES, fingerprint
from virtdocs.experiments.uncertainty import DRAWS
from virtdocs.experiments.validate import LARGE, NOISE
from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    digest,
    number,
    technique_value,
    term,
)
from virtdocs.views.workings import costs_only, inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from virtdocs.experiments.targets import Target
    from virtdocs.experiments.validate import Order, Verdict
    from virtdocs.experiments.workings import Working

COMMAND = "virtdocs validate"
HUNDRED = 100
MILLION = 10**6
ENOUGH = Fraction(8, 10)  # of each gate, asked for before the first prediction
# Gates with a share to reach, and the counts of `summary` that belong to each.
SHARES = ("micro", "micro_large", "micro_predicted", "macro", "macro_large", "macro_predicted")
ALL_OF = ("orders", "signs")


def rows_table(kind: str, verdicts: Sequence[Verdict], workings: Sequence[Working]) -> ViewBundle:
    """The rows of one scale, grouped by the source of the published figure."""
    chosen = [one for one in verdicts if one.target.scale == kind]
    by_source = dict.fromkeys(one.target.figure.source for one in chosen)
    rows = [_row(one) for name in by_source for one in chosen if one.target.figure.source == name]
    counted = [one for one in chosen if one.counted]
    summary = {
        "rows": number(len(chosen), Basis.DERIVED),
        "counted": number(len(counted), Basis.DERIVED),
        "met": number(sum(one.met for one in counted), Basis.DERIVED),
        "fitted": number(len(chosen) - len(counted), Basis.DERIVED),
        "unpredicted": number(sum(one.predicted is None for one in counted), Basis.DERIVED),
    }
    columns = ("published", "predicted", "of_published", "gate", "verdict",
               "direction", "why_missed", "figure_published")  # fmt: skip
    return ViewBundle(
        caption=Label(f"caption.validation_{kind}"),
        alt=Label("alt.validation_rows", tuple(summary.items())),
        view=Table(
            Label("column.what_was_measured"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.validation_ratio"), Label("note.validation_gates")),
            Label("column.source"),
        ),
        values=summary,
        sources=_sources(chosen),
        commands=(COMMAND,),
        priced=True,
        inputs=inputs(workings, ("held",)),
    )


def orders_table(
    verdicts: Sequence[Verdict], pairs: Sequence[Order], workings: Sequence[Working]
) -> ViewBundle:
    """Pairs of techniques on the same work of the same source: which is slower."""
    by_source = dict.fromkeys(one.slower.figure.source for one in pairs)
    ordered = [one for name in by_source for one in pairs if one.slower.figure.source == name]
    rows = [
        Row(
            _work(one.slower),
            (
                technique_value(one.slower.technique),
                technique_value(one.faster.technique),
                _verdict(one.met),
            ),
            group=_source(one.slower),
        )
        for one in ordered
    ]
    summary = {
        "rows": number(len(rows), Basis.DERIVED),
        "met": number(sum(one.met for one in pairs), Basis.DERIVED),
    }
    noise = _percent(_fraction(NOISE), Basis.JUDGED)
    columns = ("slower", "faster", "verdict")
    shown = [v for v in verdicts if any(v.target in (p.slower, p.faster) for p in pairs)]
    return ViewBundle(
        caption=Label("caption.validation_orders"),
        alt=Label("alt.validation_orders", tuple(summary.items())),
        view=Table(
            Label("column.what_was_measured"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.validation_orders", (("noise", noise),)),),
            Label("column.source"),
        ),
        values=summary,
        sources=_sources(shown),
        commands=(COMMAND,),
        priced=True,
        inputs=costs_only(workings, ("order",)),
    )


def summary_table(
    found: Mapping[str, Mapping[str, int]],
    verdicts: Sequence[Verdict],
    workings: Sequence[Working],
) -> ViewBundle:
    """How many of how many, gate by gate, and what was asked for."""
    rows, values = [], dict[str, Value]()
    reached = 0
    for name in (*SHARES, *ALL_OF):
        met, of = found[name]["met"], found[name]["of"]
        share = Fraction(met, of) if of else Fraction(0)
        asked = Fraction(1) if name in ALL_OF else ENOUGH
        gate = not name.endswith("_predicted")
        reached += gate and share >= asked
        cells = {
            "met": number(met, Basis.DERIVED),
            "of": number(of, Basis.DERIVED),
            "share": _percent(share, Basis.DERIVED),
            "asked": _percent(asked, Basis.JUDGED),
        }
        values |= {f"{name}.{key}": value for key, value in cells.items()}
        values[f"{name}.missed"] = number(of - met, Basis.DERIVED)
        last = _reached(share >= asked) if gate else Label("answer.none")
        wanted = cells["asked"] if gate else Label("answer.none")
        rows.append(
            Row(
                Label(f"validation.{name}"),
                (cells["met"], cells["of"], cells["share"], wanted, last),
            )
        )
    gates = [name for name in (*SHARES, *ALL_OF) if not name.endswith("_predicted")]
    values |= {
        "targets": number(len(verdicts), Basis.DERIVED),
        "fitted": number(found["fitted"]["of"], Basis.DERIVED),
        "unpredicted": number(found["unpredicted"]["of"], Basis.DERIVED),
        "micro_gate": _percent(_fraction(GATES["micro"]) - 1, Basis.JUDGED),
        "macro_gate": number(_fraction(GATES["macro"]), Basis.JUDGED, digits=1),
        "large_effect": _percent(_fraction(LARGE), Basis.JUDGED),
        "asked": _percent(ENOUGH, Basis.JUDGED),
        "draws": number(DRAWS, Basis.DERIVED),
        "frozen": digest(fingerprint(len(verdicts)), Basis.DERIVED),
        "gates": number(len(gates), Basis.DERIVED),
        "gates_reached": number(reached, Basis.DERIVED),
        "gates_missed": number(len(gates) - reached, Basis.DERIVED),
    }
    parts = ("targets", "fitted", "unpredicted", "gates", "gates_reached")
    large = _percent(_fraction(LARGE), Basis.JUDGED)
    columns = ("met_count", "of_count", "share", "asked", "reached")
    return ViewBundle(
        caption=Label("caption.validation"),
        alt=Label("alt.validation_summary", tuple((key, values[key]) for key in parts)),
        view=Table(
            Label("column.gate"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.validation_summary", (("large", large),)),),
        ),
        values=values | _why_counts(verdicts),
        sources=_sources(verdicts),
        commands=(COMMAND,),
        priced=True,
        inputs=costs_only(workings, ("share",)),
    )


def _why_counts(verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """How many rows each reason stands for."""
    keys = [one.why for one in verdicts if one.why]
    return {f"why.{key}": number(keys.count(key), Basis.DERIVED) for key in dict.fromkeys(keys)}


def _row(one: Verdict) -> Row:
    target = one.target
    ratio: Value | Label = Label("answer.none")
    if one.ratio is not None:
        ratio = number(_fraction(one.ratio), Basis.DERIVED, digits=2)
    direction: Value | Label = Label("answer.none")
    if one.sign_met is not None:
        direction = _verdict(one.sign_met)
    verdict = term("verdict.fitted", Basis.DERIVED) if one.fitted else _verdict(one.met)
    return Row(
        _what(target),
        (
            _published(one),
            _predicted(one),
            ratio,
            _gate(one.gate),
            verdict,
            direction,
            Label(f"why.{one.why}") if one.why else Label("answer.none"),
            code(target.id, Basis.SOURCED),
        ),
        target.technique,
        _source(target),
    )


def _predicted(one: Verdict) -> Value | Label:
    """Median and range; the median alone where no draw differs from another."""
    if one.predicted is None:
        return Label("answer.none")
    median, low, high = (
        _figure(x, one.target, Basis.DERIVED)
        for x in (one.predicted.median, one.predicted.p5, one.predicted.p95)
    )
    if low == high:
        return median
    return Label("cell.median_range", (("median", median), ("low", low), ("high", high)))


def _gate(gate: str) -> Value | Label:
    if gate not in GATES:
        return term(f"gate.{gate}", Basis.JUDGED)
    if gate == "micro":
        most = _percent(_fraction(GATES[gate]) - 1, Basis.JUDGED)
    else:
        most = number(_fraction(GATES[gate]), Basis.JUDGED, digits=1)
    return Label(f"gate.{gate}", (("n", most),))


def _what(target: Target) -> Label:
    """The work with its parameters, and under which technique."""
    args = (("work", _work(target)), ("technique", technique_value(target.technique)))
    if target.rival is None:
        return Label("row.work_under", args)
    return Label("row.work_rival", (*args, ("rival", technique_value(target.rival))))


def _work(target: Target) -> Value:
    params = "".join(f" {key}={value}" for key, value in target.params.items())
    return code(f"{target.workload}{params}", Basis.DERIVED)


def _source(target: Target) -> Label:
    names = (("source", code(target.figure.source, Basis.SOURCED)),
             ("era", code(target.era, Basis.SOURCED)))  # fmt: skip
    return Label("row.source_era", names)


def _published(one: Verdict) -> Value | Label:
    if one.published is None:
        return Label("gate.statement")
    low, high = (_figure(x, one.target, Basis.SOURCED) for x in one.published)
    if one.target.bound != "exact":
        return Label(f"bound.{one.target.bound}", (("n", low),))
    return low if low == high else Label("cell.range", (("low", low), ("high", high)))


def _figure(value: float, target: Target, basis: Basis) -> Value:
    """Cycles, microseconds, exits a second, or a ratio of times."""
    unit = {"cycles": "cycles", "added_us": "us", "rule": ""}.get(target.measure, "")
    digits = 0 if abs(value) >= HUNDRED else 1 if unit else 2
    return number(_fraction(value), basis, unit, digits, where=(target.figure.source,))


def _sources(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    published = {one.target.figure.source for one in verdicts}
    return tuple(sorted(published | {key for one in verdicts for key in one.sources}))


def _verdict(met: bool) -> Value:
    return term("verdict.met" if met else "verdict.missed", Basis.DERIVED)


def _reached(met: bool) -> Value:
    return term("answer.yes" if met else "answer.no", Basis.DERIVED)


def _percent(share: Fraction, basis: Basis) -> Value:
    return number(share * HUNDRED, basis, "percent")


def _fraction(value: float) -> Fraction:
    return Fraction(round(value * MILLION), MILLION)
