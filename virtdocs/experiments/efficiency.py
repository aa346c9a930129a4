"""How much of a guest runs without its monitor: Popek and Goldberg's third property."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import build

# Long enough that starting the guest is a small part of the run, short enough for a page.
WHOLE_RUN_OPS: Final = MappingProxyType(
    {
        "cpu": 2_000,
        "tlb_miss": 512,
        "syscall": 128,
        "context_switch": 32,
        "page_fault": 64,
        "pte_churn": 64,
        "fork": 8,
        "timer_tick": 16,
        "ipi": 32,
    }
)
# Counts are linear in N: for what one operation takes, the shortest two runs do.
PER_OP_OPS: Final = MappingProxyType(
    {
        "cpu": 64,
        "tlb_miss": 256,
        "syscall": 4,
        "context_switch": 4,
        "page_fault": 64,
        "pte_churn": 64,
        "fork": 8,
        "timer_tick": 2,
        "ipi": 4,
    }
)


@dataclass(frozen=True, slots=True)
class Retired:
    """Guest instructions of one run, and how many of them made the monitor act."""

    all: int
    disturbed: int


def retired(workload: str, name: str, ops: int, vendor: str = "intel") -> Retired:
    """Run a workload and count."""
    preset = technique(name, vendor)
    program = build(workload, preset.build, ops=ops, levels=preset.levels)
    # both cores count alike, by test; this one is quicker
    board = execute(preset, program, vendor, DEFAULT_STEPS, core="fast").machine.board
    return Retired(board.retired, board.disturbed)


def monitor_free_share(workload: str, name: str, ops: int, vendor: str = "intel") -> Fraction:
    """Instructions without trap, exit, hypercall or callout, over all of the run."""
    found = retired(workload, name, ops, vendor)
    return Fraction(found.all - found.disturbed, found.all)


def monitor_free_share_per_op(
    workload: str, name: str, ops: int, vendor: str = "intel"
) -> Fraction:
    """The same of one operation, without the guest's start: from runs of N and 2N operations."""
    once, twice = (retired(workload, name, n, vendor) for n in (ops, 2 * ops))
    more = twice.all - once.all
    return Fraction(more - (twice.disturbed - once.disturbed), more)
