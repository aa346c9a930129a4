"""What enlightenments save: one kernel, plain and enlightened, under the same hypervisor.

The enlightened kernel asks by cpuid who runs it, so its state is no longer native's; its
results are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.results import Counts, Number, per_op
from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.guest.workloads import WORKLOADS, build

PLAIN: Final = "native"
ENLIGHTENED: Final = "enlightened"
# Where interrupts and time are what a guest does.
WORKLOAD_NAMES: Final = ("timer_tick", "ipi", "read_time")
# Every preset that runs a kernel made for bare hardware on VMX or SVM.
TECHNIQUE_NAMES: Final = tuple(
    name for name, one in TECHNIQUES.items() if one.hardware_assist and one.build == PLAIN
)


@dataclass(frozen=True, slots=True)
class Saving:
    """Counts per op of the plain and the enlightened kernel, and their equal results."""

    technique: str
    workload: str
    plain: Counts
    enlightened: Counts
    result_hashes: tuple[str, str]

    def difference(self, kind: str) -> Mapping[str, Number]:
        """How many events of ``kind`` an op is spared, by key; negative: more of them."""
        before, after = _named(self.plain, kind), _named(self.enlightened, kind)
        keys = sorted({*before, *after})
        changes = {key: before.get(key, 0) - after.get(key, 0) for key in keys}
        return MappingProxyType({key: n for key, n in changes.items() if n})


def saving(name: str, workload: str, vendor: str = "intel", ops: int | None = None) -> Saving:
    """Run both kernels; UnknownName for the technique, RuntimeError when one does not halt."""
    found = WORKLOADS[workload]
    n = found.ops if ops is None else ops
    (plain, plain_hash), (enlightened, hash_) = (
        _run(name, workload, port, vendor, n) for port in (PLAIN, ENLIGHTENED)
    )
    return Saving(name, workload, plain, enlightened, (plain_hash, hash_))


def _run(name: str, workload: str, port: str, vendor: str, ops: int) -> tuple[Counts, str]:
    preset = replace(technique(name, vendor), build=port)
    tallies, result = [], ""
    for count in (ops, 2 * ops):
        program = build(workload, port, ops=count, levels=preset.levels)
        finished = execute(preset, program, vendor, DEFAULT_STEPS)
        if finished.outcome.detail != "exit code 0":
            raise RuntimeError(f"{workload}.{port} under {name}: {finished.outcome.detail}")
        tallies.append(finished.machine.trace.counts)
        result = result or finished.machine.board.result_hash(program.result)
    return per_op(tallies[0], tallies[1], ops), result


def _named(counts: Counts, kind: str) -> Mapping[str, Number]:
    found = counts[kind]
    return {kind: found} if isinstance(found, int) or not isinstance(found, Mapping) else found
