"""Where the parts of a guest really run, and what the guest itself can read of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtdocs.trace import Party
from virtdocs.views.model import (
    Basis,
    Label,
    Occupant,
    Rings,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    technique_label,
    technique_value,
    term,
)

if TYPE_CHECKING:
    from virtdocs.experiments.ring_levels import RingLevels

LEVELS = ("kernel_cpl", "read_cpl", "app_cpl")


def reading_values(reading: RingLevels) -> dict[str, Value]:
    """The levels of one technique, by key."""
    return {key: number(getattr(reading, key), Basis.RUN) for key in LEVELS}


def ring_map(reading: RingLevels) -> ViewBundle:
    """The rings of one technique with who runs in each."""
    values = reading_values(reading)
    occupants = [
        Occupant(Party.APPLICATION, reading.app_cpl),
        Occupant(Party.GUEST_KERNEL, reading.kernel_cpl),
    ]
    if reading.monitor_cpl is not None:
        # The monitor is no guest code: its level follows from the technique, not from a run.
        monitor = Occupant(Party.HYPERVISOR, reading.monitor_cpl, reading.host_mode, Basis.DERIVED)
        occupants.append(monitor)
    head = {"technique": technique_value(reading.technique)}
    return ViewBundle(
        caption=Label("caption.ring_map", tuple(head.items())),
        alt=Label("alt.ring_map", tuple((head | values).items())),
        view=Rings(
            reading.technique,
            tuple(occupants),
            reading.host_mode,
            tuple((Label(f"fact.{key}"), values[key]) for key in LEVELS),
        ),
        values=head | values,
    )


def guest_rings(readings: Sequence[RingLevels]) -> ViewBundle:
    """Every technique's real and read levels."""
    per = {reading.technique: reading_values(reading) for reading in readings}
    rows = tuple(
        Row(
            technique_label(one.technique),
            (
                *per[one.technique].values(),
                term("mode.guest" if one.host_mode else "mode.only", Basis.RUN),
            ),
            one.technique,
        )
        for one in readings
    )
    displaced = [one for one in readings if one.kernel_cpl != 0]
    counts = {
        "techniques": len(readings),
        "displaced": len(displaced),
        "visible": sum(one.read_cpl != 0 for one in displaced),
    }
    summary = {key: number(count, Basis.DERIVED) for key, count in counts.items()}
    values = {f"{name}.{key}": value for name, found in per.items() for key, value in found.items()}
    return ViewBundle(
        caption=Label("caption.guest_rings"),
        alt=Label("alt.guest_rings", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"column.{key}") for key in (*LEVELS, "kernel_mode")),
            rows,
        ),
        values=values | summary,
    )
