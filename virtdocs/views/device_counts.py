"""What one operation costs on each device: charts by device, by depth, by burst, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Curve,
    Curves,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    plain_label,
    shortest,
    term,
)
from virtdocs.views.outcomes import LOG_FROM

if TYPE_CHECKING:
    from virtdocs.experiments.device_counts import DeviceCounts

# An interface has the colour of the technique that is named after it.
COLOURS = {
    "emulated": "kvm_emulated",
    "vmware_pv": "esxi",
    "virtio": "kvm_virtio",
    "xen_ring": "xen_pvh",
    "vmbus": "hyperv",
}
PARTS = ("reads", "writes", "kicks", "hypercalls", "interrupts", "acknowledgements")


def exits(
    kind: str, found: Sequence[DeviceCounts], interfaces: Mapping[str, str], commands: Sequence[str]
) -> ViewBundle:
    """VM exits of one operation on each device of a kind."""
    bars = tuple(
        Bar(
            plain_label(one.device),
            _per_op(one.exits),
            COLOURS[interfaces[one.device]],
            tuple(_per_op(getattr(one, part)) for part in PARTS),
        )
        for one in found
    )
    raw = {one.device: Fraction(one.exits) for one in found}
    shown = [count for count in raw.values() if count]
    log = bool(shown) and max(shown) / min(shown) >= LOG_FROM
    summary = {**_ends(raw), "devices": number(len(found), Basis.DERIVED)}
    head = (("operation", _operation(kind)),)
    return ViewBundle(
        caption=Label("caption.device_exits", head),
        alt=Label("alt.device_exits", tuple(summary.items())),
        view=Chart(
            Label("axis.device_exits", head),
            bars,
            log=log,
            parts=tuple(Label(f"column.{part}") for part in PARTS),
            notes=(Label("note.without_hlt"),),
        ),
        values=_values(found) | summary,
        commands=tuple(commands),
    )


def table(
    found: Mapping[str, Sequence[DeviceCounts]],
    interfaces: Mapping[str, str],
    commands: Sequence[str],
) -> ViewBundle:
    """Every device by kind, with what its operation is made of."""
    rows = tuple(
        Row(
            plain_label(one.device),
            (
                *(_per_op(getattr(one, part)) for part in PARTS),
                _per_op(one.exits),
            ),
            COLOURS[interfaces[one.device]],
            Label("group.operation", (("operation", _operation(kind)),)),
        )
        for kind, devices in found.items()
        for one in devices
    )
    every = [one for devices in found.values() for one in devices]
    one_access = [one for one in every if one.requests == 1]
    summary = {
        "devices": number(len(every), Basis.DERIVED),
        "one_request": number(len(one_access), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.device_counts"),
        alt=Label("alt.device_counts", tuple(summary.items())),
        view=Table(
            Label("column.device"),
            tuple(Label(f"column.{part}") for part in (*PARTS, "device_exits")),
            rows,
            (Label("note.without_hlt"),),
            Label("column.operation"),
            dense=True,
        ),
        values=_values(every) | summary,
        commands=tuple(commands),
    )


def by_depth(
    found: Mapping[str, Sequence[DeviceCounts]],
    depths: Sequence[int],
    interfaces: Mapping[str, str],
    commands: Sequence[str],
) -> ViewBundle:
    """Accesses, notifications and interrupts of one request, by requests in flight."""
    series = {name: [Fraction(one.events) for one in counts] for name, counts in found.items()}
    last = {name: line[-1] for name, line in series.items()}
    falling = [name for name, line in series.items() if line[-1] * 2 < line[0]]
    flat = [name for name, line in series.items() if line[-1] == line[0]]
    summary = {
        "deepest": number(depths[-1], Basis.RUN),
        "devices": number(len(series), Basis.DERIVED),
        "falling": number(len(falling), Basis.DERIVED),
        "flat": number(len(flat), Basis.DERIVED),
        **_ends(last),
    }
    return ViewBundle(
        caption=Label("caption.exits_by_depth"),
        alt=Label("alt.exits_by_depth", tuple(summary.items())),
        view=Curves(
            Label("place.depth"),
            Label("axis.exits_by_depth"),
            tuple(number(depth, Basis.RUN) for depth in depths),
            _merged(series, interfaces),
            log=True,
            notes=(Label("note.one_sector"),),
        ),
        values=_at(found, depths, "depth") | summary,
        commands=tuple(commands),
    )


def by_replies(
    found: Mapping[str, Sequence[DeviceCounts]],
    replies: Sequence[int],
    interfaces: Mapping[str, str],
    commands: Sequence[str],
) -> ViewBundle:
    """Interrupts for one packet, by how many come close together."""
    series = {
        name: [Fraction(one.interrupts) / (n + 1) for one, n in zip(counts, replies, strict=True)]
        for name, counts in found.items()
    }
    summary = {
        "most_replies": number(replies[-1], Basis.RUN),
        "devices": number(len(series), Basis.DERIVED),
        **_ends({name: line[-1] for name, line in series.items()}),
    }
    per_packet = {
        f"{tag_name(name)}.per_packet_{n}": _fine(value)
        for name, line in series.items()
        for n, value in zip(replies, line, strict=True)
    }
    return ViewBundle(
        caption=Label("caption.interrupts_by_burst"),
        alt=Label("alt.interrupts_by_burst", tuple(summary.items())),
        view=Curves(
            Label("place.replies"),
            Label("axis.interrupts_by_burst"),
            tuple(number(n, Basis.RUN) for n in replies),
            _merged(series, interfaces),
            notes=(Label("note.packets_counted"),),
        ),
        values=_at(found, replies, "replies") | per_packet | summary,
        commands=tuple(commands),
    )


def _merged(
    series: Mapping[str, Sequence[Fraction]], interfaces: Mapping[str, str]
) -> tuple[Curve, ...]:
    """One line for all devices that have the same values; the colour is the first one's."""
    by_values: dict[tuple[Fraction, ...], list[str]] = {}
    for name, line in series.items():
        by_values.setdefault(tuple(line), []).append(name)
    return tuple(
        Curve(
            tuple(plain_label(name) for name in names),
            tuple(_fine(value) for value in line),
            COLOURS[interfaces[names[0]]],
        )
        for line, names in by_values.items()
    )


def _ends(raw: Mapping[str, Fraction]) -> dict[str, Value]:
    """The least and the greatest, with who has it first."""
    found: dict[str, Value] = {}
    for edge, end in (("least", min(raw.values())), ("most", max(raw.values()))):
        found[f"{edge}_value"] = _fine(end)
        found[f"{edge}_count"] = number(sum(one == end for one in raw.values()), Basis.DERIVED)
    return found


def _values(found: Sequence[DeviceCounts]) -> dict[str, Value]:
    keys = (*PARTS, "exits", "requests", "events")
    return {
        f"{tag_name(one.device)}.{key}": _per_op(getattr(one, key)) for one in found for key in keys
    }


def _at(
    found: Mapping[str, Sequence[DeviceCounts]], places: Sequence[int], what: str
) -> dict[str, Value]:
    keys = (*PARTS, "requests", "events")
    return {
        f"{tag_name(name)}.{what}_{place}.{key}": _per_op(getattr(one, key))
        for name, counts in found.items()
        for place, one in zip(places, counts, strict=True)
        for key in keys
    }


def tag_name(device: str) -> str:
    """A device's name as inline tags spell it: they know no hyphen."""
    return device.replace("-", "_")


def _operation(kind: str) -> Value:
    return term(f"operation.{kind}", Basis.RUN)


def _per_op(count: int | Fraction) -> Value:
    return shortest(count, Basis.RUN, "per_op")


def _fine(count: Fraction) -> Value:
    return shortest(count, Basis.RUN)
