"""One disk write from the application to the device and back, party by party.

The same program asks the same kernel for the same write; which driver the kernel has,
who answers it and who stands behind is the technique's. Recorded is the third request,
from the system call to its return. Nothing is added to the trace: an event becomes an
act of the party that really acts. Events of a modelled device are its model's, wherever
that runs; an exit is the hypervisor's to handle, though the CPU makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName, VirtdocsError
from virtdocs.experiments.devices import VHOST, XEN_INTERNAL, attach, device_for
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.single_step import Observed
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.trace import Event, EventKind, Party, Trace
from virtdocs.vmm.exit_loop import run

WORKLOAD: Final = "disk_write"
REQUESTS: Final = 3  # the third is recorded: by then nothing is done for the first time
BUDGET: Final = 200_000
# What of guest/images/disk.s is watched: from before the system call to after it.
FIRST, LAST = "next_batch", "check_next"


@dataclass(frozen=True, slots=True)
class Path:
    """A technique, with the parameters of its disk, and the disk if it is not its own ("")."""

    technique: str
    params: tuple[tuple[str, str], ...] = ()
    io: str = ""


PATHS: Final[Mapping[str, Path]] = MappingProxyType(
    {
        **{
            name: Path(name)
            for name in (
                "native", "xen_pv64", "xen_hvm", "xen_pvhvm", "xen_pvh", "kvm_emulated",
                "kvm_virtio",
            )
        },
        "kvm_vhost": Path("kvm_virtio", (("backend", "vhost"),)),
        **{name: Path(name) for name in ("workstation", "esxi")},
        "esxi_lsilogic": Path("esxi", (), "lsilogic"),
        **{name: Path(name) for name in ("hyperv", "passthrough")},
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """What a party does, ``times`` in a row."""

    party: Party
    what: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Handovers:
    """How often a party was given the request: until the device was done, and after."""

    there: int
    back: int

    @property
    def all(self) -> int:
        """Both ways."""
        return self.there + self.back


@dataclass(frozen=True, slots=True)
class IoRequest:
    """One request. ``acts`` in order, nothing folded."""

    path: str
    technique: str
    device: str
    acts: tuple[Act, ...]

    @property
    def handovers(self) -> dict[Party, Handovers]:
        """Per party on the path, in the order of lanes; the beginning is no handover."""
        done = next((n for n, act in enumerate(self.acts) if act.what in RETURNING), len(self.acts))
        counts = {act.party: [0, 0] for act in self.acts}
        for n, (before, act) in enumerate(zip(self.acts, self.acts[1:], strict=False), 1):
            # What begins the way back comes by itself: nobody hands it over.
            if before.party is not act.party and n != done:
                counts[act.party][n > done] += 1
        return {party: Handovers(*counts[party]) for party in Party if party in counts}

    @property
    def folded(self) -> tuple[Act, ...]:
        """What repeats in the same order, told once: each act with how often."""
        return fold(self.acts)


@dataclass(frozen=True, slots=True)
class Recording:
    """What one write left in the trace, and how to read it."""

    device: str
    events: tuple[Event, ...]
    reader: Reader


# The first act after the device is done.
RETURNING: Final = frozenset({"done", "data", "irq"})
# Part of the act before, or of the one after.
PLAIN: Final = frozenset(
    {
        EventKind.DISPATCH,
        EventKind.EMULATE,
        EventKind.USER_EXIT,  # the model's own acts tell that it was reached
        EventKind.WALK_REFS,
        EventKind.TLB_MISS,
        EventKind.NESTED_FILL,
        EventKind.EVENT_CHANNEL,  # the hypercall or the interrupt tells
    }
)
EXITS: Final = frozenset({"io", "mmio", "hlt", "msr_read", "msr_write", "hypercall"})
HYPERCALLS: Final = frozenset({"event_channel_op", "sched_op", "stack_switch", "iret"})
OF_THE_MODEL: Final[Mapping[EventKind, str]] = MappingProxyType(
    {
        EventKind.DEVICE_ACCESS: "register",
        EventKind.KICK: "kick",
        EventKind.DMA: "data",
        EventKind.DEVICE_IRQ: "irq",
    }
)
BEHIND: Final = frozenset({"request", "completion", "grant", "event", "notification"})


def one_request(path: str) -> IoRequest:
    """The write by a path of `PATHS`; UnknownName for any other."""
    if path not in PATHS:
        raise UnknownName("", "path", path, PATHS)
    return follow(path, PATHS[path])


def follow(path: str, chosen: Path) -> IoRequest:
    """The write by any technique whose CPU runs the kernel's own instructions."""
    found = record(technique(chosen.technique), dict(chosen.params), chosen.io or None)
    acts = tuple(found.reader.acts(found.events))
    if not acts:
        raise VirtdocsError(WORKLOAD, f"{path}: the request was never made")
    return IoRequest(path, chosen.technique, found.device, acts)


def record(preset: Technique, params: Mapping[str, int | str], io: str | None = None) -> Recording:
    """The third write under a preset, with the workload's parameters, to its disk or to ``io``."""
    workload = WORKLOADS[WORKLOAD]
    device = device_for(preset, workload.device, io)
    checked = workload.checked_params(params)
    program = build(WORKLOAD, preset.build, params, REQUESTS, preset.levels, device.drivers)
    options = workload.constants(checked)
    trace = Trace()
    machine = assemble(preset, program, "intel", trace)
    attach(machine, preset, device, options)
    labels = program.labels
    observed = Observed(machine.engines[0], trace, labels[FIRST], labels[LAST])
    run(machine.board, [observed], BUDGET)
    server = serving(preset, device.bus, vhost=options["backend"] == VHOST)
    reader = Reader(server, preset.hardware_assist, observed_posting(machine.engines[0]))
    return Recording(device.name, tuple(trace.events), reader)


def serving(preset: Technique, bus: str, *, vhost: bool) -> Party:
    """Who answers for the device that the guest's driver talks to."""
    if vhost:
        return Party.HOST_KERNEL
    if preset.io == XEN_INTERNAL:
        return Party.HYPERVISOR
    if bus != "pc":
        return {"xen": Party.DOM0, "vmbus": Party.ROOT_PARTITION}[bus]
    return Party.DEVICE if preset.io in ("native", "passthrough") else preset.device_model


def observed_posting(engine: object) -> bool:
    """Whether the device's interrupts reach the guest without the hypervisor."""
    return bool(getattr(engine, "posted_interrupts", False))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads events as acts. ``server`` answers for the device; under ``assisted`` hardware an
    interrupt is the hypervisor's to inject, unless it is ``posted``."""

    server: Party
    assisted: bool
    posted: bool

    def acts(self, events: Sequence[Event]) -> Iterator[Act]:
        """The acts in order, a party's equal ones in a row taken together.

        The application's instructions before its system call are left out.
        """
        held: Act | None = None
        asked = False
        for event in events:
            for act in self._act(event):
                asked = asked or act.what == "system_call"
                if not asked or (act.what == "enter" and held and held.party is act.party):
                    continue
                if held is None or (held.party, held.what) != (act.party, act.what):
                    if held is not None:
                        yield held
                    held = act
        if held is not None:
            yield held

    def _act(self, event: Event) -> Iterator[Act]:
        kind, key = event.kind, event.key
        if kind is EventKind.EXECUTE:
            yield self._instruction(event)
        elif kind is EventKind.VM_EXIT:
            yield Act(Party.HYPERVISOR, f"exit_{key}" if key in EXITS else "exit")
        elif kind is EventKind.TRAP:
            yield Act(Party.HYPERVISOR, "bounce" if key == "syscall_bounce" else "trap")
        elif kind in (EventKind.VM_ENTRY, EventKind.RESUME):
            yield Act(Party.HYPERVISOR, "enter")
        elif kind is EventKind.HYPERCALL:
            # Under VMX and SVM the exit has told it already.
            if not self.assisted:
                name = f"hypercall_{key}" if key in HYPERCALLS else "hypercall"
                yield Act(Party.HYPERVISOR, name)
        elif kind is EventKind.BACKEND:
            yield self._behind(event)
        elif kind in OF_THE_MODEL:
            yield Act(self.server, OF_THE_MODEL[kind])
        elif kind is EventKind.APIC:
            yield Act(Party.HYPERVISOR if self.assisted else Party.GUEST_KERNEL, "eoi")
        elif kind is EventKind.INJECT:
            yield Act(Party.HYPERVISOR, "inject")
        elif kind is EventKind.IRQ:
            if self.assisted and not self.posted:
                yield Act(Party.HYPERVISOR, "inject")
            yield Act(Party.GUEST_KERNEL, "interrupt")
        elif kind not in PLAIN:
            raise VirtdocsError(WORKLOAD, f"no act for an event of kind {kind} ({key})")

    @staticmethod
    def _instruction(event: Event) -> Act:
        if event.party is not Party.APPLICATION:
            return Act(Party.GUEST_KERNEL, "run")
        asks = event.key in ("syscall", "int")
        return Act(Party.APPLICATION, "system_call" if asks else "program")

    @staticmethod
    def _behind(event: Event) -> Act:
        if event.party is Party.DEVICE:
            return Act(Party.DEVICE, "work" if event.key == "request" else "done")
        return Act(event.party, event.key if event.key in BEHIND else "part")


def fold(acts: Sequence[Act], longest: int = 6) -> tuple[Act, ...]:
    """Repetitions of up to ``longest`` acts in a row told once, with the number of times."""
    found: list[Act] = []
    at = 0
    while at < len(acts):
        width, times = _repetition(acts, at, longest)
        found += [replace(act, times=times) for act in acts[at : at + width]]
        at += width * times
    return tuple(found)


def _repetition(acts: Sequence[Act], at: int, longest: int) -> tuple[int, int]:
    """The width that covers most from here, and how often it comes; (1, 1) for none."""
    best = (1, 1)
    for width in range(1, longest + 1):
        block = acts[at : at + width]
        times = 1
        while acts[at + width * times : at + width * (times + 1)] == block:
            times += 1
        if times > 1 and width * times > best[0] * best[1]:
            best = (width, times)
    return best
