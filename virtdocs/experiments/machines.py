"""Put a machine together: the builder is chosen by the technique's CPU axis."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.builders import (
    bare,
    deprivileged,
    emulation,
    hardware_assist,
    nested,
    paravirtual,
)
from virtdocs.experiments.builders.assembled import Assembled, Builder, Order
from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.techniques import Technique
from virtdocs.guest.program import Program
from virtdocs.trace import Trace
from virtdocs.vmm.acceleration import hardware_mmu
from virtdocs.vmm.binary_translation import BinaryTranslationEngine
from virtdocs.vmm.trap_emulate import TrapEmulateEngine

BUILDERS: Final[Mapping[str, Builder]] = MappingProxyType(
    {
        "native": bare.build,
        "trap_emulate": deprivileged.builder(TrapEmulateEngine),
        "binary_translation": deprivileged.builder(BinaryTranslationEngine),
        "vmx": hardware_assist.build,
        "svm": hardware_assist.build,
        "hypercall": paravirtual.build,
        "emulation": emulation.build,
    }
)


def assemble(
    technique: Technique,
    program: Program,
    vendor: str,
    trace: Trace,
    options: MachineOptions = USUAL,
) -> Assembled:
    """The machine of a technique with the program loaded."""
    build = nested.build if options.depth > 1 else BUILDERS[technique.cpu]
    machine = build(Order(technique, program, vendor, trace, options))
    if options.host_time:
        machine.board.agenda.stolen = lambda: trace.interventions
    if options.walk_cache:
        for engine in machine.engines:
            hardware_mmu(engine).use_walk_cache(options.walk_cache)
    return machine
