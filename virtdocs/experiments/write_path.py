"""Who a disk write passes under a preset: the claim that only one type of hypervisor has an
operating system on the way, as a run.

The write is that of io_request.py. A party is on the way when the trace has it act: an
instruction of its own, an access that its device model answers, a request handed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.io_request import OF_THE_MODEL, record
from virtdocs.experiments.techniques import Technique
from virtdocs.trace import Event, EventKind, Party

# An entry into the monitor, or its work without one.
OF_THE_MONITOR: Final = frozenset(
    {EventKind.VM_EXIT, EventKind.TRAP, EventKind.HYPERCALL, EventKind.INJECT}
)
GUEST: Final = (Party.APPLICATION, Party.GUEST_KERNEL)
# The parties that are, or are part of, an operating system beside the guest's.
SYSTEMS: Final = (Party.DOM0, Party.ROOT_PARTITION, Party.HOST_KERNEL)


@dataclass(frozen=True, slots=True)
class WritePath:
    """``between``: who acts between the guest and the device, in the order of `Party`."""

    device: str
    between: tuple[Party, ...]

    @property
    def systems(self) -> tuple[Party, ...]:
        """The operating systems on the way that are not the guest's."""
        return tuple(party for party in self.between if party in SYSTEMS)


def write_path(preset: Technique) -> WritePath:
    """Run the write under a preset."""
    found = record(preset, {})
    acting = set(_parties(found.events, found.reader.server))
    between = (party for party in Party if party in acting - {*GUEST, Party.DEVICE})
    return WritePath(found.device, tuple(between))


def _parties(events: Iterable[Event], server: Party) -> Iterator[Party]:
    for event in events:
        if event.kind in OF_THE_MODEL:
            yield server
        elif event.kind in OF_THE_MONITOR:
            yield Party.HYPERVISOR
        elif event.kind in (EventKind.EXECUTE, EventKind.BACKEND):
            yield event.party
