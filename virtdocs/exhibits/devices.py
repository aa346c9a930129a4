"""Exhibits of devices: what an operation costs on each, by depth and burst, beside a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from virtdocs.devices.registry import DEVICES
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments import device_counts as counts
from virtdocs.experiments import measured
from virtdocs.experiments.device_counts import DeviceCounts, Params
from virtdocs.machine.board import SECTOR_BYTES
from virtdocs.views import device_counts as view
from virtdocs.views import measured as measured_view
from virtdocs.views import own_devices as own_view
from virtdocs.views.model import ViewBundle

KINDS = tuple(counts.OPERATIONS)
KIND = Parameter("disk", KINDS)
RECORDED = ("disk", "net", "con")
RECORDED_KIND = Parameter("+".join(RECORDED), RECORDED, several=True)


def device_exits(kind: str) -> ViewBundle:
    """VM exits of one operation on every device of a kind."""
    found = counts.per_operation((kind,))
    return view.exits(kind, found[kind], _interfaces(), _operations(found))


def device_counts(kinds: str) -> ViewBundle:
    """The same as a table, with what the exits are made of."""
    found = counts.per_operation(tuple(kinds.split("+")))
    return view.table(found, _interfaces(), _operations(found))


def exits_by_depth() -> ViewBundle:
    """Accesses, notifications and interrupts of a disk request, by requests in flight."""
    found = counts.by_depth()
    commands = [
        _command(
            "disk_read",
            name,
            (("depth", counts.DEPTHS[-1]), ("size", SECTOR_BYTES)),
            counts.PLAIN,
        )
        for name in found
    ]
    return view.by_depth(found, counts.DEPTHS, _interfaces(), commands)


def interrupts_by_burst() -> ViewBundle:
    """Interrupts for one packet, by replies that come close together."""
    found = counts.by_replies()
    commands = [
        _command("net_burst", name, (("replies", counts.REPLIES[-1]),), counts.PLAIN)
        for name in found
    ]
    return view.by_replies(found, counts.REPLIES, _interfaces(), commands)


def measured_counts(kinds: str) -> ViewBundle:
    """Every recorded row beside the engine's counts."""
    return measured_view.comparison(measured.comparison(kinds.split("+")))


def own_devices() -> ViewBundle:
    """The devices that hypervisors bring themselves, beside the emulated ones."""
    found = counts.own_devices()
    commands = []
    for one in found:
        workload, params = counts.OPERATIONS.get(one.kind, counts.BALLOON)
        given = "".join(f" --param {key}={value}" for key, value in params)
        commands.append(
            f"virtdocs run {workload} --technique {one.hypervisor} --io {one.own.device}{given}"
            " --json"
        )
    return own_view.table(found, commands)


def _interfaces() -> dict[str, str]:
    return {name: counts.interface(device) for name, device in DEVICES.items()}


def _operations(found: Mapping[str, Sequence[DeviceCounts]]) -> list[str]:
    return [
        _command(counts.OPERATIONS[kind][0], one.device, ())
        for kind, devices in found.items()
        for one in devices
    ]


def _command(
    workload: str, device: str, params: Params, by_bus: Mapping[str, str] = counts.SETTINGS
) -> str:
    technique = by_bus[DEVICES[device].bus]
    given = "".join(f" --param {key}={value}" for key, value in params)
    return f"virtdocs run {workload} --technique {technique} --io {device}{given} --json"


EXHIBITS = (
    Exhibit("device_exits", device_exits, (("kind", KIND),)),
    Exhibit(
        "device_counts",
        device_counts,
        (("kinds", Parameter("+".join(KINDS), KINDS, several=True)),),
    ),
    Exhibit("exits_by_depth", exits_by_depth),
    Exhibit("interrupts_by_burst", interrupts_by_burst),
    Exhibit("own_devices", own_devices),
    Exhibit("measured_counts", measured_counts, (("kinds", RECORDED_KIND),)),
)
