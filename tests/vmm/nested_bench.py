"""A few lines of guest code two levels up, and what the trace says of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.vmm.bench import END
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machine_options import MachineOptions
from virtdocs.experiments.machines import assemble as put_together
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import BUILDS
from virtdocs.trace import Event, EventKind, Party, Trace
from virtdocs.vmm.nested.engine import NestedEngine

OLD = MachineOptions(depth=2, era="kvm-2012")
NEW = MachineOptions(depth=2, era="kvm-2020")
UNSHADOWED = replace(NEW, vmcs_shadowing=False)


def ready(
    text: str,
    options: MachineOptions,
    *,
    name: str = "kvm_emulated",
    record: bool = False,
    in_kernel: bool = False,
) -> tuple[Assembled, NestedEngine, Mapping[str, int]]:
    """A machine with the program loaded; ``in_kernel``: the hypervisor answers ports itself."""
    preset = technique(name)
    if in_kernel:
        preset = replace(preset, device_model=Party.HYPERVISOR)
    constants = {**BUILDS[preset.build].constants, "LEVELS": preset.levels}
    program = assemble(text + END, constants=constants)
    machine = put_together(preset, program, "intel", Trace(recording=record), options)
    [engine] = machine.engines
    assert isinstance(engine, NestedEngine)
    return machine, engine, program.labels


def steps_of(
    text: str, options: MachineOptions, *, in_kernel: bool = False, before: str = ""
) -> tuple[Event, ...]:
    """The events of one instruction, which has run before: its pages are there."""
    loop = f"{before}\nmov r15, 2\nagain:\nthis:\n{text}\nthat:\ndec r15\njne again\n"
    machine, engine, labels = ready(loop, options, in_kernel=in_kernel)
    passed = 0
    for _ in range(10_000):
        engine.boundary()
        if engine.position == labels["that"]:
            passed += 1
            if passed == 2:
                return tuple(machine.trace.events)
        machine.trace.recording = passed == 1 and engine.position >= labels["this"]
        engine.run_one()
    raise AssertionError("the instruction has not been passed twice")


def said(events: tuple[Event, ...]) -> list[str]:
    """What happened between levels, one line each: kind, key, level, field."""
    lines = []
    for event in events:
        detail = dict(event.detail)
        if event.kind is EventKind.EMULATE:
            lines.append(f"emulate {event.key}")
        elif "level" in detail and event.kind is not EventKind.NESTED_FILL:
            words = (str(event.kind), event.key, str(detail["level"]), str(detail.get("what", "")))
            lines.append(" ".join(word for word in words if word))
    return lines
