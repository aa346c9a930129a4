"""The map of the fastest technique: a winner with its chance at each place of two rates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from virtdocs.experiments.fastest import RATES, TOSS, native_walk, walk_factor
from virtdocs.views.model import (
    Basis,
    Inputs,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    Winner,
    WinnerMap,
    code,
    number,
    technique_value,
    term,
    terms,
)
from virtdocs.views.workings import events, made_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtdocs.experiments.fastest import Compared, Place

HUNDRED: Final = 100
MILLION: Final = 10**6
_D: Final = Basis.DERIVED


def winner_map(
    era: str, across: str, up: str, rest: int, places: Sequence[Sequence[Place]], found: Compared
) -> ViewBundle:
    """The places from the lowest rate of ``up``; all other rates stay at ``rest``."""
    techniques = tuple(one.technique for one in found.found)
    rows = tuple(tuple(_winner(one) for one in row) for row in places)
    flat = [one for row in places for one in row]
    others = tuple(f"rate.{axis}" for axis in found.axes if axis not in (across, up))
    values = _values(flat, techniques) | {"rest": number(rest, Basis.JUDGED, "per_second")}
    names = (
        ("era", code(era, Basis.SOURCED)),
        ("across", term(f"rate.{across}", _D)),
        ("up", term(f"rate.{up}", _D)),
    )
    notes = [Label("note.fastest_toss", (("toss", values["toss"]),)), Label("note.fastest_out")]
    if others:
        held = (("others", terms(others, _D)), ("rest", values["rest"]))
        notes.insert(0, Label("note.fastest_rest", held))
    if found.left:
        left = terms(tuple(f"technique.{name}" for name in found.left), _D)
        notes.append(Label("note.fastest_left", (("techniques", left),)))
    axis = tuple(number(rate, Basis.JUDGED) for rate in RATES)
    return ViewBundle(
        caption=Label("caption.fastest", names),
        alt=Label("alt.fastest", tuple((k, values[k]) for k in ("places", "tosses", "most"))),
        view=WinnerMap(
            Label(f"rate.{across}"), Label(f"rate.{up}"), axis, axis, techniques, rows,
            tuple(notes),
        ),
        values=values,
        sources=_sources(found),
        priced=True,
        inputs=_inputs(era, found),
    )  # fmt: skip


def _winner(one: Place) -> Winner:
    chance = number(_percent(one.probability), _D, "percent")
    return Winner(one.winner, chance, one.probability < TOSS)


def _values(places: Sequence[Place], techniques: Sequence[str]) -> dict[str, Value]:
    """How many places each technique wins, how many are a toss, and the price of a walk."""
    won = {name: sum(one.winner == name for one in places) for name in techniques}
    most = max(won.values())
    low, high = native_walk()
    least, greatest = walk_factor()
    return {
        "places": number(len(places), _D),
        "tosses": number(sum(one.probability < TOSS for one in places), _D),
        "toss": number(_percent(TOSS), Basis.JUDGED, "percent"),
        "most": terms(tuple(f"technique.{name}" for name in won if won[name] == most), _D),
        **{f"won.{name}": number(n, _D) for name, n in won.items()},
        "walk_low": number(_fraction(low), _D, "cycles"),
        "walk_high": number(_fraction(high), _D, "cycles"),
        "factor_low": number(_fraction(least), Basis.SOURCED, "times", 1),
        "factor_high": number(_fraction(greatest), Basis.SOURCED, "times", 1),
    }


def _inputs(era: str, found: Compared) -> Inputs:
    rows = tuple(
        Row(
            term(f"rate.{axis}", _D),
            (technique_value(name), events(counts)),
        )
        for (name, axis), counts in found.counts.items()
    )
    columns = (Label("column.technique"), Label("column.counts_less_native"))
    counts = Table(Label("column.rate"), columns, rows)
    costs = ((era, cost) for some in found.counts.values() for one in some for cost in one.costs)
    return made_of(("fastest", "nested_walk"), counts, costs)


def _sources(found: Compared) -> tuple[str, ...]:
    costs = {cost.source for some in found.counts.values() for one in some for cost in one.costs}
    return tuple(sorted({*costs, "BHARGAVA08"}))


def _percent(share: float) -> Fraction:
    return _fraction(share) * HUNDRED


def _fraction(value: float) -> Fraction:
    return Fraction(round(value * MILLION), MILLION)
