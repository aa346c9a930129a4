"""Runs side by side: how they ended, whether states agree, how often the monitor ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest

from virtdocs.views.model import Chart, Rings, Table, Value
from virtdocs.views.outcomes import endings, equivalence, total, transitions
from virtdocs.views.rings import guest_rings, ring_map
from virtdocs.views.tabular import table_of


@dataclass(frozen=True)
class Run:
    counts: dict[str, Any] = field(default_factory=dict)
    counts_per_op: dict[str, Any] = field(default_factory=dict)
    instructions: int = 10
    state_hash: str = "aa"
    result_hash: str = "bb"
    outcome: str = "halted"


@dataclass(frozen=True)
class Reading:
    technique: str
    kernel_cpl: int
    read_cpl: int
    app_cpl: int = 3
    monitor_cpl: int | None = 0
    host_mode: bool = False


@pytest.mark.parametrize(
    ("counts", "count"),
    [
        ({}, 0),
        ({"trap": 3}, 3),
        ({"trap": {"gp": 3, "pf": 4}}, 7),
        ({"trap": {"gp": Fraction(1, 2)}}, Fraction(1, 2)),
        ({"vm_exit": {"io": 9}}, 0),
    ],
)
def test_a_kind_is_summed_over_its_keys(counts: dict[str, Any], count: int | Fraction) -> None:
    assert total(counts, "trap") == count


def test_a_hung_guest_is_counted_apart_from_one_that_halts() -> None:
    runs = {"native": Run(), "trap_emulate": Run(outcome="hung"), "bt": Run()}
    found = endings("popf_wait", runs, {"native": True, "trap_emulate": False, "bt": True}).values
    assert (found["halted"].raw, found["hung"].raw, found["techniques"].raw) == (2, 1, 3)
    assert found["trap_emulate.outcome"].raw == "outcome.hung"
    assert found["trap_emulate.if_at_end"].raw == 0
    assert found["bt.if_at_end"].raw == 1


def test_equality_is_with_native_and_tells_state_from_result() -> None:
    runs = {"native": Run(), "bt": Run(), "xen_pv32": Run(state_hash="zz"), "odd": Run()}
    runs |= {"odd": Run(state_hash="yy", result_hash="xx")}
    found = equivalence("memory", runs).values
    assert (found["others"].raw, found["equal"].raw, found["result_equal"].raw) == (3, 1, 2)
    assert found["xen_pv32.state_equal"].raw == "answer.no"
    assert found["xen_pv32.result_equal"].raw == "answer.yes"


RUNS = {
    "native": Run(),
    "bt": Run(counts_per_op={"trap": {"gp": 1}, "callout": 2, "inline": 9}),
    "hw_nested": Run(counts_per_op={"vm_exit": {"io": Fraction(1, 20)}, "vm_entry": 7}),
}


def test_a_hypercall_that_comes_by_a_vm_exit_is_one_entry() -> None:
    counts = {"vm_exit": {"hypercall": 3, "io": 1}, "hypercall": {"sched_op": 2}}
    runs = {"xen_hvm": Run(counts_per_op=counts)}
    assert transitions("vmcall", runs).values["xen_hvm.per_op"].raw == 4


def test_entries_are_traps_exits_hypercalls_and_callouts_and_nothing_else() -> None:
    found = transitions("syscall", RUNS)
    assert [found.values[f"{name}.per_op"].raw for name in RUNS] == [0, 3, Fraction(1, 20)]
    assert isinstance(found.view, Chart)
    for bar in found.view.bars:
        assert sum(Fraction(part.raw) for part in bar.parts) == bar.value.raw


@pytest.mark.parametrize(("small", "log"), [(Fraction(1, 20), True), (Fraction(1, 2), False)])
def test_the_axis_is_logarithmic_only_when_a_linear_one_hides_bars(
    small: Fraction, log: bool
) -> None:
    runs = RUNS | {"hw_nested": Run(counts_per_op={"vm_exit": {"io": small}})}
    view = transitions("syscall", runs).view
    assert isinstance(view, Chart)
    assert view.log is log
    assert bool(view.notes) is log


def test_the_alt_text_names_the_least_only_where_everybody_enters_the_monitor() -> None:
    assert transitions("syscall", RUNS).alt.key == "alt.transitions_zero"
    entering = {name: run for name, run in RUNS.items() if name != "native"}
    assert transitions("syscall", entering).alt.key == "alt.transitions"


def test_the_data_table_of_a_chart_holds_value_and_parts_of_every_bar() -> None:
    view = transitions("syscall", RUNS).view
    assert isinstance(view, Chart)
    rows = table_of(view).rows
    assert [row.technique for row in rows] == list(RUNS)
    assert all(len(row.cells) == 1 + len(view.parts) for row in rows)


def test_only_a_displaced_kernel_that_reads_its_ring_sees_the_monitor() -> None:
    readings = [
        Reading("native", 0, 0, monitor_cpl=None),
        Reading("trap_emulate", 1, 1),
        Reading("bt", 1, 0),
        Reading("hw_nested", 0, 0, host_mode=True),
    ]
    found = guest_rings(readings)
    assert [found.values[key].raw for key in ("techniques", "displaced", "visible")] == [4, 2, 1]
    assert isinstance(found.view, Table)
    modes = [row.cells[-1] for row in found.view.rows]
    assert [one.raw for one in modes if isinstance(one, Value)][-2:] == ["mode.only", "mode.guest"]


def test_a_ring_map_places_everybody_where_the_run_saw_them() -> None:
    view = ring_map(Reading("hw_nested", 0, 0, host_mode=True)).view
    assert isinstance(view, Rings)
    assert [(one.party.value, one.cpl, one.mode(view.two_modes)) for one in view.occupants] == [
        ("application", 3, "mode.guest"),
        ("guest_kernel", 0, "mode.guest"),
        ("hypervisor", 0, "mode.host"),
    ]


def test_bare_hardware_has_no_hypervisor_in_its_rings() -> None:
    view = ring_map(Reading("native", 0, 0, monitor_cpl=None)).view
    assert isinstance(view, Rings)
    assert [one.party.value for one in view.occupants] == ["application", "guest_kernel"]
    assert {one.mode(view.two_modes) for one in view.occupants} == {"mode.only"}
