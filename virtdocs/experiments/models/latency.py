"""Latency of requests: one by one, or several at a time through one serial backend.

``added``: what exits and device model add to a request that waits for nobody. ``queue``:
the device serves all requests at once, the host's one backend thread serves them in turn.
"""

from __future__ import annotations

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.extra_cycles import Extra, extra_cycles
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.models.queueing import closed
from virtdocs.experiments.uncertainty import Samples


def added(mix: Mix, technique_name: str, era: str, model: CostModel) -> Prediction:
    """Microseconds that a request takes longer than natively."""
    extra, microseconds = _extra_us(mix, technique_name, era, model)
    return _prediction(mix, extra, None, microseconds, "us")


def queue(mix: Mix, technique_name: str, era: str, model: CostModel, params: Params) -> Prediction:
    """Microseconds of one of ``depth`` requests, and the ratio to the native device's."""
    extra, service = _extra_us(mix, technique_name, era, model)
    depth, device = int(params["depth"]), float(params["device_us"])
    times = tuple(closed(depth, [max(0.0, one)], device).response for one in service)
    return _prediction(mix, extra, tuple(time / device for time in times), times, "us")


def _extra_us(mix: Mix, technique_name: str, era: str, model: CostModel) -> tuple[Extra, Samples]:
    if not model.costs.ghz:
        raise BadValue("--era", f"{era} has no published clock: latencies need one")
    extra = extra_cycles(mix, technique_name, era, model)
    return extra, tuple(cycles / (model.costs.ghz * 1000) for cycles in extra.cycles)


def _prediction(
    mix: Mix, extra: Extra, ratio: Samples | None, value: Samples, unit: str
) -> Prediction:
    return Prediction(
        ratio=ratio,
        value=value,
        unit=unit,
        limits=(*mix.limits, *(("unpriced",) if extra.unpriced else ())),
        sources=extra.sources,
        basis="derived",
        unpriced=extra.unpriced,
        exits=extra.exits,
    )
