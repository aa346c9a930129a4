"""What a technique is made of: its values on five axes, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    technique_label,
    technique_value,
    term,
)

if TYPE_CHECKING:
    from virtdocs.experiments.reasons import Reason

AXES = ("cpu", "mmu", "io", "irq", "boot")


def axes(presets: Mapping[str, Sequence[Reason]]) -> ViewBundle:
    """A row per technique, a column per axis."""
    rows = tuple(
        Row(technique_label(name), tuple(_value(one) for one in found), name)
        for name, found in presets.items()
    )
    kinds = {
        axis: len({one.value for found in presets.values() for one in found if one.axis == axis})
        for axis in AXES
    }
    summary = {
        "techniques": number(len(presets), Basis.DERIVED),
        **{f"{axis}_values": number(count, Basis.DERIVED) for axis, count in kinds.items()},
    }
    values = {f"{name}.{one.axis}": _value(one) for name, found in presets.items() for one in found}
    return ViewBundle(
        caption=Label("caption.technique_axes"),
        alt=Label("alt.technique_axes", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"column.axis_{axis}") for axis in AXES),
            rows,
            dense=True,
        ),
        values=values | summary,
        sources=_sources([one for found in presets.values() for one in found]),
    )


def why(technique: str, reasons: Sequence[Reason]) -> ViewBundle:
    """The five values of one technique, each with its reason and sources."""
    rows = tuple(
        Row(
            Label(f"column.axis_{one.axis}"),
            (
                _value(one),
                Label(one.key),
                _cited(one),
            ),
        )
        for one in reasons
    )
    head = {"technique": technique_value(technique)}
    return ViewBundle(
        caption=Label("caption.technique_reasons", tuple(head.items())),
        alt=Label("alt.technique_reasons", tuple(head.items())),
        view=Table(
            Label("column.axis"),
            (Label("column.value"), Label("column.reason"), Label("column.sources")),
            rows,
        ),
        values=head | {one.axis: _value(one) for one in reasons},
        sources=_sources(reasons),
    )


def _value(one: Reason) -> Value:
    """What the engine runs under the technique's name."""
    keys = {
        "cpu": f"axis_cpu.{one.value}",
        "mmu": f"mmu.{one.value}",
        "io": f"axis_io.{one.value}",
        "irq": f"axis_irq.{one.value}",
        "boot": f"axis_boot.{one.value}",
    }
    return term(keys[one.axis], Basis.RUN)


def _cited(one: Reason) -> Value:
    """Where no source says so, the editors do."""
    if not one.sources:
        return term("absent", Basis.JUDGED)
    return code(", ".join(one.sources), Basis.SOURCED)


def _sources(reasons: Sequence[Reason]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for one in reasons for key in one.sources))
