"""What a switch of an era adds: counted once for each exit, priced as published, off by itself."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.costs import EraCosts, Sourced
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import record
from virtdocs.experiments.results import Work
from virtdocs.experiments.switches import AS_THE_ERA, Switches, switched, switches_of
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import spread

ON = Switches(mitigations=True)
NESTED = technique("hw_nested", era_name="kvm-2020")


@pytest.mark.parametrize(
    ("switches", "counts", "added"),
    [
        (ON, {"vm_exit.io": 2, "vm_exit.hlt": 1, "user_exit.io": 2}, {"mitigation": 3}),
        (ON, {"vm_exit": 2}, {"mitigation": 2}),
        (ON, {"trap.pf": 2, "hypercall.iret": 1, "syscall": 4}, {}),  # nothing exits
        (AS_THE_ERA, {"vm_exit.io": 2}, {}),
    ],
)
def test_once_for_each_exit(
    switches: Switches, counts: dict[str, int], added: dict[str, int]
) -> None:
    assert switched(switches, {k: Fraction(n) for k, n in counts.items()}) == added


def made_up(event: str, cycles: float) -> Sourced:
    return Sourced(
        event, "vmx", "handler", cycles, cycles / 1.01, cycles * 1.01, "cycles", "", 2020, "KUT18",
        "", "sourced", "", "kvm-2020",
    )  # fmt: skip


def test_on_made_up_costs() -> None:
    costs = EraCosts("kvm-2020", 0.0, (made_up("vm_exit", 1000), made_up("mitigation", 70)))
    work = Work(0, {"vm_exit.io": 2, "vm_exit.cpuid": 1})
    for switches, cycles in ((AS_THE_ERA, 3000), (ON, 3210)):
        priced = CostModel(costs, switches).price(work, NESTED, instructions=False)
        assert spread(priced.total).median == pytest.approx(cycles, rel=0.01)
    assert priced.unpriced == ()


@pytest.mark.parametrize(
    ("mix", "exits"), [("cpuid", 1), ("vmcall", 1), ("inl_from_qemu", 1), ("tsc_deadline", 2)]
)
def test_a_guest_that_uses_it_pays_two_writes_an_exit(mix: str, exits: int) -> None:
    on = predict(mix, "hw_nested", "kvm-2020", {"mitigations": "on"})
    off = predict(mix, "hw_nested", "kvm-2020", {"mitigations": "off"})
    more = [a - b for a, b in zip(on.value, off.value, strict=True)]
    published = 2 * record("kut18.ibrs").number() * exits
    assert spread(more).median == pytest.approx(published, rel=0.02)
    assert "KUT18" in on.sources
    assert "one_mitigation" in on.limits
    assert off == predict(mix, "hw_nested", "kvm-2020")  # the era's figures name none


def test_what_does_not_exit_has_nothing_to_write() -> None:
    on = predict("kernel_build", "xen_pv64", "kvm-2020", {"mitigations": "on"})
    assert on.ratio == predict("kernel_build", "xen_pv64", "kvm-2020").ratio


@pytest.mark.parametrize("era", [era for era in ERAS if era != "kvm-2020"])
def test_an_era_without_a_price_refuses(era: str) -> None:
    cost_model(era, AS_THE_ERA)
    with pytest.raises(VirtdocsError, match=f"mitigations: {era} has no published cost"):
        cost_model(era, ON)


def test_switches_are_told_from_the_mix_s_own_parameters() -> None:
    assert switches_of({"mitigations": "on", "depth": 1}) == (ON, {"depth": 1})
    assert switches_of({"depth": 1}) == (AS_THE_ERA, {"depth": 1})
    with pytest.raises(VirtdocsError, match="unknown value of mitigations 'yes'"):
        switches_of({"mitigations": "yes"})
