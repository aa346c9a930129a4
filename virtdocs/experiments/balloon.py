"""A balloon that inflates and deflates, in steps: who has how many pages, and what it took.

Read from the events of one run: a frame that is reclaimed is the host's, one that is
populated is the guest's again. A step is a batch that the guest's driver has moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.devices import device_for
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import build
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.trace import Event, EventKind, ExitReason

WORKLOAD: Final = "balloon"
ENTRIES: Final = (EventKind.VM_EXIT, EventKind.TRAP, EventKind.HYPERCALL, EventKind.CALLOUT)
# A message from the guest: a notification, an access to a register or port, a hypercall.
MESSAGES: Final = (EventKind.KICK, EventKind.DEVICE_ACCESS, EventKind.HYPERCALL)


@dataclass(frozen=True, slots=True)
class Moment:
    """``time`` in instructions since the driver was first asked; the other figures since then, too.

    ``guest`` and ``host``: pages that the guest has, and that it gave to the host.
    """

    time: int
    guest: int
    host: int
    entries: int
    messages: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """One inflation and one deflation by ``pages``."""

    technique: str
    device: str
    pages: int
    moments: tuple[Moment, ...]
    result: ResultSet

    @property
    def by_call(self) -> bool:
        """Whether frames come back in a call of the guest's, and not when they are touched."""
        return self.device.startswith("xen")

    @property
    def full(self) -> Moment:
        """The moment at which the balloon has its size."""
        return max(self.moments, key=lambda one: one.host)


def timeline(technique_name: str, pages: int, io: str | None = None) -> Timeline:
    """Run it; the technique's own balloon unless one is named.

    The technique is one that runs the kernel where it lies: binary translation does not.
    """
    preset = technique(technique_name)
    device = device_for(preset, WORKLOAD, io)
    params: Mapping[str, str | int] = {"pages": pages}
    ops = 2 * pages
    program = build(WORKLOAD, preset.build, params, ops, preset.levels, device.drivers)
    result = run(WORKLOAD, technique_name, io=io, params={**params, "ops": ops}, record=True)
    moments = tuple(_moments(result.events, program.labels))
    return Timeline(technique_name, device.name, pages, moments, result)


def _moments(events: tuple[Event, ...], labels: Mapping[str, int]) -> Iterator[Moment]:
    """The state when the driver is first asked, then whenever it reports its size."""
    started: int | None = None
    given, seen = 0, Counter[EventKind]()
    for event in events:
        place = event.rip if event.kind is EventKind.EXECUTE else None
        if started is None and place == labels["driver_call"]:
            started = event.time
            seen.clear()
            place = labels["driver_report"]
        # Under VMX and SVM the exit of a hypercall is the entry: the call is the message.
        if event.kind is not EventKind.VM_EXIT or event.key != ExitReason.HYPERCALL:
            seen[event.kind] += 1
        if event.kind is EventKind.BALLOON:
            given += 1 if event.key == "reclaim" else -1
        if started is not None and place == labels["driver_report"]:
            yield Moment(
                event.time - started, RAM_FRAMES - given, given,
                sum(seen[kind] for kind in ENTRIES), sum(seen[kind] for kind in MESSAGES),
            )  # fmt: skip
