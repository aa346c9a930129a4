"""A VMBus channel's ring buffers: one each way, in memory that the guest lends.

A ring is a page of control (write index, read index, interrupt mask, and how much room a
writer waits for) and data. The writer signals only when the ring was empty and the reader
has not masked itself, which it does while it is reading anyway. A writer that finds no
room says how much it needs; the reader signals when there is as much, and not before. A
packet is a descriptor of 16 bytes, its content, and a trailer of 8. (Linux,
include/linux/hyperv.h, struct hv_ring_buffer and struct vmpacket_descriptor;
drivers/hv/ring_buffer.c, hv_signal_on_write and hv_pkt_iter_close.)

This is the root partition's half. The control page is the guest's memory, so each index
that is the root partition's own is kept here and only shown there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import PAGE_BYTES

WRITE_INDEX, READ_INDEX, INTERRUPT_MASK, PENDING_SEND_SIZE, FEATURES = 0, 4, 8, 12, 64
TELLS_OF_ROOM: Final = 1  # the feature: a writer says what it waits for, and is told
DESCRIPTOR_BYTES: Final = 16
TRAILER_BYTES: Final = 8
INBAND: Final = 6
TRANSFER_PAGES: Final = 7
GPA_DIRECT: Final = 9
COMPLETION: Final = 11
WANTS_COMPLETION: Final = 1  # a packet's flag
RANGE: Final = 16  # in a GPA-direct packet's header: how many ranges; length and offset of one


class ChannelError(Exception):
    """The guest broke a rule of its channel: the channel is closed."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: ``header`` is what lies between descriptor and content."""

    kind: int
    flags: int
    transaction: int
    header: bytes
    content: bytes


def packed(
    kind: int, transaction: int, content: bytes, header: bytes = b"", flags: int = 0
) -> bytes:
    """A packet as it lies in a ring, without its trailer; the content is padded to 8 bytes."""
    content += bytes(-len(content) % 8)
    offset = DESCRIPTOR_BYTES + len(header)
    words = (kind, offset // 8, (offset + len(content)) // 8, flags)
    raw = b"".join(word.to_bytes(2, "little") for word in words)
    return raw + transaction.to_bytes(8, "little") + header + content


def words_of(raw: bytes) -> tuple[int, ...]:
    """Little-endian numbers of 32 bits; what is missing of the last one counts as 0."""
    return tuple(int.from_bytes(raw[n : n + 4], "little") for n in range(0, len(raw), 4))


def bytes_of(*words: int) -> bytes:
    """Little-endian numbers of 32 bits, one after the other."""
    return b"".join(word.to_bytes(4, "little") for word in words)


def pieces_of(packet: Packet) -> list[tuple[int, int]]:
    """Address and length of each page's part of the range that a GPA-direct packet names, none
    for an inband one; ChannelError for several ranges, or one that goes beyond its pages."""
    if packet.kind == INBAND:
        return []
    header = packet.header
    if len(header) < RANGE:
        raise ChannelError("no range")
    _, count, length, offset = words_of(header[:RANGE])
    frames = [int.from_bytes(header[n : n + 8], "little") for n in range(RANGE, len(header) - 7, 8)]
    if count != 1 or offset >= PAGE_BYTES or offset + length > PAGE_BYTES * len(frames):
        raise ChannelError("a range beyond its pages")
    found = []
    for frame in frames:
        piece = min(length, PAGE_BYTES - offset)
        if piece:
            found.append((frame * PAGE_BYTES + offset, piece))
        offset, length = 0, length - piece
    return found


class Lent:
    """Pages that the guest lends by a list of their numbers (GPADL), as one stretch."""

    def __init__(self, dma: Dma, frames: Sequence[int]) -> None:
        self.dma = dma
        self.frames = tuple(frames)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return PAGE_BYTES * len(self.frames)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the stretch; ChannelError beyond its end, DmaError where no memory is."""
        return b"".join(
            self.dma.read(address, count) for address, count in self._pieces(offset, length)
        )

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes of the stretch; errors as for ``read``."""
        done = 0
        for address, count in self._pieces(offset, len(data)):
            self.dma.write(address, data[done : done + count])
            done += count

    def _pieces(self, offset: int, length: int) -> list[tuple[int, int]]:
        if offset < 0 or offset + length > self.size:
            raise ChannelError(f"{length} bytes at {offset} of {self.size}")
        found = []
        while length:
            frame, inside = self.frames[offset // PAGE_BYTES], offset % PAGE_BYTES
            count = min(length, PAGE_BYTES - inside)
            found.append((frame * PAGE_BYTES + inside, count))
            offset, length = offset + count, length - count
        return found


class RingBuffer:
    """One direction: ``data`` bytes behind the control page."""

    def __init__(self, lent: Lent) -> None:
        self.lent = lent
        self.data = lent.size - PAGE_BYTES
        if self.data <= 0:
            raise ChannelError("a ring without data")

    def field(self, offset: int) -> int:
        """A word of the control page."""
        return int.from_bytes(self.lent.read(offset, 4), "little")

    def set_field(self, offset: int, value: int) -> None:
        """Write a word of the control page."""
        self.lent.write(offset, value.to_bytes(4, "little"))

    @property
    def tells_of_room(self) -> bool:
        """Whether the one who owns this bit says what it waits for."""
        return bool(self.field(FEATURES) & TELLS_OF_ROOM)

    def _index(self, offset: int) -> int:
        """The guest's index; ChannelError for one that is outside the ring, or no packet's."""
        index = self.field(offset)
        if index >= self.data or index % 8:
            raise ChannelError(f"index {index} of {self.data}")
        return index


class Inward(RingBuffer):
    """What the guest writes and the root partition reads."""

    def __init__(self, lent: Lent) -> None:
        super().__init__(lent)
        self.read = self._shown = self._index(READ_INDEX)

    @property
    def used(self) -> int:
        """Bytes that wait to be read; ChannelError for an index outside the ring."""
        return (self._index(WRITE_INDEX) - self.read) % self.data

    def take(self) -> Packet | None:
        """The next packet, copied; None when there is none. ChannelError for one whose parts
        do not lie within it, or that is longer than what was written."""
        used = self.used
        if not used:
            return None
        raw = self._copy(self.read, DESCRIPTOR_BYTES)
        kind, offset, length, flags = (
            int.from_bytes(raw[n : n + 2], "little") for n in (0, 2, 4, 6)
        )
        offset, length = 8 * offset, 8 * length
        if not DESCRIPTOR_BYTES <= offset <= length or length + TRAILER_BYTES > used:
            raise ChannelError(f"a packet of {length} bytes, {used} in the ring")
        body = self._copy(self.read, length)
        self.read = (self.read + length + TRAILER_BYTES) % self.data
        transaction = int.from_bytes(raw[8:], "little")
        return Packet(kind, flags, transaction, body[DESCRIPTOR_BYTES:offset], body[offset:])

    def show(self) -> bool:
        """Let the guest have the room of what was read; whether it is to be told: when it waits
        for room, had too little before, and has enough now."""
        freed, self._shown = (self.read - self._shown) % self.data, self.read
        self.set_field(READ_INDEX, self.read)
        wanted = self.field(PENDING_SEND_SIZE) if self.tells_of_room else 0
        room = self.data - self.used
        return bool(wanted) and room - freed <= wanted < room

    def _copy(self, at: int, length: int) -> bytes:
        first = min(length, self.data - at)
        return self.lent.read(PAGE_BYTES + at, first) + self.lent.read(PAGE_BYTES, length - first)


class Outward(RingBuffer):
    """What the root partition writes and the guest reads."""

    def __init__(self, lent: Lent) -> None:
        super().__init__(lent)
        self.write = self._index(WRITE_INDEX)
        self.set_field(FEATURES, TELLS_OF_ROOM)

    def put(self, packet: bytes) -> bool | None:
        """Write a packet: whether the reader must be told, None when there is no room. A ring is
        never filled to the last byte: full would look like empty."""
        at, needed = self.write, len(packet) + TRAILER_BYTES
        used = (at - self._index(READ_INDEX)) % self.data
        if self.data - used <= needed:
            self.set_field(PENDING_SEND_SIZE, needed)
            return None
        raw = packet + (at << 32).to_bytes(TRAILER_BYTES, "little")
        first = min(needed, self.data - at)
        self.lent.write(PAGE_BYTES + at, raw[:first])
        if raw[first:]:
            self.lent.write(PAGE_BYTES, raw[first:])
        self.write = (at + needed) % self.data
        self.set_field(PENDING_SEND_SIZE, 0)
        self.set_field(WRITE_INDEX, self.write)
        return not self.field(INTERRUPT_MASK) and self.field(READ_INDEX) == at
