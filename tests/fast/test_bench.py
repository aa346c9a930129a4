"""`virtdocs bench` measures real runs and names its figures as interface.md does."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from virtdocs.cli import main
from virtdocs.experiments import bench


def test_the_answer_has_the_keys_of_the_contract_and_positive_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {name: (text, 3) for name, (text, _) in bench.KERNELS.items()}
    for name, value in {
        "BEST_OF": 1, "SYSTEM_CALLS": 50, "EXIT_ROUNDS": 100, "KERNELS": MappingProxyType(small),
        "WORKLOADS": MappingProxyType({"cpu": 100, "page_fault": 64, "disk_read": 6}),
    }.items():  # fmt: skip
        monkeypatch.setattr(bench, name, value)
    assert main(["bench", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"kernels", "bare", "vm", "us_per_exit", "first_result_ms"}
    assert set(answer["kernels"]) == {"alu", "mem", "sys"}
    assert all(one["mips"] > 0 for one in (*answer["kernels"].values(), *answer["vm"].values()))
    assert answer["first_result_ms"] > 0
    assert answer["bare"]["disk_read"]["exits_per_op"] == 0
    assert answer["vm"]["disk_read"]["exits_per_op"] >= 2


def test_the_fast_core_is_many_times_the_reference_on_plain_code() -> None:
    """A floor far below what is measured, so that a busy computer does not matter."""
    fast = bench.speed(bench.kernel("alu", 20_000), "native")
    reference = bench.speed(bench.kernel("alu", 1_000), "native", core="reference")
    assert fast.mips > 20 * reference.mips


def test_a_short_program_is_not_slower_than_with_the_interpreter() -> None:
    """Two thousand instructions: the workload rings, with one compilation or none in it."""
    fast = bench.workload_speed("rings", "native", 1)
    reference = bench.workload_speed("rings", "native", 1, core="reference")
    assert 1_500 < fast.instructions < 4_000
    assert fast.seconds < 1.25 * reference.seconds
