"""One operation in cycles under two techniques: ratio, order, and the monitor's part.

`ERA` is the one with a clock that has costs of translation, of both kinds of paging under
hardware assistance, and of Xen's hypercalls; what it borrows from another is spread wider.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from virtdocs.experiments.cost_model import Priced, cost_model
from virtdocs.experiments.models.extra_cycles import work_of
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import Spread, combine, p_less, samples, spread

ERA: Final = "kvm-2012"
NATIVE: Final = "native"
# What the monitor does, and what it takes to get there; the rest is the guest's own time.
MONITORS: Final = (
    "trap", "vm_exit", "user_exit", "hypercall", "callout", "shadow_fill", "nested_fill",
)  # fmt: skip


@lru_cache(maxsize=64)
def priced(workload: str, name: str, era: str = ERA) -> Priced:
    """Cycles of one operation, guest's instructions included."""
    return cost_model(era).price(work_of(workload, name, era), technique(name, era_name=era))


def ratio(workload: str, name: str) -> Spread:
    """Its time over native's, on the technique's own device."""
    return spread(combine(_over, priced(workload, name).total, priced(workload, NATIVE).total))


def p_faster(workload: str, one: str, other: str, era: str = ERA) -> float:
    """The share of draws in which ``one`` takes less time; a tie counts half."""
    return p_less(priced(workload, one, era).total, priced(workload, other, era).total)


def monitor_share(workload: str, name: str) -> Spread:
    """The part of an operation's cycles that the monitor takes."""
    found = priced(workload, name)
    mine = [0.0] * len(found.total)
    for line in found.lines:
        if line.event.partition(".")[0] in MONITORS:
            for cost in line.costs:
                pairs = zip(mine, samples(cost), strict=True)
                mine = [before + line.count * cycles for before, cycles in pairs]
    return spread(combine(_over, mine, found.total))


def _over(a: float, b: float) -> float:
    return a / b
