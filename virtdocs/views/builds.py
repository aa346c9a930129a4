"""How long builds take: beside other tools, with the number of examples, of the own site."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    term,
)

if TYPE_CHECKING:
    from virtdocs.experiments.builds import Builds

COMMAND = "make bench-build"
MILLI = 1000
MOST_EXACT = 10  # seconds, from which on one decimal is enough
NONE = Label("answer.none")
EXAMPLE = "example"  # the case that edits one


def tools(found: Builds, own: str, cases: tuple[str, ...], plain: Mapping[str, str]) -> ViewBundle:
    """A row for each tool: seconds on the clock. ``plain``: those that have no examples to edit.

    The latter by the key of what they are called.
    """
    rows = []
    for who in (own, *found.others):
        cells = tuple(_seconds(found.tools[who][case]) for case in cases)
        rows.append(Row(code(who, Basis.MEASURED), cells, "native" if who == own else ""))
    for who, key in plain.items():
        seconds = found.tools[who]
        ready = tuple(NONE if case == EXAMPLE else _seconds(seconds[case]) for case in cases)
        rows.append(Row(term(f"builder.{key}", Basis.MEASURED), ready))
    quickest = min(found.others, key=lambda who: found.tools[who]["cold"])
    summary = {
        "cold": _seconds(found.tools[own]["cold"]),
        "unchanged": _seconds(found.tools[own]["unchanged"]),
        "other": code(quickest, Basis.DERIVED),
        "other_cold": _seconds(found.tools[quickest]["cold"]),
        "other_unchanged": _seconds(found.tools[quickest]["unchanged"]),
    }
    rounds = {key: _count(found, key) for key in ("examples", "rounds")}
    return ViewBundle(
        caption=Label("caption.builds_tools"),
        alt=Label("alt.builds_tools", tuple(summary.items())),
        view=Table(
            Label("column.built_with"),
            tuple(Label(f"column.build_{case}") for case in cases),
            tuple(rows),
            (Label("note.builds_tools", tuple(rounds.items())), when(found)),
        ),
        values=summary | rounds,
        commands=(COMMAND,),
    )


def growth(found: Builds) -> ViewBundle:
    """A row for each number of examples, with what each further one takes."""
    counts = sorted(found.growth)
    rows, values, before = [], dict[str, Value](), 0
    for count in counts:
        seconds = found.growth[count]
        each = found.per_example(before, count, "cold") if before else None
        cells = (
            _seconds(seconds["cold"]),
            NONE if each is None else _milliseconds(each),
            _seconds(seconds["unchanged"]),
            _seconds(seconds["plain"]),
        )
        rows.append(Row(number(count, Basis.MEASURED), cells))
        if each is not None:
            values[f"each.{count}"] = _milliseconds(each)
        before = count
    first, last = counts[0], counts[-1]
    summary = {
        "first": number(first, Basis.MEASURED),
        "first_cold": _seconds(found.growth[first]["cold"]),
        "last": number(last, Basis.MEASURED),
        "last_cold": _seconds(found.growth[last]["cold"]),
    }
    return ViewBundle(
        caption=Label("caption.builds_growth"),
        alt=Label("alt.builds_growth", tuple(summary.items())),
        view=Table(
            Label("column.examples"),
            tuple(
                Label(f"column.{key}")
                for key in ("build_cold", "build_each", "build_unchanged", "build_plain")
            ),
            tuple(rows),
            (Label("note.builds_growth"), when(found)),
        ),
        values=summary | values,
        commands=(COMMAND,),
    )


def whole(found: Builds) -> ViewBundle:
    """The own site: a row for each thing that may have happened since the last build."""
    cells = {case: _seconds(seconds) for case, seconds in found.whole.items()}
    return ViewBundle(
        caption=Label("caption.builds_whole"),
        alt=Label("alt.builds_whole", tuple(cells.items())),
        view=Table(
            Label("column.since_last_build"),
            (Label("column.build_seconds"),),
            tuple(Row(Label(f"since.{case}"), (cell,)) for case, cell in cells.items()),
            (when(found),),
        ),
        values=dict(cells),
        commands=(COMMAND,),
    )


def when(found: Builds) -> Label:
    """A note: when and where it was measured."""
    said = found.recorded
    return Label("note.builds_recorded", (
        ("date", code(str(said["date"]), Basis.MEASURED)),
        ("cpu", code(str(said["cpu"]), Basis.MEASURED)),
        ("cores", _count(found, "cores")),
        ("python", code(str(said["python"]), Basis.MEASURED)),
    ))  # fmt: skip


def _count(found: Builds, key: str) -> Value:
    return number(int(found.recorded[key]), Basis.MEASURED)


def _seconds(seconds: float) -> Value:
    digits = 2 if seconds < MOST_EXACT else 1
    return number(Fraction(str(seconds)), Basis.MEASURED, "seconds", digits)


def _milliseconds(seconds: float) -> Value:
    return number(Fraction(str(round(seconds * MILLI, 1))), Basis.DERIVED, "ms", 1)
