"""The share of a guest that runs without the monitor, of a run and of one operation."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.experiments.efficiency import (
    PER_OP_OPS,
    WHOLE_RUN_OPS,
    monitor_free_share,
    monitor_free_share_per_op,
)
from virtdocs.experiments.run import run


def test_the_share_is_the_one_that_the_command_line_prints() -> None:
    given = {"ops": PER_OP_OPS["syscall"]}
    printed = run("syscall", "bt", params=given).monitor_free_share
    assert monitor_free_share("syscall", "bt", given["ops"]) == printed


@pytest.mark.parametrize("workload", ["cpu", "tlb_miss"])
@pytest.mark.parametrize("technique", ["native", "trap_emulate", "bt", "hw_nested", "xen_pv32"])
def test_an_operation_of_plain_instructions_never_meets_the_monitor(
    workload: str, technique: str
) -> None:
    assert monitor_free_share_per_op(workload, technique, PER_OP_OPS[workload]) == 1


def test_a_system_call_meets_the_monitor_where_the_kernel_is_not_where_syscall_leads() -> None:
    shares = {
        name: monitor_free_share_per_op("syscall", name, PER_OP_OPS["syscall"])
        for name in ("trap_emulate", "bt", "hw_nested", "xen_pv32", "xen_pv64")
    }
    assert shares["hw_nested"] == shares["xen_pv32"] == Fraction(1)
    assert max(shares["trap_emulate"], shares["bt"]) < shares["xen_pv64"] < 1


def test_both_tables_show_the_same_workloads() -> None:
    assert list(WHOLE_RUN_OPS) == list(PER_OP_OPS)
