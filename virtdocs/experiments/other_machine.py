"""Software for another machine: does a technique run what the processor below does not know?

The program is two instructions of a 64-bit Arm: nothing, and a branch to itself. A virtual
machine hands guest code to its own processor, so it can't know more instructions than that;
only an emulator of the other machine does, and none is modelled here.
"""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.program import Program

# nop; b . (Arm Architecture Reference Manual for A-profile, C6.2): little-endian words.
NOP: Final = 0xD503201F
BRANCH_TO_ITSELF: Final = 0x14000000
START: Final = 0x10_0000
NO_LABELS: Final = MappingProxyType({"start": START})
STEPS: Final = 64
RUNS_ON: Final = "budget"  # a program without an end, stopped by the number of steps


def runs_other_machine(name: str) -> bool:
    """Whether the branch is still being taken when the steps are used up."""
    preset = technique(name)
    code = struct.pack("<4I", NOP, BRANCH_TO_ITSELF, NOP, BRANCH_TO_ITSELF)
    program = Program("arm", ((START, code),), START, NO_LABELS, None, MappingProxyType({}))
    return str(execute(preset, program, "intel", STEPS).outcome.kind) == RUNS_ON
