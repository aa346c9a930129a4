"""`virtdocs predict`: a mix under a technique of an era, by the model that the mix names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from virtdocs.devices.virtqueue import need_event
from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.eras import era as era_of
from virtdocs.experiments.mix_device import with_device
from virtdocs.experiments.mixes import Mix, Params, mix
from virtdocs.experiments.models import cpu_time, latency, link, request_cost, steps, walks
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.switches import switches_of
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS

NO_PARAMS: Final[Params] = MappingProxyType({})
INDICES: Final = 1 << 16  # a ring's index has 16 bits (virtio 1.4, split virtqueues)


def predict(
    workload: str, technique_name: str, era: str, params: Mapping[str, str | int] = NO_PARAMS
) -> Prediction:
    """The prediction; UnknownName or BadValue for what can't be asked, or has no model.

    ``params`` are the mix's, the switches of an era, and ``io``: another device of the technique.
    """
    era_of(era)
    preset = technique(technique_name, era_name=era)
    switches, own = switches_of(params)
    found, own = with_device(mix(workload), preset, own)
    checked = found.checked(own)
    chosen = found.chosen(checked)
    if chosen.model == "none":
        raise BadValue(workload, "no published native cost: counts only, see `virtdocs run`")
    answer = _by_model(chosen, technique_name, era, cost_model(era, switches), checked)
    if switches.mitigations:
        return replace(answer, limits=(*answer.limits, "one_mitigation"))
    return answer


def _by_model(chosen: Mix, name: str, era: str, model: CostModel, params: Params) -> Prediction:
    if chosen.model == "cpu_time":
        return cpu_time.predict(chosen, name, era, model)
    if chosen.model == "steps":
        return steps.predict(chosen, name, era, model, params)
    if chosen.model == "walks":
        return walks.predict(chosen, name, era, params)
    if chosen.model == "walk_gain":
        return walks.gain(chosen, name, era, params)
    if chosen.model == "link":
        return link.predict(chosen, name, era, model, params)
    if chosen.model == "request":
        return request_cost.predict(chosen, name, era, model, params)
    if chosen.model == "queue":
        return latency.queue(chosen, name, era, model, params)
    if chosen.model == "added":
        return latency.added(chosen, name, era, model)
    return _second_notification(chosen)


def _second_notification(chosen: Mix) -> Prediction:
    """After how many further buffers a device that is told nothing new notifies again."""
    sent = [n for n in range(INDICES + 2) if need_event(0, (n + 1) % INDICES, n % INDICES)]
    distance = float(sent[1] - sent[0])
    return Prediction(None, (distance,) * DRAWS, "buffers", chosen.limits, ("VIRTIO",), "run")
