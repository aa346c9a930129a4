"""Costs: every entry with its source, no era in another's clothes, no total as a cost."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.costs import ALONE, ERA_OF_SOURCE, KEYS, era_costs, load
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.published import record
from virtdocs.render.citations import source

ENTRY: Mapping[str, Any] = {
    "event": "vm_exit",
    "axis": "vmx",
    "part": "mechanism",
    "value": "adams06.table1.vm_entry.p4",
    "unit": "cycles",
    "cpu": "Pentium 4 672",
    "year": 2006,
    "source": "AA06",
    "locator": "table 1",
    "basis": "sourced",
}
CLOCK = {"ghz": 3.8, "cpu": "Pentium 4 672", "source": "AA06", "locator": "§6"}
SCALED: Mapping[str, Any] = {
    "scaled_from": "p4-2006",
    "axes": ["vmx"],
    "by": "agesen12.roundtrip.nehalem / agesen12.roundtrip.prescott",
    "spread": 2.0,
    "basis": "derived",
}


def one(entry: Mapping[str, Any], era: str = "p4-2006") -> Any:
    return load({"clock": CLOCK, "cost": [entry]}, era, "x.toml").costs[0]


@pytest.mark.parametrize("era", ERAS)
def test_every_cost_has_a_source_that_somebody_opened_and_a_range_around_its_value(
    era: str,
) -> None:
    for cost in era_costs(era).costs:
        assert source(cost.source).status in ("read", "secondary")
        assert cost.locator
        assert 0 < cost.low <= cost.value <= cost.high
        assert cost.basis == "sourced" or cost.records or "cost:" in cost.formula


@pytest.mark.parametrize("era", ERAS)
def test_only_calibration_sets_a_cost(era: str) -> None:
    used = [name for cost in era_costs(era).costs for name in cost.records]
    assert used
    assert {record(name).role for name in used} == {"calibration"}


@pytest.mark.parametrize("era", ERAS)
def test_a_cost_of_another_era_is_scaled_derived_and_wider(era: str) -> None:
    for cost in era_costs(era).costs:
        home = ERA_OF_SOURCE[cost.source]
        assert home in ("*", era) or cost.origin == home
        if cost.origin != era:
            [then] = [
                c
                for c in era_costs(cost.origin).costs
                if c.parameter == cost.parameter and c.origin == cost.origin
            ]
            assert cost.basis == "derived"
            assert cost.high / cost.low >= 1.5**2 * then.high / then.low * 0.999


def test_an_exit_of_the_first_vt_x_is_the_difference_of_two_nanobenchmarks() -> None:
    [cost] = era_costs("p4-2006").of("vm_exit.page_fault", ("vmx", "shadow", "emulated"))
    assert (cost.low, cost.high) == (9154 - 4, 12733 - 1)
    assert cost.value == pytest.approx((cost.low * cost.high) ** 0.5)
    [cost] = era_costs("p4-2006").of("vm_exit.io", ("vmx", "shadow", "emulated"))
    assert cost.value == 15826 - 3209


def test_mechanism_handler_and_device_model_are_apart() -> None:
    parts = {cost.part for cost in era_costs("kvm-2012").costs}
    assert parts == {"mechanism", "handler", "device_model"}
    exit_parts = era_costs("kvm-2012").of("vm_exit.cpuid", ("vmx", "nested", "virtio"))
    assert [cost.part for cost in exit_parts] == ["mechanism", "handler"]


def test_a_figure_without_a_range_gets_the_range_of_one_alone() -> None:
    cost = one(ENTRY)
    assert (cost.low, cost.high) == pytest.approx((2409 / ALONE, 2409 * ALONE))


def test_microseconds_become_cycles_by_the_clock_of_the_era() -> None:
    costs = era_costs("xen-2003").of("trap.pf", ("hypercall", "direct", "xen_ring"))
    assert costs[0].value == pytest.approx((1.4 - 1.06) * 2400)


@pytest.mark.parametrize("key", [*KEYS, "value"])
def test_an_entry_without_a_key_is_refused(key: str) -> None:
    entry = {k: v for k, v in ENTRY.items() if k != key}
    with pytest.raises(VirtdocsError, match=rf"x\.toml: cost 1.*: {key} is missing"):
        one(entry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part": "mechanisms"}, "unknown part 'mechanisms'. Did you mean mechanism?"),
        ({"basis": "guessed"}, "unknown basis 'guessed'"),
        ({"axis": "vtx"}, "unknown axis 'vtx'"),
        ({"value": "adams06.table1.vm_enter.p4"}, "unknown record 'adams06.table1.vm_enter.p4'"),
        ({"value": "2409"}, "value names no record"),
        ({"value": "adams06.table1.vm_entry.p4 +"}, "is no formula"),
        ({"value": "adams06.macro.forkwait.vt", "unit": "s"}, "only calibration sets a cost"),
        ({"value": "dall16.hypercall.kvm_arm"}, "dall16.hypercall.kvm_arm is context"),
        ({"value": "dall16.virtual_ipi.kvm_x86"}, "unknown record"),  # from memory: not there
        ({"unit": "us"}, "unit is 'us', adams06.table1.vm_entry.p4 has 'cycles'"),
        ({"source": "XEN-HCALL"}, "source XEN-HCALL is not the one of"),
        ({"low": "adams06.table1.pagefault_vmexit.p4 * 2"}, "does not lie between"),
    ],
)
def test_a_wrong_entry_is_refused(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(VirtdocsError) as wrong:
        one({**ENTRY, **change})
    assert message in str(wrong.value)


def test_a_silent_mix_of_eras_is_refused() -> None:
    """The attempt: a figure of 2006 among the costs of 2012, by source and by record."""
    with pytest.raises(VirtdocsError, match=r"AA06 belongs to p4-2006: use scaled_from"):
        one(ENTRY, era="kvm-2012")
    own = {**ENTRY, "source": "DALL16", "value": "dall16.hypercall.kvm_x86"}
    assert one(own, era="kvm-2012").value == 1300
    mixed = {**own, "high": "adams06.table1.vm_entry.p4"}
    with pytest.raises(VirtdocsError, match=r"AA06 belongs to p4-2006: use scaled_from"):
        one(mixed, era="kvm-2012")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": "sourced"}, "what is scaled is derived"),
        ({"spread": 1.1}, "spread 1.1 is less than 1.5"),
        ({"scaled_from": "p4-2007"}, "unknown era 'p4-2007'. Did you mean p4-2006?"),
        ({"by": "kut12.vmcall / adams06.table1.vm_entry.p4"}, "does not compare processors"),
        ({"axes": ["emulation"]}, "p4-2006 has no cost of emulation"),
    ],
)
def test_a_loan_that_hides_itself_is_refused(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(VirtdocsError) as wrong:
        load({"clock": CLOCK, "scaled": [{**SCALED, **change}]}, "kvm-2012", "x.toml")
    assert message in str(wrong.value)


def test_a_loan_is_scaled_and_says_where_it_is_from() -> None:
    costs = load({"clock": CLOCK, "scaled": [SCALED]}, "kvm-2012", "x.toml")
    [cost] = [c for c in costs.costs if c.event == "vm_exit.io"]
    assert cost.value == pytest.approx((15826 - 3209) * 1009 / 3963)
    assert (cost.origin, cost.basis) == ("p4-2006", "derived")


def test_every_file_is_named_after_an_era() -> None:
    from importlib.resources import files

    folder = files("virtdocs") / "data" / "costs"
    names = {path.name for path in folder.iterdir()}
    assert names == {"RULES.md", *(f"{era}.toml" for era in ERAS)}
    for era in ERAS:
        tomllib.loads((folder / f"{era}.toml").read_text(encoding="utf-8"))
