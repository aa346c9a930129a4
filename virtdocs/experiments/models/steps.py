"""Cycles of a few events in a row, without anything native beside them."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.mixes import Mix
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.results import Work
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import combine, samples


def predict(mix: Mix, technique_name: str, era: str, model: CostModel) -> Prediction:
    """Cycles; BadValue where the era has no cost of a step, or the technique no such step."""
    preset = technique(technique_name, era_name=era)
    if not preset.hardware_assist:
        raise BadValue("--technique", f"{preset.name} has no VM exit that {mix.name} could count")
    steps = {event: Fraction(n) for event, n in mix.steps.items()}
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
    exits = sum(n for event, n in mix.steps.items() if event.startswith("vm_exit"))
    return Prediction(None, cycles, "cycles", mix.limits, priced.sources, priced.basis, exits=exits)
