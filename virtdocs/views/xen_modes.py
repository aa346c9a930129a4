"""Xen's five modes by five dimensions: who handles what, with the counts that say so."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    technique_label,
    term,
    trimmed,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.xen_modes import ModeCell

UNMODIFIED = "runs_unmodified"  # a test, not a count


def five_by_five(cells: Sequence[ModeCell]) -> ViewBundle:
    """A row per dimension, a column per mode."""
    modes = list(dict.fromkeys(one.mode for one in cells))
    dimensions = list(dict.fromkeys(one.dimension for one in cells))
    by_place = {(one.dimension, one.mode): one for one in cells}
    rows = tuple(
        Row(
            Label(f"dimension.{dimension}"),
            tuple(_cell(by_place[dimension, mode]) for mode in modes),
        )
        for dimension in dimensions
    )
    values: dict[str, Value] = {}
    for one in cells:
        place = f"{one.mode}.{one.dimension}"
        values[place] = _handler(one)
        values |= {f"{place}.{key}": value for key, value in _counts(one).items()}
    unmodified = [one for one in cells if one.counts.get(UNMODIFIED)]
    by_events = [one for one in cells if one.handler == "event_channel"]
    summary = {
        "modes": number(len(modes), Basis.DERIVED),
        "unmodified": number(len(unmodified), Basis.DERIVED),
        "event_channels": number(len(by_events), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.xen_modes"),
        alt=Label("alt.xen_modes", tuple(summary.items())),
        view=Table(
            Label("column.dimension"),
            tuple(technique_label(mode) for mode in modes),
            rows,
            (Label("note.mode_counts"),),
        ),
        values=values | summary,
        sources=tuple(dict.fromkeys(key for one in cells for key in one.sources)),
    )


def _cell(one: ModeCell) -> Label | Value:
    """Who handles it, and under it the counts that are not zero."""
    shown = [(key, value) for key, value in _counts(one).items() if value.raw]
    if not shown:
        return _handler(one)
    return Label(f"mode_cell.{len(shown)}", (("handler", _handler(one)), *_pairs(shown)))


def _pairs(shown: Sequence[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """The n-th count as ``key{n}`` and ``value{n}``."""
    found: list[tuple[str, Value]] = []
    for n, (key, value) in enumerate(shown, start=1):
        found += [(f"key{n}", term(f"mode_count.{key}", value.basis)), (f"value{n}", value)]
    return found


def _handler(one: ModeCell) -> Value:
    return term(f"handler.{one.handler}", Basis(one.basis), one.sources)


def _counts(one: ModeCell) -> dict[str, Value]:
    basis = Basis(one.basis)
    return {
        key: yes_no(bool(count), basis)
        if key == UNMODIFIED
        else trimmed(Fraction(count), basis, "per_op", 1)
        for key, count in one.counts.items()
    }
