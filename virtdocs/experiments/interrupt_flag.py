"""The interrupt flag of the virtual CPU when a run is over: open or closed for good."""

from __future__ import annotations

from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import BUILDS, build
from virtdocs.machine.registers import IF


def interrupt_flag(workload: str, name: str, vendor: str = "intel") -> bool | None:
    """IF as the guest would see it; None for a PV port, which keeps an event mask instead."""
    preset = technique(name, vendor)
    if BUILDS[preset.build].pv:
        return None
    program = build(workload, preset.build, levels=preset.levels)
    finished = execute(preset, program, vendor, DEFAULT_STEPS)
    return bool(finished.machine.engines[0].cpu.rflags & IF)
