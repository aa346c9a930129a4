"""What a guest can read of the machine below it: the words of ``images/red_pill.s``.

The same probes run in the guest's kernel and in a program. Nothing here judges: a word
that differs from bare hardware's is what a guest may notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.machine_options import MachineOptions
from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import BUILDS, build
from virtdocs.machine.memory import read_physical

WORKLOAD: Final = "red_pill"
# In the order of the words in the image.
PROBES: Final = (
    "mov_cs", "push_cs", "mov_ss", "sgdt", "sidt", "smsw", "str", "sldt",
    "cpuid_bit", "cpuid_name", "cpuid_time", "if_after_cli", "if_after_sti",
)  # fmt: skip
# Only a kernel that owns the interrupt flag asks for it; a PV port keeps a mask in memory.
KERNEL_ONLY: Final = ("if_after_cli", "if_after_sti")
HALF: Final = 16  # words from the kernel's answers to the program's


@dataclass(frozen=True, slots=True)
class Answers:
    """What the probes read under one technique; a probe that was not made is left out."""

    technique: str
    kernel: Mapping[str, int]
    program: Mapping[str, int]


def answers(name: str, vendor: str = "intel") -> Answers:
    """Run the probes, with a clock that shows the time a monitor takes.

    RuntimeError when the guest does not come to its end.
    """
    preset = technique(name, vendor)
    program = build(WORKLOAD, preset.build, levels=preset.levels)
    options = MachineOptions(host_time=True)
    finished = execute(preset, program, vendor, DEFAULT_STEPS, machine_options=options)
    if finished.outcome.kind != "halted" or program.result is None:
        raise RuntimeError(f"{WORKLOAD} under {name}: {finished.outcome.kind}")
    raw = read_physical(finished.machine.board.memory, *program.result) or b""
    words = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)]
    flags = () if BUILDS[preset.build].pv else KERNEL_ONLY
    kernel = dict(zip(PROBES, words, strict=False))
    return Answers(
        name,
        MappingProxyType({p: w for p, w in kernel.items() if p not in KERNEL_ONLY or p in flags}),
        MappingProxyType(
            {
                probe: word
                for probe, word in zip(PROBES, words[HALF:], strict=False)
                if probe not in KERNEL_ONLY
            }
        ),
    )
