"""A balloon that inflates and deflates, in steps: who has how many pages, and what it took.

Read from the events of one run: a frame that is reclaimed is the host's, one that is
populated is the guest's again. Each step is the first moment at which the next quarter
of the wish has been moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.trace import Event, EventKind

WORKLOAD: Final = "balloon"
STEPS: Final = 4  # of each way
ENTRIES: Final = (EventKind.VM_EXIT, EventKind.TRAP, EventKind.HYPERCALL, EventKind.CALLOUT)
# A message from the guest: a notification, an access to a register or port, a hypercall.
MESSAGES: Final = (EventKind.KICK, EventKind.DEVICE_ACCESS, EventKind.HYPERCALL)


@dataclass(frozen=True, slots=True)
class Moment:
    """``time`` in instructions since the first page moved; the other figures since then, too.

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


def timeline(technique: str, pages: int, io: str | None = None) -> Timeline:
    """Run it; the technique's own balloon unless one is named."""
    params: Mapping[str, str | int] = {"pages": pages, "ops": 2 * pages}
    result = run(WORKLOAD, technique, io=io, params=params, record=True)
    return Timeline(
        technique, result.device or "", pages, tuple(_moments(result.events, pages)), result
    )


def _moments(events: tuple[Event, ...], pages: int) -> Iterator[Moment]:
    """The state before the first request, then at each quarter there and back."""
    first = next(n for n, e in enumerate(events) if e.kind is EventKind.BALLOON)
    message = max(n for n, e in enumerate(events[:first]) if e.kind in MESSAGES)
    started = events[message].time
    # On its way the message has entered the hypervisor.
    begin = max((n for n, e in enumerate(events[: message + 1]) if e.kind in ENTRIES))
    marks = [pages * n // STEPS for n in (*range(1, STEPS + 1), *range(STEPS - 1, -1, -1))]
    given, seen = 0, Counter[EventKind]()

    def moment(time: int) -> Moment:
        return Moment(
            max(0, time - started), RAM_FRAMES - given, given,
            sum(seen[kind] for kind in ENTRIES), sum(seen[kind] for kind in MESSAGES),
        )  # fmt: skip

    yield moment(started)
    reached = 0
    for event in events[begin:]:
        seen[event.kind] += 1
        if event.kind is EventKind.BALLOON:
            given += 1 if event.key == "reclaim" else -1
            if reached < len(marks) and given == marks[reached]:
                reached += 1
                yield moment(event.time)
