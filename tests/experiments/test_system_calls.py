"""A system call is counted under every technique, and priced where its path was measured."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.costs import era_costs
from virtdocs.experiments.published import record
from virtdocs.experiments.results import Work
from virtdocs.experiments.run import CORES, run
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.experiments.uncertainty import spread

# How often each op of these enters the kernel (RULES.md, M4).
PER_OP = {"syscall": 1, "context_switch": 1, "fork": 3, "page_fault": 0}


@pytest.mark.parametrize("name", TECHNIQUES)
@pytest.mark.parametrize("core", CORES)
def test_every_technique_enters_the_kernel_as_often_as_natively(name: str, core: str) -> None:
    for workload, calls in PER_OP.items():
        found = run(workload, name, core=core, params={"ops": 16})
        assert found.work.events.get("syscall", 0) == calls, workload


@pytest.mark.parametrize(
    ("name", "era", "monitor"),
    [
        ("native", "p4-2006", set()),
        ("hw_shadow", "p4-2006", set()),  # no exit
        ("hw_nested", "kvm-2012", set()),
        ("xen_pv32", "xen-2003", set()),  # the gate leads straight to the kernel
        ("xen_pv64", "kvm-2012", {"trap.syscall_bounce", "hypercall.iret"}),
        ("bt", "p4-2006", {"trap.syscall_bounce"}),
    ],
)
def test_who_else_is_on_the_way(name: str, era: str, monitor: set[str]) -> None:
    events = run("syscall", name, era=era, params={"ops": 16}).work.events
    assert events["syscall"] == 1
    kinds = ("vm_exit", "trap", "hypercall")
    assert {e for e in events if e.partition(".")[0] in kinds} == monitor


def published(name: str) -> float:
    return record(name).number()


@pytest.mark.parametrize(
    ("name", "era", "cycles"),
    [
        ("hw_shadow", "p4-2006", ("adams06.nano.syscall.vt", "adams06.nano.syscall.native", 1.0)),
        ("xen_pv32", "xen-2003",
         ("xen03.lmbench.proc.null_call.Xen", "xen03.lmbench.proc.null_call.L-UP", 2400.0)),
    ],
)  # fmt: skip
def test_a_call_that_reaches_the_kernel_costs_what_the_null_call_took_longer(
    name: str, era: str, cycles: tuple[str, str, float]
) -> None:
    whole, native, clock = cycles
    preset = technique(name, era_name=era)
    priced = cost_model(era).price(Work(0, {"syscall": Fraction(3)}), preset, instructions=False)
    [line] = priced.lines
    assert line.costs[0].value == pytest.approx((published(whole) - published(native)) * clock)
    assert spread(priced.total).median == pytest.approx(3 * line.costs[0].value, rel=0.01)


def test_the_call_is_all_of_the_bounce_under_binary_translation() -> None:
    preset = technique("bt", era_name="p4-2006")
    work = Work(0, {"syscall": 2, "trap.syscall_bounce": 2})
    priced = cost_model("p4-2006").price(work, preset, instructions=False)
    assert [line.event for line in priced.lines] == ["trap.syscall_bounce"]
    assert priced.unpriced == ()


def test_xen_under_2006_is_as_many_cycles_as_in_2003_and_wider() -> None:
    [then] = era_costs("xen-2003").of("syscall", ("hypercall",))
    [now] = era_costs("p4-2006").of("syscall", ("hypercall",))
    assert (now.value, now.origin, now.basis) == (then.value, "xen-2003", "derived")
    assert (now.low, now.high) == pytest.approx((then.low / 2, then.high * 2))


def test_a_later_era_has_no_figure_of_a_call_without_an_exit() -> None:
    preset = technique("hw_nested", era_name="kvm-2012")
    assert cost_model("kvm-2012").price(Work(0, {"syscall": 1}), preset).unpriced == ("syscall",)
