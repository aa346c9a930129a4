"""One disk request by several paths: each as a flow over parties, all as a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from virtdocs.trace import EventKind, Party
from virtdocs.views.model import (
    Basis,
    Flow,
    Label,
    Row,
    Step,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    term,
    terms,
)
from virtdocs.views.sides import monitor_side

if TYPE_CHECKING:
    from virtdocs.experiments.io_request import Act, IoRequest

STRONGEST = Fraction(45, 100)  # the tint of the fullest cell: text stays readable on it
TOGETHER = 5  # acts of a party that one box tells


def flow(request: IoRequest) -> ViewBundle:
    """One path: a box for what a party does before the request leaves it again."""
    steps = _steps(request.folded)
    values = path_values(request)
    head = (
        ("path", term(f"path.{request.path}", Basis.RUN)),
        ("disk", code(request.device, Basis.RUN)),
    )
    alt = ("handovers", "party_count", "parties")
    return ViewBundle(
        caption=Label("caption.io_flow", head),
        alt=Label("alt.io_flow", (*head, *((key, values[key]) for key in alt))),
        view=Flow(
            request.technique,
            tuple(party for party in Party if any(step.party is party for step in steps)),
            steps,
            (Label("note.told_once"),) if any(act.times > 1 for act in request.folded) else (),
        ),
        values=values | dict(head),
    )


def matrix(requests: Sequence[IoRequest]) -> ViewBundle:
    """A row per path, a column per party: how often it was given the request."""
    handovers = {one.path: one.handovers for one in requests}
    # The application is at both ends of every path.
    between = [party for party in Party if party is not Party.APPLICATION]
    parties = [party for party in between if any(party in found for found in handovers.values())]
    most = max(one.all for found in handovers.values() for one in found.values())
    rows = tuple(
        Row(
            Label(f"path.{one.path}"),
            (
                code(one.device, Basis.RUN),
                *(_cell(one, party) for party in parties),
                number(_total(one), Basis.RUN),
            ),
            one.technique,
            shades=(Fraction(0), *(_shade(one, party, most) for party in parties), Fraction(0)),
        )
        for one in requests
    )
    totals = {one.path: _total(one) for one in requests}
    with_dom0 = [one for one in requests if Party.DOM0 in handovers[one.path]]
    summary: dict[str, Value] = {
        "paths": number(len(requests), Basis.DERIVED),
        "through_dom0": number(len(with_dom0), Basis.DERIVED),
        "fewest": number(min(totals.values()), Basis.RUN),
        "fewest_paths": _named(totals, min(totals.values())),
        "most": number(max(totals.values()), Basis.RUN),
        "most_paths": _named(totals, max(totals.values())),
    }
    values = {
        f"{one.path}.{key}": value for one in requests for key, value in path_values(one).items()
    }
    return ViewBundle(
        caption=Label("caption.io_parties"),
        alt=Label("alt.io_parties", tuple(summary.items())),
        view=Table(
            Label("column.path"),
            (
                Label("column.disk"),
                *(Label(f"party_short.{party}") for party in parties),
                Label("column.handovers"),
            ),
            rows,
            (Label("note.handovers"),),
            dense=True,
        ),
        values=values | summary,
    )


def path_values(request: IoRequest) -> dict[str, Value]:
    """What a sentence may need of one path: handovers per party, there and back."""
    found = request.handovers
    values: dict[str, Value] = {
        "disk": code(request.device, Basis.RUN),
        "handovers": number(_total(request), Basis.RUN),
        "party_count": number(len(found), Basis.RUN),
        "parties": terms(tuple(f"party.{party}" for party in found), Basis.RUN),
    }
    for party in Party:
        there, back = (found[party].there, found[party].back) if party in found else (0, 0)
        values[str(party)] = number(there + back, Basis.RUN)
        values[f"{party}_there"] = number(there, Basis.RUN)
        values[f"{party}_back"] = number(back, Basis.RUN)
    return values


def _total(request: IoRequest) -> int:
    return sum(one.all for one in request.handovers.values())


def _named(totals: Mapping[str, int], end: int) -> Value:
    return terms(tuple(f"path.{path}" for path, one in totals.items() if one == end), Basis.RUN)


def _cell(request: IoRequest, party: Party) -> Value:
    found = request.handovers.get(party)
    return term("absent", Basis.RUN) if found is None else number(found.all, Basis.RUN)


def _shade(request: IoRequest, party: Party, most: int) -> Fraction:
    """By the number's length in binary: one and nine are far apart, nineteen and twenty not."""
    found = request.handovers.get(party)
    count = found.all if found is not None else 0
    return STRONGEST * Fraction(count.bit_length(), most.bit_length())


def _steps(acts: Sequence[Act]) -> tuple[Step, ...]:
    found: list[Step] = []
    inside = False
    for (party, times), group in groupby(acts, key=lambda act: (act.party, act.times)):
        # A device is reached from either side, and answers to the side that asked.
        side = inside if party is Party.DEVICE else monitor_side(party)
        crossing, inside = side is not inside, side
        told = [act.what for act in group]
        for start in range(0, len(told), TOGETHER):
            label = _label(told[start : start + TOGETHER], times)
            found.append(Step(party, EventKind.BACKEND, label, crossing and not start))
    return tuple(found)


def _label(told: Sequence[str], times: int) -> Label:
    """What a party does, one after the other, and how often in all."""
    args = tuple((f"a{n}", term(f"act.{one}", Basis.RUN)) for n, one in enumerate(told, 1))
    if times == 1:
        return Label(f"io_step.{len(told)}", args)
    return Label(f"io_steps.{len(told)}", (*args, ("n", number(times, Basis.RUN))))
