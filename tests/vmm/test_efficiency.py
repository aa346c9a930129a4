"""Efficiency: at least this share of each workload runs without the monitor.

Bounds a little below what was counted: a monitor that takes more part than it must
falls below them. The workloads that ask for the monitor all the time have low ones.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import pytest

from virtdocs.experiments.efficiency import monitor_free_share
from virtdocs.guest.workloads import WORKLOADS

COLUMNS: Final = ("trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
# Number of operations, then per cent in the order of the columns.
BOUNDS: Final = {
    "cpu": (2_000, 99, 99, 99, 99, 99, 99),
    "memory": (256, 98, 98, 99, 99, 99, 99),
    "syscall": (128, 92, 92, 99, 99, 99, 97),
    "tlb_miss": (512, 92, 90, 92, 95, 99, 99),
    "context_switch": (32, 96, 94, 98, 99, 98, 97),
    "page_fault": (64, 98, 97, 98, 99, 99, 99),
    "pte_churn": (64, 98, 97, 99, 99, 99, 99),
    "fork": (8, 98, 95, 99, 99, 99, 99),
    "timer_tick": (16, 96, 92, 98, 98, 98, 97),
    "popf_wait": (16, 78, 85, 94, 95, 97, 96),
    "ipi": (16, 89, 87, 94, 95, 97, 96),
    "cpuid": (128, 97, 94, 94, 94, 99, 98),
}
# Workloads that ask who runs them, or that are for a hypervisor only.
NO_BOUND: Final = {"rings", "red_pill", "vmcall", "read_time"}


@pytest.mark.parametrize("workload", BOUNDS)
def test_plain_instructions_run_without_the_monitor(workload: str) -> None:
    ops, *bounds = BOUNDS[workload]
    for name, bound in zip(COLUMNS, bounds, strict=True):
        share = monitor_free_share(workload, name, ops)
        assert share >= Fraction(bound, 100), f"{name}: {float(share):.4f}"


def test_every_workload_without_a_device_has_a_bound() -> None:
    plain = {name for name, one in WORKLOADS.items() if not one.device}
    assert plain == set(BOUNDS) | NO_BOUND


def test_full_emulation_is_no_monitor_by_this_measure() -> None:
    assert monitor_free_share("cpu", "qemu_tcg", 64) == 0
