"""TLB misses under nested paging, as a share of native time (Bhargava et al. 2008, table 1).

A program that would be (1 + o) times as fast with a perfect TLB spends o of that time in
native walks; under nested paging each walk takes w times as long:
ratio = (1 + o * w) / (1 + o). Counted references (24 against 4) are not that factor: most
of them hit the caches.

With a cache of upper levels in each dimension, or nested entries of 2 MiB, walks read a share f
of the entries that they read without, counted for both machines (RULES.md, W1 and W2):
ratio = (1 + o * w * f_nested) / (1 + o * f_native), and what that brings to one machine,
as a factor, is (1 + o * w) / (1 + o * w * f). Of all programs together it is the geometric
mean (W3).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import prod
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
PROGRAMS: Final = ("IntCpu", "FpCpu", "MiscServer", "WebServer", "JavaServer")
ALL: Final = "all"  # the programs together
SMALL: Final = "4K"


def predict(mix: Mix, technique_name: str, era: str, params: Params) -> Prediction:
    """Ratio to native: 1 where the processor walks one table, shadow or direct, as natively."""
    entries, page = _machine(params)
    here = read_with(entries, technique_name, era, page)
    there = read_with(entries, "native", era)
    shares = _published(mix, params, technique_name, era)
    ratio = _mean(
        combine(lambda o, w: (1 + o * w * here) / (1 + o * there), *one) for one in shares
    )
    time = _mean(combine(lambda o, w: 1 + o * w * here, *one) for one in shares)
    limits, sources = _limits(mix, entries, page), (_source(mix, params),)
    return Prediction(ratio, ratio, "x", limits, sources, mix.basis, time=time)


def gain(mix: Mix, technique_name: str, era: str, params: Params) -> Prediction:
    """How many times as fast a machine is with a cache of upper levels as without one."""
    entries, page = _machine(params)
    read = read_with(entries, technique_name, era, page)
    faster = _mean(
        combine(lambda o, w: (1 + o * w) / (1 + o * w * read), *one)
        for one in _published(mix, params, technique_name, era)
    )
    limits, sources = _limits(mix, entries, page), (_source(mix, params),)
    return Prediction(None, faster, "x", limits, sources, mix.basis)


@lru_cache(maxsize=64)
def read_with(entries: int, technique_name: str, era: str, nested_page: str = SMALL) -> float:
    """The share of table entries that walks still read with a cache of ``entries`` (0 to 512)
    and nested entries for ``nested_page``."""
    if not entries and nested_page == SMALL:
        return 1.0
    plain, other = (
        run(
            MISSES,
            technique_name,
            era=era,
            params={"ops": OPS, "walk_cache": size, "nested_page": page},
        )
        for size, page in ((0, SMALL), (entries, nested_page))
    )
    before, after = (Fraction(one.work.events.get("walk_refs", 0)) for one in (plain, other))
    return float(after / before) if before else 1.0


def programs(mix: Mix, params: Params) -> tuple[str, ...]:
    """The published programs that a prediction is made of."""
    one = mix.program or str(params["program"])
    return PROGRAMS if one == ALL else (one,)


def _machine(params: Params) -> tuple[int, str]:
    return int(params.get("walk_cache", 0)), str(params.get("nested_page", SMALL))


def _published(
    mix: Mix, params: Params, technique_name: str, era: str
) -> tuple[tuple[Samples, Samples], ...]:
    """Of each program: share of native time in walks, and how many times as long one takes."""
    nested = technique(technique_name, era_name=era).mmu == "nested"
    found = []
    for program in programs(mix, params):
        opportunity = record(f"bhargava08.perfect.{program}").number(NATIVE)
        share = _alone(opportunity / 100, f"opportunity:{program}")
        factor = record(f"bhargava08.walk.{program}").number()
        times = _alone(factor, f"walk:{program}") if nested else (1.0,) * DRAWS
        found.append((share, times))
    return tuple(found)


def _source(mix: Mix, params: Params) -> str:
    return record(f"bhargava08.perfect.{programs(mix, params)[0]}").source


def _mean(samples: Iterable[Samples]) -> Samples:
    """The geometric mean of several predictions, draw by draw; one is itself."""
    several = tuple(samples)
    if len(several) == 1:
        return several[0]
    return combine(lambda *row: prod(row) ** (1 / len(row)), *several)


def _limits(mix: Mix, entries: int, page: str) -> tuple[str, ...]:
    """What is in the counts is left out no more, but for how long each entry takes to read."""
    counted = {"walk_caches": bool(entries), "large_pages": page != SMALL}
    left = tuple(one for one in mix.limits if not counted.get(one))
    alike = any(counted.values()) and "alike_references" not in left
    return (*left, "alike_references") if alike else left


def _alone(value: float, name: str) -> Samples:
    return tuple(value * ALONE ** (z / Z95) for z in normal(name))
