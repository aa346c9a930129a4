"""Cycles of a few events in a row, without anything native beside them.

With a hypervisor in the guest the events are those that the machine counts for the one exit
that the steps are (data/costs/RULES.md, N1 to N3).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.machine_options import check_nestable
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.nested_exits import nested_exit
from virtdocs.experiments.results import Work
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import combine, samples


def predict(
    mix: Mix, technique_name: str, era: str, model: CostModel, params: Params
) -> Prediction:
    """Cycles; BadValue where the era has no cost of a step, or the technique no such step."""
    preset = technique(technique_name, era_name=era)
    if not preset.hardware_assist:
        raise BadValue("--technique", f"{preset.name} has no VM exit that {mix.name} could count")
    steps = counted(mix, technique_name, era, params)
    nested = _nested(params)
    priced = model.price(Work(0, MappingProxyType(steps)), preset, instructions=False)
    cycles = priced.total
    if mix.spared:
        costs = model.costs.of("fastpath", ("vmx",))
        if not costs:
            raise BadValue("--era", f"{era} has no fast path")
        for cost in costs:
            cycles = combine(lambda t, c: t - mix.spared * c, cycles, samples(cost))
    if priced.unpriced:
        raise BadValue("--era", f"{era} has no published cost of {priced.unpriced[0]}")
    exits = float(sum(n for event, n in steps.items() if event.startswith("vm_exit")))
    limits = (*mix.limits, "level_zero") if nested else mix.limits
    basis = "derived" if nested else priced.basis
    return Prediction(None, cycles, "cycles", limits, priced.sources, basis, exits=exits)


def counted(mix: Mix, technique_name: str, era: str, params: Params) -> Mapping[str, Fraction]:
    """The events that are priced; BadValue where there are none at that depth."""
    if _nested(params):
        return _at_depth(mix, technique_name, era)
    return _numbers(mix.steps)


def _nested(params: Params) -> bool:
    return int(params.get("depth", 1)) > 1


def _at_depth(mix: Mix, technique_name: str, era: str) -> Mapping[str, Fraction]:
    if not mix.nested:
        raise BadValue("depth", f"{mix.name} names no exit that a guest hypervisor would handle")
    check_nestable(technique(technique_name, era_name=era))
    return _numbers(nested_exit(mix.nested, era_name=era).counts)


def _numbers(counts: Mapping[str, float]) -> Mapping[str, Fraction]:
    return {event: Fraction(n) for event, n in counts.items()}
