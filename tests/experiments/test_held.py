"""No cycle is priced twice: what a figure holds, and what is left beside it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.costs import EraCosts, Sourced, load
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.held import covers, settled, without_held
from virtdocs.experiments.results import Work
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import spread

BT = technique("bt", era_name="p4-2006")
Counts = Mapping[str, int]


def cost(event: str, holds: tuple[str, ...] = (), origin: str = "p4-2006") -> Sourced:
    axis = "emulated" if event.startswith("device") else "binary_translation"
    return Sourced(
        event, axis, "handler", 100.0, 99.0, 101.0, "cycles", "", 2006, "AA06", "", "sourced",
        "", origin, holds=holds,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "holds", "left"),
    [
        # an access and the callout that leads to it
        ({"callout.in_": 3, "device_access.read": 3}, {"callout.in_": ["device_access.read"]},
         {"callout.in_": 3, "device_access.read": 0}),
        # what is counted beyond the holders has its own price
        ({"callout.in_": 3, "device_access.read": 5}, {"callout.in_": ["device_access.read"]},
         {"callout.in_": 3, "device_access.read": 2}),
        # a holder holds at most one of each kind, whatever its names
        ({"device_access.write": 4, "callout.in_": 3, "callout.out": 3},
         {"device_access.write": ["callout.in_", "callout.out"]},
         {"device_access.write": 4, "callout.in_": 1, "callout.out": 1}),
        # and one of each kind
        ({"dma.read": 2, "user_exit.io": 2, "callout.out": 5},
         {"dma.read": ["user_exit", "callout.out"]},
         {"dma.read": 2, "user_exit.io": 0, "callout.out": 3}),
        # two holders of one event
        ({"trap.pf": 1, "trap.timer": 1, "callout.iret": 3},
         {"trap.pf": ["callout.iret"], "trap.timer": ["callout.iret"]},
         {"trap.pf": 1, "trap.timer": 1, "callout.iret": 1}),
        # a holder that is held itself holds nothing: the read's callout is priced, not the write's
        ({"callout.in_": 2, "device_access.read": 2, "device_access.write": 3, "callout.out": 3},
         {"callout.in_": ["device_access.read"], "device_access.read": ["callout.out"],
          "device_access.write": ["callout.out"]},
         {"callout.in_": 2, "device_access.read": 0, "device_access.write": 3, "callout.out": 0}),
        # nothing is held where the event is not there
        ({"callout.iret": 2}, {"trap.pf": ["callout.iret"]}, {"callout.iret": 2}),
    ],
)  # fmt: skip
def test_what_is_left(counts: Counts, holds: Mapping[str, list[str]], left: Counts) -> None:
    assert without_held({k: Fraction(n) for k, n in counts.items()}, holds) == left


@given(st.fixed_dictionaries({e: st.integers(0, 9) for e in ("trap.pf", "callout.iret")}))
def test_what_is_held_is_never_more_than_the_holders_nor_than_there_is(counts: Counts) -> None:
    left = without_held({k: Fraction(n) for k, n in counts.items()}, {"trap.pf": ["callout.iret"]})
    assert left["callout.iret"] == max(0, counts["callout.iret"] - counts["trap.pf"])


def test_a_held_event_is_neither_priced_nor_called_unpriced() -> None:
    model = CostModel(
        EraCosts("p4-2006", 3.8, (cost("callout.in_", ("device_access",)), cost("device_access")))
    )
    priced = model.price(
        Work(0, {"callout.in_": 2, "device_access.read": 3}), BT, instructions=False
    )
    assert [(line.event, line.count) for line in priced.lines] == [
        ("callout.in_", 2),
        ("device_access.read", 1),
    ]
    assert spread(priced.total).median == pytest.approx(300, rel=0.01)
    assert priced.unpriced == ()


@pytest.mark.parametrize(
    ("era", "origins", "holder"),
    [
        ("p4-2006", ("p4-2006", "ws-2001"), "callout.in_"),  # its own before a loan
        ("ws-2001", ("p4-2006", "ws-2001"), "device_access"),
        ("xen-2003", ("p4-2006", "ws-2001"), "device_access"),  # of two loans the era before
    ],
)
def test_of_two_that_hold_each_other_one_does(
    era: str, origins: tuple[str, str], holder: str
) -> None:
    both = (
        cost("callout.in_", ("device_access.read",), origins[0]),
        cost("device_access", ("callout.in_", "callout.out"), origins[1]),
    )
    found = {one.event: one.holds for one in settled(both, era, "x.toml")}
    if holder == "callout.in_":
        assert found == {"callout.in_": ("device_access.read",), "device_access": ("callout.out",)}
    else:
        assert found == {"callout.in_": (), "device_access": ("callout.in_", "callout.out")}


def test_entries_that_hold_each_other_in_a_ring_are_refused() -> None:
    ring = (
        cost("callout.in_", ("device_access",)),
        cost("device_access", ("trap.pf",)),
        cost("trap.pf", ("callout.in_",)),
    )
    with pytest.raises(VirtdocsError, match=r"x\.toml: these entries hold each other: .*trap\.pf"):
        settled(ring, "p4-2006", "x.toml")


ENTRY: Mapping[str, Any] = {
    "event": "trap.syscall_bounce",
    "axis": "binary_translation",
    "part": "handler",
    "value": "adams06.nano.syscall.bt - cost:binary_translation.callout.mov",
    "unit": "cycles",
    "cpu": "Pentium 4 672",
    "year": 2006,
    "source": "AA06",
    "locator": "appendix",
    "basis": "derived",
}
MOV: Mapping[str, Any] = {**ENTRY, "event": "callout.mov", "value": "adams06.nano.cr8wr.bt"}


@pytest.mark.parametrize(
    ("holds", "message"),
    [
        ("callout.iret", "holds is a list of events"),
        ([1], "holds is a list of events"),
        (["calout.iret"], "unknown held event 'calout.iret'. Did you mean callout?"),
        (["trap"], "trap.syscall_bounce can't hold trap, which is itself"),
        (["callout.mov"], "callout.mov is in value already: it can't be held as well"),
        (["callout"], "callout is in value already"),
    ],
)
def test_a_wrong_holds_is_refused(holds: object, message: str) -> None:
    with pytest.raises(VirtdocsError) as wrong:
        load({"cost": [MOV, {**ENTRY, "holds": holds}]}, "p4-2006", "x.toml")
    assert message in str(wrong.value)


@pytest.mark.parametrize("era", ERAS)
def test_no_exit_is_held_by_what_was_measured_without_one(era: str) -> None:
    """D6: under binary translation nothing exits."""
    for one in cost_model(era).costs.costs:
        if one.axis in ("binary_translation", "emulated"):
            assert not any(covers(name, "vm_exit") for name in one.holds)
            assert not any(name.startswith("vm_exit") for name in one.holds)
