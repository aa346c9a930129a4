"""What one exit becomes two levels up, and how that is priced."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.costs import era_costs
from virtdocs.experiments.mixes import mix
from virtdocs.experiments.models.steps import counted
from virtdocs.experiments.nested_exits import EXITS, nested_exit, priced_exit
from virtdocs.experiments.predict import predict
from virtdocs.experiments.results import Work
from virtdocs.experiments.targets import targets
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.workings import Asked, working

NESTED = ("cpuid", "vmcall", "inl_from_kernel", "inl_from_qemu", "virtio_notify")


@pytest.mark.parametrize("name", EXITS)
def test_with_one_hypervisor_an_exit_is_an_exit(name: str) -> None:
    found = nested_exit(name, depth=1)
    assert (found.of_the_guest, found.of_its_hypervisor) == (1, 0)


@pytest.mark.parametrize(
    ("name", "old", "unshadowed", "new"),
    [
        # The guest's own, and those of the hypervisor in the middle.
        ("cpuid", (1, 7), (1, 8), (1, 1)),
        ("hypercall", (1, 8), (1, 10), (1, 1)),
        ("port_kernel", (1, 16), (1, 9), (1, 1)),
        ("port_user", (1, 24), (1, 10), (1, 1)),
        ("nested_fault", (2, 5), (2, 5), (2, 1)),
        ("notification", (1, 16), (1, 11), (1, 1)),
    ],
)
def test_with_two_the_fields_that_kvm_touches_decide(
    name: str, old: tuple[int, int], unshadowed: tuple[int, int], new: tuple[int, int]
) -> None:
    ways = (
        nested_exit(name, era_name="kvm-2012"),
        nested_exit(name, era_name="kvm-2020", shadowing=False),
        nested_exit(name, era_name="kvm-2020"),
    )
    assert [(way.of_the_guest, way.of_its_hypervisor) for way in ways] == [old, unshadowed, new]
    assert all(way.by_reason("vmresume") == 1 for way in ways)


def test_without_shadowing_there_are_as_many_exits_as_accesses() -> None:
    way = nested_exit("cpuid", era_name="kvm-2012")
    fields = [
        dict(e.detail).get("what") for e in way.events if e.key in ("l1.vmread", "l1.vmwrite")
    ]
    assert fields == [
        "IDT_VECTORING_INFO", "EXIT_REASON", "GUEST_RIP", "EXIT_INSTRUCTION_LENGTH",
        "GUEST_INTERRUPTIBILITY", "GUEST_RIP",
    ]  # fmt: skip


def test_an_exit_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean cpuid"):
        nested_exit("cpuidd")


def test_an_exit_of_a_guest_hypervisor_has_the_price_of_its_reason() -> None:
    for era in ("kvm-2012", "kvm-2020"):
        costs = era_costs(era)
        plain = costs.of("vm_exit", ("vmx",))
        assert costs.of("vm_exit.l1.vmread", ("vmx",)) == plain
        assert costs.of("vm_exit.l1.vmresume", ("vmx",)) == plain
        assert costs.of("vm_exit.l1.msr_write", ("vmx",)) == costs.of("vm_exit.msr_write", ("vmx",))


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("era", ["kvm-2012", "kvm-2020"])
def test_a_prediction_at_depth_two_is_the_sum_over_what_is_counted(name: str, era: str) -> None:
    preset = technique("kvm_virtio" if name == "virtio_notify" else "hw_nested", era_name=era)
    found = predict(name, preset.name, era, {"depth": 2})
    steps = counted(mix(name), preset.name, era, {"depth": 2})
    assert set(steps) >= set(mix(name).steps)  # the guest's own exit is still the same one
    by_hand = cost_model(era).price(Work(0, steps), preset, instructions=False)
    assert found.value == by_hand.total
    assert found.exits == sum(n for event, n in steps.items() if event.startswith("vm_exit"))
    assert "level_zero" in found.limits
    once = predict(name, preset.name, era)
    assert all(two > one for two, one in zip(found.value, once.value, strict=True))
    assert "level_zero" not in once.limits


def test_the_working_of_a_prediction_shows_the_same_counts() -> None:
    made = working(Asked("cpuid", "hw_nested", "kvm-2012", (("depth", 2),)))
    assert made is not None
    assert {one.event: one.count for one in made.counts} == {
        "vm_exit.cpuid": 1, "vm_exit.l1.vmread": 5, "vm_exit.l1.vmwrite": 1,
        "vm_exit.l1.vmresume": 1,
    }  # fmt: skip


def test_every_frozen_target_of_depth_two_is_predicted() -> None:
    nested = [one for one in targets() if one.params.get("depth") == 2 and not one.rival]
    asked = [one for one in nested if mix(one.workload).nested]
    assert len(asked) == 7
    for one in asked:
        found = predict(one.workload, one.technique, one.era, one.params)
        assert found.unit == "cycles"
        assert min(found.value) > 0


@pytest.mark.parametrize(
    ("name", "preset", "params", "said"),
    [
        ("cpuid", "hw_shadow", {"depth": 2}, "runs no guest hypervisor"),
        ("cpuid", "hw_nested", {"depth": 3}, "depth=3 is not between 1 and 2"),
        ("tsc_deadline", "hw_nested", {"depth": 2}, "unknown parameter"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(
    name: str, preset: str, params: dict[str, int], said: str
) -> None:
    with pytest.raises((BadValue, UnknownName), match=said):
        predict(name, preset, "kvm-2020", params)


def test_a_price_is_made_of_all_that_is_counted() -> None:
    way = nested_exit("port_user", era_name="kvm-2012")
    priced = priced_exit("port_user", "kvm-2012")
    assert priced.unpriced == ()
    assert {line.event: Fraction(line.count) for line in priced.lines} == {
        event: Fraction(n) for event, n in way.counts.items()
    }
