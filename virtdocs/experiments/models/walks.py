"""TLB misses under nested paging, as a share of native time (Bhargava et al. 2008, table 1).

A program that would be (1 + o) times as fast with a perfect TLB spends o of that time in
native walks; under nested paging each walk takes w times as long:
ratio = (1 + o * w) / (1 + o). Counted references (24 against 4) are not that factor: most
of them hit the caches.
"""

from __future__ import annotations

from typing import Final

from virtdocs.experiments.costs import ALONE
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.published import record
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import Z95, Samples, combine, normal

NATIVE: Final = 0  # the first of the two published opportunities; the other is the prediction's


def predict(mix: Mix, technique_name: str, era: str, params: Params) -> Prediction:
    """Ratio to native: 1 where the processor walks one table, shadow or direct, as natively."""
    nested = technique(technique_name, era_name=era).mmu == "nested"
    program = mix.program or str(params["program"])
    opportunity = record(f"bhargava08.perfect.{program}")
    factor = record(f"bhargava08.walk.{program}")
    share = _alone(opportunity.number(NATIVE) / 100, f"opportunity:{program}")
    ratio = combine(
        lambda o, w: (1 + o * (w if nested else 1)) / (1 + o),
        share,
        _alone(factor.number(), f"walk:{program}"),
    )
    return Prediction(ratio, ratio, "x", mix.limits, (opportunity.source,), mix.basis)


def _alone(value: float, name: str) -> Samples:
    return tuple(value * ALONE ** (z / Z95) for z in normal(name))
