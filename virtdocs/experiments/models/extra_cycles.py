"""What a technique adds to a unit of work: its events' cycles less those of a native run.

The guest's own instructions are left out on both sides: kernels differ in a few of them,
and the native figure that the extra is set against holds them already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.mixes import Mix
from virtdocs.experiments.results import Work
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import Technique, in_era, technique
from virtdocs.experiments.uncertainty import DRAWS, Samples
from virtdocs.guest.workloads import WORKLOADS

# Counts per op are linear in the ops, so a short run gives them.
LEAST_OPS: Final = 8
Size = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Extra:
    """Cycles that a technique adds per unit, draw by draw, and what went into them."""

    cycles: Samples
    exits: float
    unpriced: tuple[str, ...]
    sources: tuple[str, ...]


def extra_cycles(
    mix: Mix, technique_name: str, era: str, model: CostModel, size: Size | None = None
) -> Extra:
    """Sum over the mix's workloads; the technique and its costs are those of the era."""
    total = [0.0] * DRAWS
    exits = 0.0
    unpriced: set[str] = set()
    sources: set[str] = set()
    preset = technique(technique_name, era_name=era)
    native = technique("native", era_name=era)
    for part, count in mix.counts.items():
        name, _, device = part.partition("@")
        io = device or mix.io.get(preset.name)
        work = work_of(name, preset.name, era, io, tuple((size or {}).items()))
        plain = work_of(name, "native", era, device or None, tuple((size or {}).items()))
        there = model.price(work, preset, instructions=False)
        here = model.price(plain, native, instructions=False)
        total = [
            t + count * (a - b) for t, a, b in zip(total, there.total, here.total, strict=True)
        ]
        exits += count * sum(float(n) for e, n in work.events.items() if e.startswith("vm_exit"))
        unpriced |= {event for event in there.unpriced if event not in here.unpriced}
        sources |= set(there.sources)
    return Extra(tuple(total), exits, tuple(sorted(unpriced)), tuple(sorted(sources)))


def work_of(
    workload: str,
    technique_name: str,
    era: str,
    io: str | None = None,
    size: tuple[tuple[str, str | int], ...] = (),
) -> Work:
    """The work of one op, from a run just long enough; a run serves every mix that needs it,
    and every era in which the technique was the same."""
    return _run(workload, technique(technique_name, era_name=era), io, size)


@lru_cache(maxsize=256)
def _run(
    workload: str, preset: Technique, io: str | None, size: tuple[tuple[str, str | int], ...]
) -> Work:
    step = WORKLOADS[workload].ops_step
    ops = step * -(-LEAST_OPS // step)
    known = WORKLOADS[workload].params
    params: dict[str, str | int] = {"ops": ops, **{k: v for k, v in size if k in known}}
    return run(workload, preset.name, era=_first_era(preset), io=io, params=params).work


def _first_era(preset: Technique) -> str:
    return next(
        name
        for name in ERAS
        if preset.name in in_era(name) and technique(preset.name, era_name=name) == preset
    )
