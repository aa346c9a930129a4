"""The engine's counts beside those recorded on a real hypervisor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
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
    term,
    trimmed,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.measured import Compared, Recorded

PARTS = ("reads", "writes", "kicks", "interrupts")
ONE_REPLY = "pp:1"
VERDICTS = ("equal", "structure", "differs")


def comparison(found: Sequence[Compared]) -> ViewBundle:
    """A row per recorded row, by device."""
    devices = list(dict.fromkeys(one.row.device for one in found))
    rows = tuple(_row(one) for device in devices for one in found if one.row.device == device)
    exact = [one for one in found if one.row.exact]
    verdicts = {
        verdict: number(sum(one.verdict == verdict for one in found), Basis.DERIVED)
        for verdict in VERDICTS
    }
    summary = {
        "rows": number(len(found), Basis.DERIVED),
        "exact": number(len(exact), Basis.DERIVED),
        "exact_equal": number(sum(one.verdict == "equal" for one in exact), Basis.DERIVED),
        "inexact": number(len(found) - len(exact), Basis.DERIVED),
        "measured_devices": number(len(devices), Basis.DERIVED),
        **verdicts,
    }
    values = {
        f"{tag_name(one.row.device)}.{one.row.workload.replace(':', '_')}.{key}": value
        for one in found
        for key, value in (
            ("recorded_exits", _measured(one.row, one.row.counts.exits)),
            ("engine_exits", shortest(one.engine.exits, Basis.RUN)),
        )
    }
    return ViewBundle(
        caption=Label("caption.measured_counts"),
        alt=Label("alt.measured_counts", tuple(summary.items())),
        view=Table(
            Label("column.recorded_work"),
            tuple(
                Label(f"column.{key}")
                for key in ("recorded", "always_same", "engine_counts", "agreement")
            ),
            rows,
            (Label("note.count_order"), Label("note.structure")),
            Label("column.record"),
            dense=True,
        ),
        values=values | _per_interrupt(found) | summary,
        sources=tuple(dict.fromkeys(one.row.source for one in found)),
        commands=("virtdocs measure --json",),
    )


def _per_interrupt(found: Sequence[Compared]) -> dict[str, Value]:
    """Per network card: accesses and kicks that one interrupt more costs, here and in the record.

    From one reply to several, in the first file that has both and where interrupts differ.
    """
    values: dict[str, Value] = {}
    by_work = {(one.row.file, one.row.device, one.row.workload): one for one in found}
    for (file, device, workload), burst in by_work.items():
        single = by_work.get((file, device, ONE_REPLY))
        key = f"{tag_name(device)}.engine_per_interrupt"
        if not workload.startswith("pp:") or single in (None, burst) or key in values:
            continue
        for side, few, many in (
            ("engine", single.engine, burst.engine),
            ("recorded", single.row.counts, burst.row.counts),
        ):
            more = many.interrupts - few.interrupts
            if more:
                cost = trimmed((many.exits - few.exits) / more, Basis.DERIVED)
                values[f"{tag_name(device)}.{side}_per_interrupt"] = cost
    return values


def _row(one: Compared) -> Row:
    row = one.row
    recorded = tuple((part, _measured(row, getattr(row.counts, part))) for part in PARTS)
    engine = tuple((part, shortest(getattr(one.engine, part), Basis.RUN)) for part in PARTS)
    return Row(
        _work(row.workload),
        (
            Label("cell.counts", recorded),
            yes_no(row.exact, Basis.MEASURED),
            Label("cell.counts", engine),
            term(f"agreement.{one.verdict}", Basis.DERIVED),
        ),
        group=_record(row),
    )


def _work(workload: str) -> Label:
    """The operation as a record spells it: kind, then size and depth, or replies."""
    kind, *numbers = workload.split(":")
    args = tuple(
        (name, number(int(n), Basis.MEASURED)) for name, n in zip(("a", "b"), numbers, strict=False)
    )
    return Label(f"recorded_work.{kind}", args)


def _measured(row: Recorded, count: Fraction) -> Value:
    """A recorded number, with its place in the record."""
    where = f"{row.source} {row.device} {row.workload}"
    return replace(shortest(count, Basis.MEASURED), where=(where,))


def _record(row: Recorded) -> Label:
    """The device, QEMU's version, the guest's kernel, the accelerator with KVM's module."""
    shown = f"{row.accelerator} {row.module}".strip().upper()
    args = (
        ("device", code(row.device, Basis.MEASURED)),
        ("qemu", code(row.qemu.split()[0], Basis.MEASURED)),
        ("kernel", code(row.guest_kernel, Basis.MEASURED)),
        ("accelerator", code(shown, Basis.MEASURED)),
    )
    return Label("group.record", args)
