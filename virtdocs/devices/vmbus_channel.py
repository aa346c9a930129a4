"""A VMBus channel as the root partition serves it: two rings, and who is told of what.

The guest's signal wakes the provider, which masks signals, reads the ring to its end,
and lets signals come again: whatever the guest writes meanwhile is found without one.
The other way the guest is told by an event flag, by the same rule. (Linux,
Documentation/virt/hyperv/vmbus.rst, "VMBus interrupts"; drivers/hv/ring_buffer.c.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from virtdocs.devices.vmbus_ring import (
    COMPLETION,
    INTERRUPT_MASK,
    WANTS_COMPLETION,
    ChannelError,
    Inward,
    Lent,
    Outward,
    Packet,
    packed,
)
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError
from virtdocs.trace import EventKind, Party

# From a signal to the first look into the ring: the root partition has to be scheduled first. In
# guest instructions; ours, not measured. What a guest queues meanwhile needs no signal.
WAKES_AFTER: Final = 2_000


@dataclass(frozen=True, slots=True)
class ChildPartition:
    """What the root partition has of its guest: the board, messages to it and event flags."""

    board: Board
    post: Callable[[bytes], None]
    waiting: Callable[[], int]  # messages that the guest has not taken yet
    flag: Callable[[str], None]  # for the device of this name


class Channel(ABC):
    """One device's only channel."""

    name: str
    interface: bytes  # the identifier by which a driver knows the device, 16 bytes

    def __init__(self, partition: ChildPartition) -> None:
        self.partition = partition
        self.board = partition.board
        self.lent: dict[int, Lent] = {}  # by handle (GPADL)
        self.inward: Inward | None = None
        self.outward: Outward | None = None
        self.backlog: list[bytes] = []  # packets for which the guest's ring had no room
        self.broken = False
        self.rescind: Callable[[], None] = lambda: None
        self._waking = False

    def open(self, inward: Lent, outward: Lent) -> None:
        """The guest's rings; ChannelError where they are none, and for a channel that is open or
        was taken back."""
        if self.broken or self.inward is not None:
            raise ChannelError("this channel was taken back, or is open")
        self.inward, self.outward = Inward(inward), Outward(outward)

    def signal(self) -> None:
        """The guest says that there is something, or room: have the provider look."""
        now = self.board.agenda.now
        self.board.trace.record(EventKind.BACKEND, "event", Party.ROOT_PARTITION, time=now)
        self._wake()

    def _wake(self) -> None:
        if not self._waking:
            self._waking = True
            self.board.agenda.schedule(self.board.agenda.now + WAKES_AFTER, self._look)

    def _look(self) -> None:
        self._waking = False
        try:
            self._send_on()
            self._read()
        except (ChannelError, DmaError):
            self.break_off()

    def _read(self) -> None:
        """Read the ring to its end, unless answers wait for room already."""
        while (ring := self.inward) is not None and ring.used and not self.backlog:
            ring.set_field(INTERRUPT_MASK, 1)
            while not self.backlog and (packet := ring.take()) is not None:
                self.received(packet)
                if self.inward is not ring:
                    return  # an answer found the other ring broken
            room = ring.show()
            ring.set_field(INTERRUPT_MASK, 0)
            if room:
                self.partition.flag(self.name)

    def complete(self, packet: Packet, content: bytes) -> None:
        """Answer a packet, if it asked for it."""
        if packet.flags & WANTS_COMPLETION:
            self.send(packed(COMPLETION, packet.transaction, content))

    def send(self, packet: bytes) -> None:
        """Put a packet into the guest's ring, now or when there is room."""
        if self.outward is None:
            return
        self.backlog.append(packet)
        try:
            self._send_on()
        except (ChannelError, DmaError):
            self.break_off()

    def _send_on(self) -> None:
        told = False
        while self.outward is not None and self.backlog:
            told_now = self.outward.put(self.backlog[0])
            if told_now is None:
                break
            self.backlog.pop(0)
            told = told or told_now
        if told:
            self.partition.flag(self.name)
        if self.backlog and self.inward is not None and not self.inward.tells_of_room:
            self._wake()  # this guest does not say when there is room: look again

    def break_off(self) -> None:
        """The guest broke a rule: nothing more is read or written, and the offer is taken back."""
        self.inward = self.outward = None
        self.backlog.clear()
        if not self.broken:
            self.broken = True
            self.rescind()

    @abstractmethod
    def received(self, packet: Packet) -> None:
        """A packet of the guest's; ChannelError where it breaks the device's protocol."""
