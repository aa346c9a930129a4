"""A prediction worked out by hand: counts times costs, line by line.

The engine draws every cost many times, and its answer is the median of all draws. A sum of
medians is not the median of a sum; so the costs of a line are those of the draw in the
middle, and their products add up to the engine's median exactly. With an even number of
draws two stand in the middle, and each cost is the mean of its two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.costs import Sourced
from virtdocs.experiments.mixes import Mix, mix
from virtdocs.experiments.models.extra_cycles import work_of
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import figure
from virtdocs.experiments.results import Work
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS, Spread, samples, spread

CLOSE: Final = 10**6  # a count of a mix is published with fewer digits than this


@dataclass(frozen=True, slots=True)
class Cell:
    """What is asked: a mix under a technique of an era."""

    workload: str
    technique: str
    era: str


# One of each kind: a loop of one instruction, a packet there and back, a program started.
CELLS: Final[Mapping[str, Cell]] = MappingProxyType(
    {
        "micro": Cell("cpuid", "hw_nested", "kvm-2012"),
        "io": Cell("netperf_rr", "kvm_virtio", "kvm-2012"),
        "mix": Cell("lmbench.exec", "xen_pv32", "xen-2003"),
    }
)


@dataclass(frozen=True, slots=True)
class Product:
    """``count`` of an event per unit, less native's; ``cycles`` of one in the middle draw."""

    cost: Sourced
    count: Fraction
    cycles: float

    @property
    def product(self) -> float:
        """Cycles per unit."""
        return float(self.count) * self.cycles


@dataclass(frozen=True, slots=True)
class Worked:
    """The lines, their sum in cycles, and what the model makes of it.

    ``ghz`` turns cycles into microseconds (0: the answer is in cycles); ``native_us`` is the
    published native time that the sum comes on top of (0: none). ``engine`` is the answer
    of ``virtdocs predict``: in cycles, in microseconds, or as a ratio to native.
    """

    cell: Cell
    lines: tuple[Product, ...]
    ghz: float
    native_us: float
    unpriced: tuple[str, ...]
    sources: tuple[str, ...]
    engine: Spread
    counted: bool  # by a run alone: not by the rules of a mix, nor by a recording

    @property
    def cycles(self) -> float:
        """The sum of the products."""
        return sum(line.product for line in self.lines)

    @property
    def microseconds(self) -> float:
        """The same as a time; 0 without a clock."""
        return self.cycles / (self.ghz * 1000) if self.ghz else 0.0

    @property
    def answer(self) -> float:
        """What the sum comes to, in the unit of ``engine``."""
        if self.native_us:
            return 1 + self.microseconds / self.native_us
        return self.microseconds or self.cycles


def worked(name: str) -> Worked:
    """The cell of that name, worked out; `predict` beside it, unchanged."""
    cell = CELLS[name]
    chosen, model = mix(cell.workload), cost_model(cell.era)
    counts: dict[Sourced, Fraction] = {}
    for cost, count in _counted(chosen, cell, model):
        counts[cost] = counts.get(cost, Fraction(0)) + count
    counts = {cost: count for cost, count in counts.items() if count}
    drawn = {cost: samples(cost) for cost in counts}
    totals = [sum(float(n) * drawn[cost][i] for cost, n in counts.items()) for i in range(DRAWS)]
    order = sorted(range(DRAWS), key=totals.__getitem__)
    middle = order[(DRAWS - 1) // 2 : DRAWS // 2 + 1]
    lines = tuple(
        Product(cost, count, sum(drawn[cost][i] for i in middle) / len(middle))
        for cost, count in counts.items()
    )
    found = predict(cell.workload, cell.technique, cell.era)
    return Worked(
        cell=cell,
        lines=lines,
        ghz=0.0 if chosen.model == "steps" else model.costs.ghz,
        native_us=figure(chosen.native[cell.era])[1] if chosen.native else 0.0,
        unpriced=found.unpriced,
        sources=found.sources,
        counted=set(chosen.counts.values()) == {1.0},
        engine=spread(found.value if found.ratio is None else found.ratio),
    )


def _counted(chosen: Mix, cell: Cell, model: CostModel) -> Iterator[tuple[Sourced, Fraction]]:
    """Every cost with the count that it is multiplied by: the technique's, less native's."""
    if chosen.model == "steps":
        events = {event: Fraction(n) for event, n in chosen.steps.items()}
        yield from _costs(Work(0, MappingProxyType(events)), cell.technique, cell, model)
        return
    for part, number in chosen.counts.items():
        name, _, device = part.partition("@")
        times = Fraction(number).limit_denominator(CLOSE)
        io = device or chosen.io.get(cell.technique)
        there = work_of(name, cell.technique, cell.era, io)
        here = work_of(name, "native", cell.era, device or None)
        for cost, count in _costs(there, cell.technique, cell, model):
            yield cost, times * count
        for cost, count in _costs(here, "native", cell, model):
            yield cost, -times * count


def _costs(
    work: Work, name: str, cell: Cell, model: CostModel
) -> Iterator[tuple[Sourced, Fraction]]:
    preset = technique(name, era_name=cell.era)
    for line in model.price(work, preset, instructions=False).lines:
        for cost in line.costs:
            yield cost, Fraction(line.count).limit_denominator(CLOSE)
