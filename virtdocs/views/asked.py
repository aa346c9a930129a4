"""Speeds that were asked for, beside what was measured and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import Basis, Label, Row, Table, Value, ViewBundle, code, number, yes_no

if TYPE_CHECKING:
    from virtdocs.experiments.asked import Target


def asked(
    exhibit: str, targets: Iterable[Target], when: Label, command: str, digits: int = 1
) -> ViewBundle:
    """A row for each target; ``when`` is the note on where it was measured."""
    rows, values, met = [], dict[str, Value](), 0
    targets = tuple(targets)
    for one in targets:
        met += one.met
        figure = number(Fraction(str(one.measured)), Basis.MEASURED, one.unit, digits)
        verdict = yes_no(one.met, Basis.DERIVED)
        limit = _limit(one)
        bound = Label("bound.at_most" if one.at_most else "bound.at_least", (("n", limit),))
        of = (("who", code(one.of, Basis.MEASURED)),) if one.of else ()
        rows.append(Row(Label(f"target.{one.name}", of), (bound, figure, verdict)))
        name = f"{one.name}.{one.of.split()[-1]}" if one.of else one.name
        values |= {f"{name}.measured": figure, f"{name}.met": verdict}
    summary = {
        "targets": number(len(targets), Basis.DERIVED),
        "met": number(met, Basis.DERIVED),
        "missed": number(len(targets) - met, Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label(f"caption.{exhibit}"),
        alt=Label(f"alt.{exhibit}", tuple(summary.items())),
        view=Table(
            Label("column.asked_of"),
            (Label("column.asked"), Label("column.measured"), Label("column.met")),
            tuple(rows),
            (when,),
        ),
        values=summary | values,
        commands=(command,),
    )


def _limit(one: Target) -> Value:
    places = len(f"{one.asked:g}".partition(".")[2])
    return number(Fraction(str(one.asked)), Basis.JUDGED, one.unit, places)
