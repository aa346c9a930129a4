"""What one exit of a guest becomes when its hypervisor is a guest itself.

A guest's exits are counted one by one: the third time that it does the same, from the exit to
the entry that takes it on. The hypervisor is KVM, at every depth. A notification is the one of a
network card, in the middle of a run of packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName
from virtdocs.experiments.cost_model import Priced, cost_model
from virtdocs.experiments.devices import attach, device_for
from virtdocs.experiments.eras import DEFAULT_ERA, era
from virtdocs.experiments.machine_options import MachineOptions
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.results import Work
from virtdocs.experiments.single_step import Observed
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.assembler import assemble as assemble_text
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, WORKLOADS, build, source
from virtdocs.trace import Event, EventKind, Party, Trace
from virtdocs.vmm.exit_loop import run

IMAGE: Final = "exits.s"
PRESET: Final = "kvm_emulated"
PORT_KERNEL: Final = "port_kernel"  # a port that the hypervisor answers itself
NOTIFICATION: Final = "notification"
INSTRUCTIONS: Final = (
    "cpuid", "hypercall", PORT_KERNEL, "port_user", "msr_read", "msr_write", "cr_access",
    "nested_fault",
)  # fmt: skip
EXITS: Final = (*INSTRUCTIONS, NOTIFICATION)
KINDS: Final = (EventKind.VM_EXIT, EventKind.USER_EXIT)  # of what takes place on the way
GUEST_HYPERVISOR: Final = "l1."
BUDGET: Final = 100_000
PACKETS: Final = 4


@dataclass(frozen=True, slots=True)
class NestedExit:
    """One exit's way: ``counts`` by ``kind.key``, and the events in their order."""

    name: str
    depth: int
    counts: Mapping[str, int]
    events: tuple[Event, ...]

    @property
    def of_the_guest(self) -> int:
        """Exits of the guest itself."""
        return self._exits() - self.of_its_hypervisor

    @property
    def of_its_hypervisor(self) -> int:
        """Exits of the hypervisor that is a guest."""
        return sum(n for event, n in self.counts.items() if self._level_one(event))

    def by_reason(self, reason: str) -> int:
        """How often the hypervisor in the guest left for this reason."""
        return self.counts.get(f"{EventKind.VM_EXIT}.{GUEST_HYPERVISOR}{reason}", 0)

    def _exits(self) -> int:
        return sum(n for event, n in self.counts.items() if event.startswith(EventKind.VM_EXIT))

    @staticmethod
    def _level_one(event: str) -> bool:
        return event.startswith(f"{EventKind.VM_EXIT}.{GUEST_HYPERVISOR}")


def nested_exit(
    name: str, depth: int = 2, era_name: str = DEFAULT_ERA, shadowing: bool = True
) -> NestedExit:
    """What one exit becomes; UnknownName for an exit or era that does not exist."""
    if name not in EXITS:
        raise UnknownName("", "exit", name, EXITS)
    return _counted(name, depth, era(era_name).name, shadowing)


def priced_exit(name: str, era_name: str) -> Priced:
    """Cycles of one exit with two hypervisors below the guest, in the era's prices."""
    events = {
        event: Fraction(n) for event, n in nested_exit(name, era_name=era_name).counts.items()
    }
    preset = technique(PRESET, era_name=era_name)
    return cost_model(era_name).price(Work(0, events), preset, instructions=False)


@lru_cache(maxsize=128)
def _counted(name: str, depth: int, era_name: str, shadowing: bool) -> NestedExit:
    options = MachineOptions(depth=depth, era=era_name, vmcs_shadowing=shadowing)
    events = _notified(options) if name == NOTIFICATION else _passed(name, options)
    counts = Counter(f"{event.kind}.{event.key}" for event in events if event.kind in KINDS)
    return NestedExit(name, depth, MappingProxyType(dict(counts)), events)


def _passed(name: str, options: MachineOptions) -> tuple[Event, ...]:
    preset = technique(PRESET, era_name=options.era)
    if name == PORT_KERNEL:
        preset = replace(preset, device_model=Party.HYPERVISOR)
    program = _program(preset.levels)
    trace = Trace()
    machine = assemble(preset, program, "intel", trace, options)
    start, end = program.labels[name], program.labels[f"{name}_end"]
    run(machine.board, [Observed(machine.engines[0], trace, start, end)], BUDGET)
    return tuple(trace.events)


@lru_cache(maxsize=4)
def _program(levels: int) -> Program:
    constants = {**BUILDS["native"].constants, "LEVELS": levels}
    return assemble_text(source(IMAGE), IMAGE, constants=constants)


def _notified(options: MachineOptions) -> tuple[Event, ...]:
    """From the last but one notification of a run to the guest's next instruction."""
    preset = technique("kvm_virtio", era_name=options.era)
    trace = Trace(recording=True)
    machine = assemble(preset, _sender(preset), "intel", trace, options)
    found = WORKLOADS["net_tx"]
    device = device_for(preset, found.device, None)
    attach(machine, preset, device, found.constants(found.checked_params({})))
    run(machine.board, machine.engines, BUDGET)
    return _way(trace.events)


def _way(events: Sequence[Event]) -> tuple[Event, ...]:
    kicks = [at for at, event in enumerate(events) if event.kind is EventKind.KICK]
    at = kicks[-2]
    begins = max(n for n in range(at) if _is_guest_s(events[n]))
    ends = next(n for n in range(at, len(events)) if events[n].kind is EventKind.EXECUTE)
    return tuple(events[begins:ends])


def _is_guest_s(event: Event) -> bool:
    """A VM exit of the guest's own."""
    return event.kind is EventKind.VM_EXIT and not event.key.startswith(GUEST_HYPERVISOR)


def _sender(preset: Technique) -> Program:
    drivers = device_for(preset, WORKLOADS["net_tx"].device, None).drivers
    return build("net_tx", preset.build, {}, PACKETS, preset.levels, drivers)
