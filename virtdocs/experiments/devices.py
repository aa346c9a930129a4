"""Plug a device into a machine, whatever runs it: which one a technique takes, and the wiring.

What a device does to memory passes the monitor like everything else: frames that it
follows (shadowed tables, translated code) are followed here too, and the oracle sees
each frame that a device reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.devices.registry import DEVICES, DeviceType, Options
from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.techniques import Technique
from virtdocs.vmm.shadow_paging import ShadowView

# What a technique uses when nobody says otherwise, by its io axis: (disk, net, console).
DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "native": {"disk": "nvme", "net": "virtio-net", "console": "serial-16550"},
        "emulated": {"disk": "ide-dma", "net": "e1000", "console": "serial-16550"},
        "virtio": {"disk": "virtio-blk", "net": "virtio-net", "console": "virtio-console"},
    }
)


def device_for(technique: Technique, kind: str, name: str | None) -> DeviceType:
    """The device of that name, or the technique's own; BadValue where it can't have it."""
    known = {n: d for n, d in DEVICES.items() if d.kind == kind}
    wanted = name or DEFAULTS.get(technique.io, {}).get(kind)
    if wanted is None or technique.build not in ("native",):
        raise BadValue("--io", f"{technique.name} has no {wanted or kind} device")
    if wanted not in DEVICES:
        raise UnknownName("--io", "device", wanted, known)
    if wanted not in known:
        raise BadValue("--io", f"{wanted} is no {kind} device")
    return known[wanted]


def attach(machine: Assembled, device: DeviceType, options: Options) -> None:
    """Put ``device`` on the machine's board."""
    board = machine.board
    if machine.host is not None:
        board.dma.guard = machine.host.oracle
    for engine in machine.engines:
        paging = getattr(engine, "paging", None)
        if isinstance(paging, ShadowView) and paging.shared not in board.dma.followers:
            board.dma.followers.append(paging.shared)
    device.plug(board, options)
