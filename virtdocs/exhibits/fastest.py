"""The exhibit of who is fastest at which rates of events."""

from __future__ import annotations

from typing import Final

from virtdocs.errors import BadValue
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.fastest import AXES, GUESTS, RATES, compared, grid
from virtdocs.views.fastest import winner_map
from virtdocs.views.model import ViewBundle

ERAS: Final = ("kvm-2020", "kvm-2012", "p4-2006", "xen-2003")
ACROSS: Final = Parameter("page_table_writes", tuple(AXES))
UP: Final = Parameter("tlb_misses", tuple(AXES))
REST: Final = Parameter("1000", tuple(str(rate) for rate in RATES))


def fastest(era: str, across: str, up: str, rest: str, guests: str) -> ViewBundle:
    """The most likely winner at each pair of rates, the other rates held."""
    found = compared(era, guests)
    if across == up:
        raise BadValue("exhibit fastest", f"across and up are both {up}")
    for axis in (across, up):
        if axis not in found.axes:
            known = ", ".join(found.axes)
            raise BadValue("exhibit fastest", f"{era} can compare {known}; not {axis}")
    places = tuple(grid(era, across, up, int(rest), guests))
    return winner_map(era, across, up, int(rest), places, found)


EXHIBITS = (
    Exhibit(
        "fastest",
        fastest,
        (
            ("era", Parameter(ERAS[0], ERAS)),
            ("across", ACROSS),
            ("up", UP),
            ("rest", REST),
            ("guests", Parameter(GUESTS[0], GUESTS)),
        ),
    ),
)
