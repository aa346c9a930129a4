"""At which privilege level a guest really runs, and which one it reads.

A guest kernel and its application read CS (``images/rings.s``) while the level of the
CPU that executes them is watched. What they read and what is so need not agree: the
difference is ring aliasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.workloads import build
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import read_physical
from virtdocs.trace import Trace
from virtdocs.vmm.exit_loop import Engine, run
from virtdocs.vmm.wrapped import WrappedEngine

STEPS: Final = 1_000_000
RPL: Final = 3  # the low bits of a selector
HARDWARE_ASSIST: Final = ("vmx", "svm")


@dataclass(frozen=True, slots=True)
class RingLevels:
    """What a run showed; ``monitor_cpl`` is None on bare hardware.

    ``host_mode``: the hypervisor has a CPU mode of its own (VMX root, SVM host).
    """

    technique: str
    kernel_cpl: int
    read_cpl: int
    app_cpl: int
    app_read_cpl: int
    monitor_cpl: int | None
    host_mode: bool


class Watched(WrappedEngine):
    """An engine that notes the level of the real CPU before each instruction."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.levels: set[int] = set()

    def run_one(self, ins: Instruction | None = None) -> None:
        """Note the level, then run one instruction."""
        self.levels.add(real_cpu(self.engine).cpl)
        self.engine.run_one(ins)


def real_cpu(engine: Engine) -> Cpu:
    """The CPU that executes guest code: under ring deprivileging not the one the guest sees."""
    hardware = getattr(engine, "hardware", None)
    return hardware if isinstance(hardware, Cpu) else engine.cpu


def ring_levels(name: str, vendor: str = "intel") -> RingLevels:
    """Run the guest that reads its own level; raises UnknownName for the technique."""
    preset = technique(name, vendor)
    program = build("rings", preset.build, levels=preset.levels)
    machine = assemble(preset, program, vendor, Trace())
    watched = [Watched(engine) for engine in machine.engines]
    outcome = run(machine.board, watched, STEPS)
    if outcome.kind != "halted" or program.result is None:
        raise RuntimeError(f"rings under {name}: {outcome.kind} {outcome.detail}")
    raw = read_physical(machine.board.memory, *program.result) or b""
    read, app_read = (int.from_bytes(raw[at : at + 8], "little") & RPL for at in (0, 8))
    levels = set().union(*(one.levels for one in watched))
    return RingLevels(
        technique=name,
        kernel_cpl=min(levels),  # a kernel is never less privileged than its application
        read_cpl=read,
        app_cpl=max(levels),
        app_read_cpl=app_read,
        monitor_cpl=monitor_level(preset),
        host_mode=preset.cpu in HARDWARE_ASSIST,
    )


def monitor_level(preset: Technique) -> int | None:
    """The monitor's ring: 0 wherever there is one, of its own mode or above the guest's."""
    return None if preset.cpu == "native" else 0
