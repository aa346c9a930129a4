"""TLB misses under nested paging, as a share of native time (Bhargava et al. 2008, table 1).

A program that would be (1 + o) times as fast with a perfect TLB spends o of that time in
native walks; under nested paging each walk takes w times as long:
ratio = (1 + o * w) / (1 + o). Counted references (24 against 4) are not that factor: most
of them hit the caches.

With a cache of upper levels in each dimension a walk reads a share f of the entries that it
reads without one, counted for both machines (RULES.md, W1):
ratio = (1 + o * w * f_nested) / (1 + o * f_native), and what the cache brings to one machine,
as a factor, is (1 + o * w) / (1 + o * w * f).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from virtdocs.experiments.costs import ALONE
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.published import record
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS, Z95, Samples, combine, normal

MISSES: Final = "tlb_miss"  # one miss an op
OPS: Final = 512
NATIVE: Final = 0  # the first of the two published opportunities; the other is the prediction's


def predict(mix: Mix, technique_name: str, era: str, params: Params) -> Prediction:
    """Ratio to native: 1 where the processor walks one table, shadow or direct, as natively."""
    entries = int(params.get("walk_cache", 0))
    nested = technique(technique_name, era_name=era).mmu == "nested"
    share, factor, source = _published(mix, params, nested)
    here, there = read_with(entries, technique_name, era), read_with(entries, "native", era)
    ratio = combine(lambda o, w: (1 + o * w * here) / (1 + o * there), share, factor)
    return Prediction(ratio, ratio, "x", _limits(mix, entries), (source,), mix.basis)


def gain(mix: Mix, technique_name: str, era: str, params: Params) -> Prediction:
    """How many times as fast a machine is with a cache of upper levels as without one."""
    entries = int(params["walk_cache"])
    nested = technique(technique_name, era_name=era).mmu == "nested"
    share, factor, source = _published(mix, params, nested)
    read = read_with(entries, technique_name, era)
    faster = combine(lambda o, w: (1 + o * w) / (1 + o * w * read), share, factor)
    return Prediction(None, faster, "x", _limits(mix, entries), (source,), mix.basis)


@lru_cache(maxsize=64)
def read_with(entries: int, technique_name: str, era: str) -> float:
    """The share of a walk's entries that is still read with a cache of ``entries`` (0 to 512)."""
    if not entries:
        return 1.0
    plain, cached = (
        run(MISSES, technique_name, era=era, params={"ops": OPS, "walk_cache": size})
        for size in (0, entries)
    )
    before, after = (Fraction(one.work.events.get("walk_refs", 0)) for one in (plain, cached))
    return float(after / before) if before else 1.0


def _published(mix: Mix, params: Params, nested: bool) -> tuple[Samples, Samples, str]:
    """Share of native time in walks, and how many times as long one takes."""
    program = mix.program or str(params["program"])
    opportunity = record(f"bhargava08.perfect.{program}")
    factor = record(f"bhargava08.walk.{program}")
    share = _alone(opportunity.number(NATIVE) / 100, f"opportunity:{program}")
    times = _alone(factor.number(), f"walk:{program}") if nested else (1.0,) * DRAWS
    return share, times, opportunity.source


def _limits(mix: Mix, entries: int) -> tuple[str, ...]:
    return tuple(
        ("alike_references" if entries and one == "walk_caches" else one) for one in mix.limits
    )


def _alone(value: float, name: str) -> Samples:
    return tuple(value * ALONE ** (z / Z95) for z in normal(name))
