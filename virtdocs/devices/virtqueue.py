"""The split virtqueue, the device's half (OASIS virtio 1.2, §2.7).

The driver puts buffers into the descriptor table, offers their heads in the
available ring and kicks; the device takes them, uses them, returns the heads in the
used ring and interrupts. Either side may tell the other when it wants to hear:

    available ring   flags, idx, ring[size], used_event    written by the driver
    used ring        flags, idx, ring[size], avail_event   written by the device

With EVENT_IDX a side is told exactly when the index passes the event it asked for
(§2.7.7, §2.7.10). Neither suppression is reliable: a spurious kick finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.dma import Dma, DmaError

DESCRIPTOR_BYTES: Final = 16
USED_ELEMENT_BYTES: Final = 8
MAX_SIZE: Final = 32768
INDEX_MASK: Final = 0xFFFF

NEXT: Final = 1
WRITE: Final = 2  # the device writes into this buffer
INDIRECT: Final = 4
NO_INTERRUPT: Final = 1  # available ring's flags
NO_NOTIFY: Final = 1  # used ring's flags


class RingError(Exception):
    """The driver broke a rule of the ring: the device stops and needs a reset (§2.1.2)."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """One piece of guest-physical memory; ``writable`` for the device."""

    address: int
    length: int
    writable: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """The buffers behind one head: those to read first, then those to write."""

    head: int
    buffers: tuple[Buffer, ...]

    @property
    def readable(self) -> tuple[Buffer, ...]:
        """What the device reads."""
        return tuple(b for b in self.buffers if not b.writable)

    @property
    def writable(self) -> tuple[Buffer, ...]:
        """What the device writes."""
        return tuple(b for b in self.buffers if b.writable)


def need_event(event: int, new: int, old: int) -> bool:
    """Whether an index that moved from ``old`` to ``new`` passed ``event`` (§2.7.10).

    >>> need_event(0, new=1, old=0), need_event(0, new=2, old=1)
    (True, False)
    """
    return (new - event - 1) & INDEX_MASK < (new - old) & INDEX_MASK


class Virtqueue:
    """One queue. Addresses are guest-physical; the driver sets them before it enables the queue."""

    def __init__(self, dma: Dma, size: int = 256) -> None:
        self.dma = dma
        self.max_size = size
        self.event_idx = False
        self.indirect = False
        self.reset()

    def reset(self) -> None:
        """Back to the state before the driver set the queue up."""
        self.size = self.max_size
        self.descriptors = self.available = self.used = 0
        self.enabled = False
        self._next_available = 0
        self._used_index = 0
        self._signalled = 0

    # Taking buffers -------------------------------------------------------------------------

    @property
    def offered(self) -> int:
        """How many heads wait; RingError when the driver claims more than the ring holds."""
        index = self.dma.load(self.available + 2, 2)
        waiting = (index - self._next_available) & INDEX_MASK
        if waiting > self.size:
            raise RingError(f"available index {index} is {waiting} ahead of the device")
        return waiting

    def take(self) -> Chain | None:
        """The next chain, or None; RingError for one that breaks the rules."""
        try:
            if not self.offered:
                return None
            slot = self._next_available % self.size
            head = self.dma.load(self.available + 4 + 2 * slot, 2)
            chain = Chain(head, self._buffers(head))
        except DmaError as error:
            raise RingError(str(error)) from None
        self._next_available = self._next_available + 1 & INDEX_MASK
        return chain

    def take_all(self) -> list[Chain]:
        """Everything that is offered, with kicks muted; then ask for the next kick."""
        taken: list[Chain] = []
        while True:
            self.mute()
            while (chain := self.take()) is not None:
                taken.append(chain)
            self.listen()
            if not self.offered:  # what came between the last look and the request for a kick
                return taken

    def _buffers(self, head: int) -> tuple[Buffer, ...]:
        found: list[Buffer] = []
        table, count, index = self.descriptors, self.size, head
        budget = self.size  # a chain longer than the ring is a loop (§2.7.5.2)
        while True:
            if index >= count:
                raise RingError(f"descriptor {index} of {count}")
            address, length, flags, following = self._descriptor(table, index)
            if flags & INDIRECT:
                if not self.indirect or table != self.descriptors or flags & NEXT:
                    raise RingError("an indirect table where none may be")
                if not length or length % DESCRIPTOR_BYTES:
                    raise RingError(f"an indirect table of {length} bytes")
                table, count, index = address, length // DESCRIPTOR_BYTES, 0
                continue
            self.check_buffer(address, length)
            if found and found[-1].writable and not flags & WRITE:
                raise RingError("a buffer to read after one to write")
            found.append(Buffer(address, length, bool(flags & WRITE)))
            budget -= 1
            if not flags & NEXT:
                return tuple(found)
            if not budget:
                raise RingError("descriptors form a loop")
            index = following

    def _descriptor(self, table: int, index: int) -> tuple[int, int, int, int]:
        raw = self.dma.read(table + DESCRIPTOR_BYTES * index, DESCRIPTOR_BYTES)
        number = int.from_bytes
        return (
            number(raw[:8], "little"), number(raw[8:12], "little"),
            number(raw[12:14], "little"), number(raw[14:], "little"),
        )  # fmt: skip

    def check_buffer(self, address: int, length: int) -> None:
        """The range check: a buffer has a length and lies in the guest's memory."""
        if not length:
            raise RingError("a buffer of length 0")
        if not self.dma.in_range(address, length):
            raise RingError(f"a buffer outside memory: {address:#x}, length {length}")

    # Returning buffers ----------------------------------------------------------------------

    def give(self, chain: Chain, written: int) -> None:
        """Return a chain with the number of bytes written into it."""
        at = self.used + 4 + USED_ELEMENT_BYTES * (self._used_index % self.size)
        self.dma.store(at, USED_ELEMENT_BYTES, chain.head | written << 32)
        self._used_index = self._used_index + 1 & INDEX_MASK
        self.dma.store(self.used + 2, 2, self._used_index)

    def wants_interrupt(self) -> bool:
        """Whether the driver must be told of what was returned since the last time asked."""
        old, self._signalled = self._signalled, self._used_index
        if old == self._used_index:
            return False
        if self.event_idx:
            used_event = self.dma.load(self.available + 4 + 2 * self.size, 2)
            return need_event(used_event, self._used_index, old)
        return not self.dma.load(self.available, 2) & NO_INTERRUPT

    # Being told ------------------------------------------------------------------------------

    def mute(self) -> None:
        """No kicks, please, while the device is looking anyway."""
        if not self.event_idx:
            self.dma.store(self.used, 2, NO_NOTIFY)

    def listen(self) -> None:
        """Kick at the next buffer. The device has to look once more after this."""
        if self.event_idx:
            at = self.used + 4 + USED_ELEMENT_BYTES * self.size
            self.dma.store(at, 2, self._next_available)
        else:
            self.dma.store(self.used, 2, 0)
