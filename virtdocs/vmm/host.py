"""The host below the monitors: its physical memory and one guest's share of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.memory import MONITOR, GuestMemory, PhysicalMemory
from virtdocs.machine.paging import Access
from virtdocs.machine.tlb import LARGE_PAGES
from virtdocs.trace import Trace

HOST_FRAMES: Final = 3 * RAM_FRAMES
GUEST: Final = "guest"
NEIGHBOUR: Final = "neighbour"
NEIGHBOUR_FRAMES: Final = 16
SECRET: Final = 0x5EC2E7


class OracleViolation(Exception):
    """A guest program reached something that is not its own: the monitor is broken."""


class ForeignFrame(OracleViolation):
    """A guest program touched a frame that is not its own."""

    def __init__(self, frame: int, owner: str, access: Access) -> None:
        self.frame = frame
        self.owner = owner
        super().__init__(f"guest {access.name.lower()} of frame {frame:#x}, owned by {owner}")


class ForeignResource(OracleViolation):
    """A guest program used a port or an MSR of the host's without an exit."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.number = number
        super().__init__(f"guest access of {kind} {number:#x}, owned by the host")


@dataclass(slots=True)
class Host:
    """Physical memory with a guest, a second guest beside it, and the monitor's frames."""

    memory: PhysicalMemory
    guest_memory: GuestMemory
    # Ports and MSRs that the guest may use itself: (kind, number). All others are the host's.
    passed: set[tuple[str, int]] = field(default_factory=set)
    # Frames of the guest's that the hypervisor itself writes to: no balloon may have them.
    kept: set[int] = field(default_factory=set)

    def pass_through(self, kind: str, number: int) -> None:
        """Give a ``port`` or an ``msr`` to the guest."""
        self.passed.add((kind, number))

    def resource_oracle(self, kind: str, number: int) -> None:
        """Called for each port and MSR that a guest's instruction uses without an exit."""
        if (kind, number) not in self.passed:
            raise ForeignResource(kind, number)

    def oracle(self, frame: int, access: Access) -> None:
        """The check below every monitor: called for each page a guest's instruction touches."""
        owner = self.memory.owners.get(frame)
        if owner != GUEST:
            raise ForeignFrame(frame, owner or "nobody", access)

    def monitor_frame(self) -> int:
        """A fresh frame for the monitor's own state."""
        return self.memory.allocate(MONITOR)


def new_host(frames: int = RAM_FRAMES, in_a_row: bool = False) -> Host:
    """A host with one guest of ``frames`` frames whose numbers differ from the host's.

    With ``in_a_row`` they begin at a whole 2 MiB, as a host's huge pages do.
    """
    memory = PhysicalMemory(HOST_FRAMES)
    for _ in range(NEIGHBOUR_FRAMES):
        page = memory.page(memory.allocate(NEIGHBOUR))
        if page is not None:
            page[:] = [SECRET] * len(page)
    if in_a_row:
        memory.align(LARGE_PAGES)
    frame_of: list[int | None] = [memory.allocate(GUEST) for _ in range(frames)]
    if in_a_row:
        memory.align(1)
    return Host(memory, GuestMemory(memory, frame_of, GUEST))


def guest_board(host: Host, levels: int, trace: Trace, vendor: str) -> Board:
    """The board that the guest sees, on its share of the host's memory."""
    return Board(host.guest_memory, levels, trace, vendor)
