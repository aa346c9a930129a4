"""`make bench`: measure everything in one go, print it, and write what the page shows.

The machine's two cores, three peers on the same kernels, workloads in the whole machine,
where an exit's time goes, Pyodide under Node, and all exhibits of the pages with either
core. Nothing else should run on the computer meanwhile; a busy one gives lower figures,
not wrong ratios.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks import exit_profile
from tests.pyodide import node
from virtdocs.experiments.bench import BARE, VM, Operation, bench

ROOT = Path(__file__).parent.parent.parent
RECORD = ROOT / "virtdocs" / "data" / "measured" / "speed.toml"
CORES = ("fast", "reference")
PEERS = (ROOT / "build" / "peers" / "bin" / "python", "-m", "tests.benchmarks.peers", "--json")


def main() -> int:
    """Measure and write; 1 when Node is missing."""
    if node.missing():
        print(f"{node.missing()} is missing: install Node.js 18 or newer")
        return 1
    lines = _machine() + _kernels()
    found = bench()
    lines += _workloads(BARE, found.bare) + _workloads(VM, found.vm)
    lines += _exit(found.us_per_exit) + _pyodide() + _exhibits()
    lines += _table("[first_result]", {"milliseconds": round(found.first_result_ms, 1)})
    RECORD.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 0


def _table(head: str, fields: dict[str, str | int | float]) -> list[str]:
    shown = [
        f"{key} = {json.dumps(value)}" if isinstance(value, str) else f"{key} = {value}"
        for key, value in fields.items()
    ]
    return [head, *shown, ""]


def _machine() -> list[str]:
    said = Path("/proc/cpuinfo")
    models = [
        line.split(":", 1)[1].strip()
        for line in (said.read_text() if said.exists() else "").splitlines()
        if line.startswith("model name")
    ]
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    return [
        "# Written by `make bench`: how fast the engine ran, once, on one computer.",
        "",
        *_table("[recorded]", {
            "date": datetime.date.today().isoformat(),
            "commit": head.stdout.strip(),
            "cpu": models[0] if models else platform.machine(),
            "cores": os.cpu_count() or 1,
            "python": platform.python_version(),
        }),
    ]  # fmt: skip


def _kernels() -> list[str]:
    found = _ran(*PEERS)
    return [
        line
        for one in found
        for line in _table(
            "[[kernel]]",
            {"who": one["name"], "kernel": one["kernel"], "mips": round(one["mips"], 3)},
        )
    ]


def _ran(*command: object) -> Any:
    """The JSON that a program prints."""
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def _workloads(where: str, found: dict[str, Operation]) -> list[str]:
    return [
        line
        for name, one in found.items()
        for line in _table("[[workload]]", {
            "name": name,
            "technique": where,
            "mips": round(one.mips, 2),
            "us_per_op": round(one.us_per_op, 2),
            "instructions_per_op": round(one.instructions_per_op, 1),
            "exits_per_op": round(one.exits_per_op, 2),
        })
    ]  # fmt: skip


def _exit(microseconds: float) -> list[str]:
    parts = {part: round(share, 3) for part, share in exit_profile.shares().items()}
    return _table("[exit]", {"microseconds": round(microseconds, 2)}) + _table(
        "[exit.parts]", dict(parts)
    )


def _pyodide() -> list[str]:
    found = node.in_pyodide(node.install(), "speed")
    return _table(
        "[pyodide]", {"version": node.version(), "python": found["python"], **found["mips"]}
    )


def _exhibits() -> list[str]:
    seconds: dict[str, str | int | float] = {}
    for core in CORES:
        answer = _ran(sys.executable, "-m", "tests.benchmarks.exhibits_time", core)
        seconds["count"] = answer["exhibits"]
        seconds[core] = round(answer["seconds"], 1)
    return _table("[exhibits]", seconds)


if __name__ == "__main__":
    sys.exit(main())
