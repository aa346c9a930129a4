"""`virtdocs bench`: how fast the machine runs here and now."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.progress import Progress

if TYPE_CHECKING:
    from virtdocs.experiments.bench import Speed


def declare(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(args: argparse.Namespace) -> Answer:
    """MIPS of kernels and workloads, microseconds an exit, milliseconds to a first result."""
    from virtdocs.experiments.bench import bench

    with Progress("bench"):
        found = bench()
    data: dict[str, Json] = {
        "kernels": _mips(found.kernels),
        "vm": _mips(found.vm),
        "us_per_exit": round(found.us_per_exit, 2),
        "first_result_ms": round(found.first_result_ms, 1),
    }
    rows = [
        (f"{group}.{name}", f"{one.mips:.2f}", "MIPS")
        for group, speeds in (("kernels", found.kernels), ("vm", found.vm))
        for name, one in speeds.items()
    ]
    rows.append(("us_per_exit", f"{found.us_per_exit:.2f}", "us"))
    rows.append(("first_result_ms", f"{found.first_result_ms:.1f}", "ms"))
    return Answer(data, columns(rows))


def _mips(speeds: Mapping[str, Speed]) -> dict[str, Json]:
    return {name: {"mips": round(one.mips, 2)} for name, one in speeds.items()}
