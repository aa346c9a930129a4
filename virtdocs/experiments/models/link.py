"""Throughput: the link or the CPU, whichever is slower.

One request natively takes a share of the time that the link takes for it (below 1, since
native runs reach the link's rate); a technique adds its events. Rate = min(link, CPU).

With L the link's time for what one op hands over (its bytes over the native rate), s the share
and x the technique's extra time for the op's events: time = max(L, s L + x). A network op is
a packet, or a buffer of several segments (segmentation.py): then L grows with its bytes and x
does not.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.eras import era as era_of
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.extra_cycles import extra_cycles
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.models.segmentation import Buffer, buffer, takes_segments
from virtdocs.experiments.published import figure
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import Z95, Samples, combine, normal
from virtdocs.guest.workloads import WORKLOADS

# How much of the link's time one request keeps the native CPU busy: an assumption.
SHARE: Final = (1 / 8, 1.0)
LARGEST_FRAME: Final = 1_512  # what the network workloads can send


def predict(
    mix: Mix, technique_name: str, era: str, model: CostModel, params: Params
) -> Prediction:
    """Rate, and its ratio to the native one; BadValue where no native rate was published."""
    if era not in mix.native:
        known = ", ".join(mix.native)
        raise BadValue("--era", f"{mix.name} has a published native rate in {known}, not in {era}")
    native, rate = figure(mix.native[era])
    packet = _buffer(mix, technique_name, era, params)
    size = packet.payload if packet else int(params["size"])
    bits = 8.0 if native.unit == "Mb/s" else 1.0
    link_us = size * bits / rate  # Mb/s are bits per microsecond, MB/s bytes
    workload_size = min(packet.handed_bytes(), LARGEST_FRAME) if packet else size
    extra = extra_cycles(mix, technique_name, era, model, {"size": workload_size // 8 * 8})
    extra_us = tuple(cycles / (model.costs.ghz * 1000) for cycles in extra.cycles)
    times = combine(
        lambda share, more: max(link_us, share * link_us + more), shares(mix.name), extra_us
    )
    return Prediction(
        ratio=tuple(time / link_us for time in times),
        value=tuple(size * bits / time for time in times),
        unit=native.unit,
        limits=(
            *mix.limits,
            *(("full_buffers",) if packet and packet.segments > 1 else ()),
            *(("unpriced",) if extra.unpriced else ()),
        ),
        sources=tuple(sorted({*extra.sources, native.source})),
        basis="derived",
        unpriced=extra.unpriced,
        exits=extra.exits,
    )


def _buffer(mix: Mix, technique_name: str, era: str, params: Params) -> Buffer | None:
    """What a network op hands over; None for a mix without packets."""
    if "mtu" not in params:
        return None
    preset = technique(technique_name, era_name=era)
    [name] = mix.counts
    device = device_for(preset, WORKLOADS[name].device, mix.io.get(preset.name))
    wanted = params["segmentation"] == "on"
    several = wanted and takes_segments(device, era_of(era), str(params["direction"]))
    return buffer(int(params["mtu"]), several)


def shares(name: str) -> Samples:
    """The native CPU's share of the link's time, draw by draw."""
    low, high = SHARE
    middle, side = sqrt(low * high), log(high / low) / 2 / Z95
    return tuple(min(high, middle * exp(side * z)) for z in normal(f"share:{name}"))
