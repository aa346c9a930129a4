"""Where the time of a VM exit goes: a profile of the workload cpuid, by part of the engine.

The profiler makes small functions look slower than they are; shares say where to look,
not how long anything takes.
"""

from __future__ import annotations

import cProfile
from collections import Counter
from types import CodeType

from virtdocs.experiments.bench import VM
from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import build

ROUNDS = 6_000
BUDGET = 1_000_000
# Part -> what its files' paths hold; the first that fits has it.
PARTS = (
    ("trace", ("machine/translate/", "<trace ")),
    ("counting", ("virtdocs/trace.py", "machine/board.py", "machine/agenda.py")),
    ("memory", ("mmu.py", "quick_walk.py", "tlb.py", "paging.py", "machine/memory.py")),
    ("monitor", ("virtdocs/vmm/",)),
    ("processor", ("virtdocs/machine/",)),
)
REST = "rest"


def shares() -> dict[str, float]:
    """Part -> its share of the time, from 0 to 1."""
    preset = technique(VM)
    program = build("cpuid", preset.build, ops=ROUNDS, levels=preset.levels)
    execute(preset, program, "intel", BUDGET)  # translates what the next run only uses
    profile = cProfile.Profile()
    profile.runcall(execute, preset, program, "intel", BUDGET)
    spent: Counter[str] = Counter()
    for entry in profile.getstats():
        # What is written in C has a name in place of its code.
        file = entry.code.co_filename if isinstance(entry.code, CodeType) else ""
        spent[_part(file)] += entry.inlinetime
    total = sum(spent.values())
    return {part: spent[part] / total for part, _ in (*PARTS, (REST, ()))}


def _part(file: str) -> str:
    return next((part for part, held in PARTS if any(one in file for one in held)), REST)
