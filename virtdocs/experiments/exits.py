"""What one VM exit costs, by processor and by era: published figures and their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.costs import Sourced, era_costs
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.fastest import Extra, extra
from virtdocs.experiments.published import Record, records
from virtdocs.experiments.uncertainty import Spread, combine, p_less, samples, spread

ROUND_TRIP: Final = "agesen12.roundtrip."  # Agesen et al. 2012, table 1

# Work on which binary translation and hardware assistance differ most (Adams and Agesen 2006).
WORKS: Final = ("syscall", "page_fault", "pte_churn")
RIVALS: Final = ("bt", "hw_shadow", "hw_nested")


@dataclass(frozen=True, slots=True)
class Order:
    """What each rival adds to one op in an era, as far as the era has it."""

    era: str
    work: str
    extras: dict[str, Extra]

    @property
    def p_hardware(self) -> float:
        """The share of draws in which shadow paging by hardware adds less than translation."""
        return p_less(self.extras["hw_shadow"].cycles, self.extras["bt"].cycles)


def orders() -> tuple[Order, ...]:
    """Of each era with hardware assistance: what a falling price of exits did to the order."""
    return tuple(
        Order(
            era.name,
            work,
            {
                name: extra(name, work, era.name)
                for name in RIVALS
                if era.nested_paging or name != "hw_nested"
            },
        )
        for era in ERAS.values()
        if era.hardware_assist
        for work in WORKS
    )


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
