"""Switches of an era: what a prediction may ask to be on, beside the parameters of its mix.

``mitigations``: a guest that uses IBRS has the MSR written on the way out of each exit and on
the way back in (data/costs/RULES.md, S1). The machine does not do it, so it is counted here:
once for each exit. Other mitigations (buffers cleared on entry, caches flushed, page tables
of their own for the kernel) have no figure and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.costs import EraCosts
from virtdocs.guest.workloads import Choice

MITIGATION: Final = "mitigation"  # the event, and the cost of that name
PASSING: Final = "vm_exit"
# The first is what an era does by itself.
SWITCHES: Final[Mapping[str, Choice]] = MappingProxyType({"mitigations": Choice(("off", "on"))})
Given = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Switches:
    """What is on."""

    mitigations: bool = False


AS_THE_ERA: Final = Switches()


def switches_of(params: Given) -> tuple[Switches, Given]:
    """The switches among the parameters, and the parameters without them.

    Raises UnknownName for a value that a switch does not have.
    """
    chosen = {
        name: choice.checked(name, params[name])
        for name, choice in SWITCHES.items()
        if name in params
    }
    rest = {key: value for key, value in params.items() if key not in SWITCHES}
    return Switches(mitigations=chosen.get("mitigations") == "on"), rest


def require(switches: Switches, costs: EraCosts) -> None:
    """BadValue where the era has no price of what is switched on."""
    if switches.mitigations and not costs.of(MITIGATION, ("vmx",)):
        raise BadValue("mitigations", f"{costs.era} has no published cost of one")


def switched(switches: Switches, counts: Mapping[str, Fraction]) -> Mapping[str, Fraction]:
    """The events that what is switched on adds to ``counts``."""
    passing = sum((n for e, n in counts.items() if e.partition(".")[0] == PASSING), Fraction(0))
    return {MITIGATION: passing} if switches.mitigations and passing else {}
