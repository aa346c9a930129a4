"""Counts become cycles: every event times the cost of its era, draw by draw.

What an era has no published cost for is left out and named, never priced at zero in
silence. Steps inside a priced event (decoding, emulating, resuming) are part of its price,
and so are the events that its entry holds (held.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from virtdocs.experiments.costs import EraCosts, Sourced, era_costs
from virtdocs.experiments.held import without_held
from virtdocs.experiments.results import Work
from virtdocs.experiments.switches import AS_THE_ERA, Switches, require, switched
from virtdocs.experiments.techniques import Technique
from virtdocs.experiments.uncertainty import DRAWS, Samples, samples

# Kinds with a price of their own; all others are steps of one of these.
PRICED: Final = (
    "exception", "trap", "vm_exit", "user_exit", "hypercall", "callout", "inline",
    "shadow_fill", "nested_fill", "walk_refs", "device_access", "device_irq", "dma", "syscall",
)  # fmt: skip
# Done once for code that stays: a longer run has none of it (Adams and Agesen 2006, §7).
ONE_OFF: Final = ("callout.translate",)


@dataclass(frozen=True, slots=True)
class Line:
    """One event's share: how many per op, and the costs that it was priced with."""

    event: str
    count: float
    costs: tuple[Sourced, ...]


@dataclass(frozen=True, slots=True)
class Priced:
    """Cycles per op in every draw, line by line, and the events that have no cost."""

    total: Samples
    lines: tuple[Line, ...]
    unpriced: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Citation keys, sorted."""
        return tuple(sorted({cost.source for line in self.lines for cost in line.costs}))

    @property
    def basis(self) -> str:
        """``sourced`` when every cost is, else ``derived``."""
        used = [cost.basis for line in self.lines for cost in line.costs]
        return "sourced" if used and set(used) == {"sourced"} else "derived"


@dataclass(frozen=True, slots=True)
class CostModel:
    """The costs of one era; only work of that era's techniques is priced with it."""

    costs: EraCosts
    switches: Switches = AS_THE_ERA

    def price(self, work: Work, technique: Technique, instructions: bool = True) -> Priced:
        """Cycles of ``work``; without ``instructions``, of the events only."""
        cpu = "vmx" if technique.cpu == "svm" else technique.cpu
        axes = (cpu, technique.mmu, technique.io)
        counted = {"instruction": float(work.instructions)} if instructions else {}
        counted |= {name: float(n) for name, n in self._left(work, axes).items() if n}
        lines, unpriced = [], []
        total = [0.0] * DRAWS
        for event, count in counted.items():
            costs = self.costs.of(event, axes)
            if not costs:
                unpriced.append(event)
                continue
            lines.append(Line(event, count, costs))
            for cost in costs:
                total = [t + count * c for t, c in zip(total, samples(cost), strict=True)]
        return Priced(tuple(total), tuple(lines), tuple(unpriced))

    def _left(self, work: Work, axes: tuple[str, ...]) -> Mapping[str, Fraction]:
        """The events that have a price of their own, less those that others hold."""
        counts = {
            name: Fraction(n)
            for name, n in work.events.items()
            if name.partition(".")[0] in PRICED and name not in ONE_OFF
        }
        counts |= switched(self.switches, counts)
        holds = {
            name: [held for cost in self.costs.of(name, axes) for held in cost.holds]
            for name in counts
        }
        return without_held(counts, holds)


def cost_model(era: str, switches: Switches = AS_THE_ERA) -> CostModel:
    """The model of an era; UnknownName for one that does not exist.

    Raises BadValue for a switch that the era has no price of.
    """
    costs = era_costs(era)
    require(switches, costs)
    return CostModel(costs, switches)
