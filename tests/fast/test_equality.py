"""The fast core is equal to the reference core in everything that a run reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fast.compare import differences, ran, workload
from tests.properties.hostile_guest import hostile_guest
from tests.properties.random_guest import random_guest
from virtdocs.experiments.techniques import technique

TECHNIQUES = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
# Enough operations that all of the hot code is translated, few enough to wait for.
OPERATIONS = {
    "cpu": 300, "memory": 64, "syscall": 60, "rings": 1, "popf_wait": 4, "page_fault": 64,
    "pte_churn": 64, "tlb_miss": 512, "context_switch": 20, "fork": 8, "ipi": 20,
    "timer_tick": 10, "cpuid": 50, "vmcall": 40, "red_pill": 1,
}  # fmt: skip
FIXED_SAMPLE = range(30)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("technique_name", TECHNIQUES)
def test_a_workload_has_the_same_counts_time_and_state(name: str, technique_name: str) -> None:
    preset, program = workload(name, technique_name, OPERATIONS[name])
    assert differences(preset, program) == {}


@pytest.mark.parametrize("technique_name", ["hw_shadow", "hw_nested"])
@pytest.mark.parametrize("name", ["syscall", "page_fault", "ipi"])
def test_svm_is_no_exception(name: str, technique_name: str) -> None:
    preset = technique(technique_name, "amd")
    _, program = workload(name, technique_name, OPERATIONS[name])
    assert differences(preset, program, vendor="amd") == {}


@pytest.mark.parametrize("technique_name", TECHNIQUES)
@pytest.mark.parametrize("tick", [2_000, 2_003, 2_017])
def test_a_tick_comes_at_the_same_instruction(technique_name: str, tick: int) -> None:
    preset, program = workload("syscall", technique_name, 200, tick=tick)
    assert differences(preset, program) == {}


@pytest.mark.parametrize("technique_name", TECHNIQUES)
@pytest.mark.parametrize("budget", [2_000, 2_001, 2_017, 2_063, 4_097])
def test_a_budget_ends_both_at_the_same_instruction(technique_name: str, budget: int) -> None:
    preset, program = workload("syscall", technique_name, 100)
    assert differences(preset, program, budget=budget) == {}


@pytest.mark.parametrize("technique_name", ["native", "bt", "hw_shadow", "hw_nested"])
@pytest.mark.parametrize("seed", FIXED_SAMPLE)
def test_a_random_guest_is_the_same_on_both_cores(seed: int, technique_name: str) -> None:
    guest = random_guest(seed)
    preset = replace(technique(technique_name, guest.vendor), levels=guest.levels)
    found = differences(preset, guest.program, vendor=guest.vendor, budget=3_000)
    assert found == {}, f"seed {seed}"


# A code segment shrinks under a trace that goes on after a step of the engine's.
ONCE_DIFFERENT = [(1171, "trap_emulate")]


@pytest.mark.parametrize(("seed", "technique_name"), ONCE_DIFFERENT)
def test_a_guest_that_was_different_once_is_the_same(seed: int, technique_name: str) -> None:
    guest = random_guest(seed)
    preset = replace(technique(technique_name, guest.vendor), levels=guest.levels)
    assert differences(preset, guest.program, vendor=guest.vendor, budget=3_000) == {}


@pytest.mark.parametrize("seed", range(24))
def test_a_hostile_guest_is_the_same_on_both_cores(seed: int) -> None:
    """Six techniques in turn, PV kernels among them."""
    guest = hostile_guest(seed)
    preset = replace(technique(guest.technique, guest.vendor), levels=guest.levels)
    found = differences(preset, guest.program, vendor=guest.vendor, budget=2_000)
    assert found == {}, f"seed {seed} under {guest.technique}"


def test_random_guests_do_run_translated_code() -> None:
    """Else their equality would say nothing."""
    guests = [random_guest(seed) for seed in FIXED_SAMPLE]
    runs = [ran(replace(technique("native", g.vendor), levels=g.levels), g.program, hot=1,
                vendor=g.vendor, budget=3_000) for g in guests]  # fmt: skip
    assert sum(one.board.translated for one in runs) > 0.2 * sum(one.board.retired for one in runs)


@pytest.mark.parametrize(
    ("name", "ops", "least"),
    [("cpu", 20_000, 0.99), ("syscall", 4_000, 0.99), ("page_fault", 1_024, 0.97)],
)
@pytest.mark.parametrize("technique_name", ["native", "hw_nested"])
def test_nearly_all_of_a_plain_run_is_translated(
    name: str, ops: int, least: float, technique_name: str
) -> None:
    preset, program = workload(name, technique_name, ops)
    assert ran(preset, program, hot=16, budget=10**7).share >= least


def test_translations_are_shared_but_the_share_does_not_depend_on_it() -> None:
    """A second run finds everything compiled and still reports the same."""
    preset, program = workload("syscall", "native", 500)
    first, second = (ran(preset, program, hot=16).share for _ in range(2))
    assert first == second > 0.5
