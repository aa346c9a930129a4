"""A mix with another device than the technique's own: ``io`` among its parameters.

Products bring several devices of a kind, and figures compare them under one technique. Native
keeps its own: what a technique adds is held against the same machine either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.mixes import Mix
from virtdocs.experiments.techniques import Technique
from virtdocs.guest.workloads import WORKLOADS

IO: Final = "io"


def with_device(
    mix: Mix, preset: Technique, params: Mapping[str, str | int]
) -> tuple[Mix, Mapping[str, str | int]]:
    """The mix on the device that ``io`` names, and the parameters without it.

    Raises BadValue for a mix that chooses no device, or a device that the technique can't have,
    and UnknownName for one that does not exist.
    """
    if IO not in params:
        return mix, params
    if not (kind := device_kind(mix)):
        raise BadValue(mix.name, f"has no device that {IO} could choose")
    device = device_for(preset, kind, str(params[IO]))
    rest = {key: value for key, value in params.items() if key != IO}
    return replace(mix, io={**mix.io, preset.name: device.name}), rest


def device_kind(mix: Mix) -> str:
    """What kind of device ``io`` chooses; "" when the mix has none, several, or a fixed one."""
    parts = (part.partition("@") for part in mix.counts)
    kinds = {WORKLOADS[name].device for name, _, device in parts if not device} - {""}
    return kinds.pop() if len(kinds) == 1 else ""
