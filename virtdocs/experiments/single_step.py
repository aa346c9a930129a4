"""What happens to one privileged instruction: the events from its first attempt to its end.

The instruction stands in a small kernel (guest/images/single.s) that does it three
times; the third is recorded. A PV kernel has no such instruction any more: recorded
is what its port does instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble_files
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, KERNEL, source
from virtdocs.machine.isa import Instruction
from virtdocs.trace import Event, Trace
from virtdocs.vmm.exit_loop import Engine, run
from virtdocs.vmm.wrapped import WrappedEngine

INSTRUCTIONS: Final = (
    "cli", "pushf", "popf", "out", "wrmsr", "mov_cr3", "invlpg", "pte_write", "cpuid", "sgdt",
)  # fmt: skip
IMAGE: Final = "single.s"
SHOWN_TIME: Final = 3
BUDGET: Final = 100_000
NO_TICK: Final = 1 << 30  # no timer interrupt comes in between


@dataclass(frozen=True, slots=True)
class SingleStep:
    """The events of one instruction, in order; ``text`` is what the kernel's image has there."""

    technique: str
    instruction: str
    text: str
    events: tuple[Event, ...]


class Observed(WrappedEngine):
    """An engine that records between two addresses, the third time that it passes."""

    def __init__(self, engine: Engine, trace: Trace, start: int, end: int) -> None:
        super().__init__(engine)
        self.trace = trace
        self.start = start
        self.end = end
        self.times = 0

    def run_one(self, ins: Instruction | None = None) -> None:
        """Start recording at the first address, stop at the second."""
        position = self.engine.position
        if position == self.end:
            self.trace.recording = False
        elif position == self.start and not self.trace.recording:
            self.times += 1
            self.trace.recording = self.times == SHOWN_TIME
        self.engine.run_one(ins)


def one_instruction(technique_name: str, instruction: str) -> SingleStep:
    """The events of ``instruction`` under a technique; UnknownName for either."""
    if instruction not in INSTRUCTIONS:
        raise UnknownName("", "instruction", instruction, INSTRUCTIONS)
    preset = technique(technique_name)
    program = _program(preset.build, preset.levels)
    trace = Trace()
    machine = assemble(preset, program, "intel", trace)
    start, end = program.labels[instruction], program.labels[f"{instruction}_end"]
    observed = Observed(machine.engines[0], trace, start, end)
    run(machine.board, [observed], BUDGET)
    text = " ".join(program.lines[start].text.split(";")[0].split())
    return SingleStep(technique_name, instruction, text, tuple(trace.events))


@lru_cache(maxsize=8)
def _program(build: str, levels: int) -> Program:
    constants: Mapping[str, int] = MappingProxyType(
        {**BUILDS[build].constants, "LEVELS": levels, "TICK": NO_TICK, "OPS": 1}
    )
    files = [(name, source(name)) for name in (*KERNEL, IMAGE)]
    return assemble_files(files, f"single.{build}", constants=constants)
