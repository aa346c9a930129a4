"""A fixed set of runs on both cores, as JSON: the same file runs in CPython and in Pyodide."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from virtdocs.experiments.bench import kernel
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique

TECHNIQUES = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
OPERATIONS = {
    "cpu": 400, "memory": 64, "syscall": 80, "page_fault": 64, "context_switch": 20,
    "tlb_miss": 256, "pte_churn": 64, "fork": 4, "ipi": 10, "timer_tick": 5, "disk_read": 5,
    "net_tx": 5,
}  # fmt: skip
CORES = ("reference", "fast")
KERNELS = {"alu": 60_000, "mem": 40}
BEST_OF = 3
BUDGET = 100_000_000


def one(workload: str, technique_name: str, core: str) -> dict[str, Any]:
    """Everything that a run reports, but for how long it took and how it was done."""
    found = run(workload, technique_name, params={"ops": OPERATIONS[workload]}, core=core)
    return {
        "outcome": found.outcome,
        "instructions": found.instructions,
        "virtual_time": found.virtual_time,
        "counts": found.counts,
        "counts_per_op": found.counts_per_op,
        "state_hash": found.state_hash,
        "result_hash": found.result_hash,
    }


def results() -> dict[str, Any]:
    """All of them, by workload, technique and core."""
    return {
        f"{workload} {name} {core}": one(workload, name, core)
        for workload in OPERATIONS
        for name in TECHNIQUES
        for core in CORES
    }


def mips(name: str) -> float:
    """Millions of guest instructions a second, the best of several runs."""
    program, found = kernel(name, KERNELS[name]), 0.0
    for _ in range(BEST_OF):
        began = time.perf_counter()
        finished = execute(technique("native"), program, "intel", BUDGET)
        seconds = time.perf_counter() - began
        found = max(found, finished.machine.board.retired / seconds / 1e6)
    return round(found, 2)


def answer(what: str) -> str:
    """``results`` or ``speed``."""
    data: dict[str, Any] = {"python": ".".join(map(str, sys.version_info[:3]))}
    if what == "results":
        data["runs"] = results()
    else:
        data["mips"] = {name: mips(name) for name in KERNELS}
    return json.dumps(data, default=str, sort_keys=True)


if __name__ == "__main__":
    print(answer(sys.argv[1]))
