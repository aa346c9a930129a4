"""The devices that a hypervisor brings itself: what an operation on each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtdocs.views.device_counts import tag_name
from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    shortest,
    technique_label,
)

if TYPE_CHECKING:
    from virtdocs.experiments.device_counts import DeviceCounts, OwnDevice


def table(found: Sequence[OwnDevice], commands: Sequence[str]) -> ViewBundle:
    """A row for each device, by hypervisor, with the emulated one beside it."""
    rows = tuple(
        Row(
            Label(f"device_kind.{one.kind}"),
            (
                code(one.own.device, Basis.RUN),
                _requests(one.own),
                code(one.emulated.device, Basis.RUN) if one.emulated else Label("answer.none"),
                _requests(one.emulated) if one.emulated else Label("answer.none"),
            ),
            one.hypervisor,
            technique_label(one.hypervisor),
        )
        for one in found
    )
    fewer = [one for one in found if one.emulated and one.own.requests < one.emulated.requests]
    compared = [one for one in found if one.emulated]
    summary: dict[str, Value] = {
        "devices": number(len(found), Basis.DERIVED),
        "compared": number(len(compared), Basis.DERIVED),
        "fewer": number(len(fewer), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.own_devices"),
        alt=Label("alt.own_devices", tuple(summary.items())),
        view=Table(
            Label("column.operation"),
            tuple(
                Label(f"column.{key}")
                for key in ("own_device", "turned_to", "emulated_device", "turned_to")
            ),
            rows,
            (Label("note.turned_to"),),
            Label("column.hypervisor"),
            dense=True,
        ),
        values=summary
        | {f"{tag_name(one.own.device)}.requests": _requests(one.own) for one in found},
        commands=tuple(dict.fromkeys(commands)),
    )


def _requests(one: DeviceCounts) -> Value:
    return shortest(one.requests, Basis.RUN, "per_op")
