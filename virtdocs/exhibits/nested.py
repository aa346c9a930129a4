"""Exhibits of hypervisors that are guests themselves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.exhibits.registry import Exhibit
from virtdocs.experiments.nested_exits import EXITS, nested_exit, priced_exit
from virtdocs.experiments.workings import less
from virtdocs.views.model import ViewBundle
from virtdocs.views.nested_exits import exits_table

ERAS: Final = ("kvm-2012", "kvm-2020")
# Depth, era and whether a VMCS is shadowed, by column: the last is the newest as it is.
COLUMNS: Final[Mapping[str, tuple[int, str, bool]]] = MappingProxyType(
    {
        "plain": (1, "kvm-2020", True),
        "kvm_2012": (2, "kvm-2012", True),
        "unshadowed": (2, "kvm-2020", False),
        "kvm_2020": (2, "kvm-2020", True),
    }
)


def nested_exits() -> ViewBundle:
    """Exits to the lowest hypervisor for one exit of the guest, with one below it and with two."""
    ways = {name: [nested_exit(one, *how) for one in EXITS] for name, how in COLUMNS.items()}
    prices = {era: [priced_exit(one, era) for one in EXITS] for era in ERAS}
    counts = {era: [less(one.lines, ()) for one in found] for era, found in prices.items()}
    return exits_table(ways, prices, counts)


EXHIBITS = (Exhibit("nested_exits", nested_exits),)
