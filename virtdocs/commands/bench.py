"""`virtdocs bench`: how fast the machine runs here and now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.progress import Progress

if TYPE_CHECKING:
    from virtdocs.experiments.bench import Operation


def declare(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: argparse.Namespace) -> Answer:
    """MIPS of kernels and workloads, microseconds an exit, milliseconds to a first result."""
    from virtdocs.experiments.bench import bench

    with Progress("bench"):
        found = bench()
    data: dict[str, Json] = {
        "kernels": {name: {"mips": round(one.mips, 2)} for name, one in found.kernels.items()},
        "bare": {name: _operation(one) for name, one in found.bare.items()},
        "vm": {name: _operation(one) for name, one in found.vm.items()},
        "us_per_exit": round(found.us_per_exit, 2),
        "first_result_ms": round(found.first_result_ms, 1),
    }
    rows = [
        (f"kernels.{name}", f"{one.mips:.2f} MIPS", "", "") for name, one in found.kernels.items()
    ]
    rows += [
        (f"{group}.{name}", f"{one.mips:.2f} MIPS", f"{one.us_per_op:.2f} us/op",
         f"{one.exits_per_op:.2f} exits/op")
        for group, speeds in (("bare", found.bare), ("vm", found.vm))
        for name, one in speeds.items()
    ]  # fmt: skip
    rows.append(("us_per_exit", f"{found.us_per_exit:.2f} us", "", ""))
    rows.append(("first_result_ms", f"{found.first_result_ms:.1f} ms", "", ""))
    return Answer(data, columns(rows))


def _operation(one: Operation) -> dict[str, Json]:
    return {
        "mips": round(one.mips, 2),
        "us_per_op": round(one.us_per_op, 2),
        "instructions_per_op": round(one.instructions_per_op, 1),
        "exits_per_op": round(one.exits_per_op, 2),
    }
