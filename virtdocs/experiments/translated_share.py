"""Which part of what a guest runs is translated first, and which part of that is changed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from virtdocs.experiments.models.extra_cycles import LEAST_OPS
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.trace import EventKind, Party

BUDGET: Final = 1_000_000
CHANGED: Final = (f"{EventKind.INLINE}.", f"{EventKind.CALLOUT}.")
ONLY_TRANSLATES: Final = f"{EventKind.CALLOUT}.translate"


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the instructions of one operation: ``translated`` ones, and ``changed`` ones, which the
    translation does in another way than as they stand."""

    translated: Fraction
    changed: Fraction


@lru_cache(maxsize=32)
def translated_shares(workload: str, name: str) -> Shares:
    """Kernel code is what a translator takes (Adams and Agesen 2006, section 3); where no block
    was made, nothing is translated."""
    ops = _ops(workload)
    found = run(workload, name, params={"ops": ops})
    if not found.counts[str(EventKind.TRANSLATE)]:
        return Shares(Fraction(0), Fraction(0))
    changed = sum(
        Fraction(count)
        for event, count in found.work.events.items()
        if event.startswith(CHANGED) and event != ONLY_TRANSLATES
    )
    return Shares(kernel_share(workload, name), changed / Fraction(found.work.instructions))


def kernel_share(workload: str, name: str) -> Fraction:
    """The kernel's part of an operation's instructions, where the same image runs by itself."""
    preset = technique(name)
    bare = technique("native")
    counted = []
    for ops in (_ops(workload), 2 * _ops(workload)):
        program = build(workload, preset.build, ops=ops, levels=preset.levels)
        trace = execute(bare, program, "intel", BUDGET, record=True).machine.trace
        done = [event.party for event in trace.events if event.kind is EventKind.EXECUTE]
        counted.append((len(done), sum(party is not Party.APPLICATION for party in done)))
    (all_once, kernel_once), (all_twice, kernel_twice) = counted
    return Fraction(kernel_twice - kernel_once, all_twice - all_once)


def _ops(workload: str) -> int:
    step = WORKLOADS[workload].ops_step
    return step * -(-LEAST_OPS // step)
