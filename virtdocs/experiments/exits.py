"""What one VM exit costs, by processor and by era: published figures and their spread."""

from __future__ import annotations

from typing import Final

from virtdocs.experiments.costs import Sourced, era_costs
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.published import Record, records
from virtdocs.experiments.uncertainty import Spread, combine, samples, spread

ROUND_TRIP: Final = "agesen12.roundtrip."  # Agesen et al. 2012, table 1


def transitions() -> tuple[Record, ...]:
    """Out of the guest and back, by the processor alone, from the oldest generation on."""
    return tuple(one for name, one in records().items() if name.startswith(ROUND_TRIP))


def whole_exits() -> tuple[tuple[str, int, Spread, tuple[Sourced, ...]], ...]:
    """Of each era with hardware assistance: name, newest year, cycles of a plain exit, costs."""
    found = []
    for era in ERAS.values():
        if not era.hardware_assist:
            continue
        costs = era_costs(era.name).of("vm_exit", ("vmx",))
        total = combine(lambda *parts: sum(parts), *(samples(one) for one in costs))
        found.append((era.name, max(one.year for one in costs), spread(total), costs))
    return tuple(found)
