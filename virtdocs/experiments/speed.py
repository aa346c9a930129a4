"""How fast the engine was when it was last measured: ``data/measured/speed.toml``.

`make bench` writes the file, on one computer on one day. What was asked for is here,
beside what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from virtdocs.errors import UnknownName
from virtdocs.experiments.asked import Target
from virtdocs.experiments.bench import VM
from virtdocs.experiments.timings import timings

FILE: Final = ("data", "measured", "speed.toml")
OWN: Final = "virtdocs, fast core"
PEER: Final = "tinyrv 0.1.0"


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload in the whole machine, on bare hardware or under a hypervisor."""

    name: str
    technique: str
    mips: float
    us_per_op: float
    instructions_per_op: float
    exits_per_op: float


@dataclass(frozen=True, slots=True)
class Speed:
    """The record."""

    recorded: Mapping[str, str | int]  # date, commit, cpu, cores, python
    kernels: Mapping[str, Mapping[str, float]]  # who -> kernel -> MIPS
    workloads: tuple[Workload, ...]
    us_per_exit: float
    exit_parts: Mapping[str, float]  # part of the engine -> share, largest first
    pyodide: Mapping[str, str | float]  # version, python, and MIPS by kernel
    exhibits: Mapping[str, float]  # count, and seconds by core
    first_result_ms: float

    def workload(self, name: str, technique: str) -> Workload:
        """One of them."""
        for one in self.workloads:
            if (one.name, one.technique) == (name, technique):
                return one
        raise UnknownName("speed.toml", "workload", f"{name} {technique}", ())


@lru_cache(maxsize=1)
def speed() -> Speed:
    """The record; BadValue when it is not there or lacks a part."""
    return timings(FILE, "make bench", _read)


def _read(data: Mapping[str, Any]) -> Speed:
    kernels: dict[str, dict[str, float]] = {}
    for one in data["kernel"]:
        kernels.setdefault(one["who"], {})[one["kernel"]] = one["mips"]
    parts = sorted(data["exit"]["parts"].items(), key=lambda part: -part[1])
    return Speed(
        MappingProxyType(data["recorded"]),
        MappingProxyType(kernels),
        tuple(Workload(**one) for one in data["workload"]),
        data["exit"]["microseconds"],
        MappingProxyType(dict(parts)),
        MappingProxyType(data["pyodide"]),
        MappingProxyType(data["exhibits"]),
        data["first_result"]["milliseconds"],
    )


def targets(found: Speed) -> tuple[Target, ...]:
    """Everything that was asked for, in the order of the tracker."""
    own, peer = found.kernels[OWN], found.kernels[PEER]
    vm = {one.name: one for one in found.workloads if one.technique == VM}
    return (
        *(Target(f"{kernel}_mips", 25, own[kernel], "mips") for kernel in ("alu", "mem")),
        *(
            Target(f"{kernel}_peer", 70, own[kernel] / peer[kernel], "times")
            for kernel in ("alu", "mem")
        ),
        *(
            Target(f"{name}_mips", 5, vm[name].mips, "mips")
            for name in ("syscall", "page_fault", "disk_read")
        ),
        Target("exit", 1.5, found.us_per_exit, "us", at_most=True),
        *(
            Target(f"pyodide_{kernel}", 8, float(found.pyodide[kernel]), "mips")
            for kernel in ("alu", "mem")
        ),
    )
