"""VMBus' ring buffers: when to signal, wrap-around, a full ring, and guests that lie."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.devices.vmbus_ring import (
    DESCRIPTOR_BYTES,
    FEATURES,
    INBAND,
    INTERRUPT_MASK,
    PENDING_SEND_SIZE,
    READ_INDEX,
    TELLS_OF_ROOM,
    TRAILER_BYTES,
    WRITE_INDEX,
    ChannelError,
    Inward,
    Lent,
    Outward,
    packed,
)
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.dma import Dma, DmaError
from virtdocs.machine.memory import PAGE_BYTES, PhysicalMemory
from virtdocs.trace import Trace

FRAMES = (0x30, 0x20)  # control and data, not next to each other
DATA = PAGE_BYTES
OVERHEAD = DESCRIPTOR_BYTES + TRAILER_BYTES


def lent(board: Board, *frames: int) -> Lent:
    return Lent(board.dma, frames or FRAMES)


class GuestWriter:
    """The guest's half of a ring that the root partition reads."""

    def __init__(self, pages: Lent) -> None:
        self.pages = pages
        self.at = 0

    def set(self, offset: int, value: int) -> None:
        """Write a word of the control page."""
        self.pages.write(offset, value.to_bytes(4, "little"))

    def write(self, packet: bytes) -> None:
        """Put a packet into the ring without asking whether there is room."""
        for n in range(0, len(packet) + TRAILER_BYTES, 8):
            self.pages.write(PAGE_BYTES + self.at, packet[n : n + 8].ljust(8, b"\0"))
            self.at = (self.at + 8) % DATA
        self.set(WRITE_INDEX, self.at)


def word(pages: Lent, offset: int) -> int:
    return int.from_bytes(pages.read(offset, 4), "little")


# Who is told ----------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_the_reader_is_told_only_of_the_first_packet_and_only_without_its_mask(
    waiting: int, masked: bool, board: Board
) -> None:
    ring = Outward(lent(board))
    for _ in range(waiting):
        ring.put(packed(INBAND, 1, b""))
    ring.set_field(INTERRUPT_MASK, int(masked))
    assert ring.put(packed(INBAND, 2, b"")) is (waiting == 0 and not masked)


# A ring has 4,096 bytes: in use before, read now, and how much the writer waits for.
@pytest.mark.parametrize(
    ("used", "read", "wanted", "told"),
    [
        (4080, 0, 64, False),  # nothing became free
        (4080, 1024, 64, True),
        (4080, 1024, 0, False),  # nobody waits
        (2048, 1024, 64, False),  # there was room before
        (4080, 1024, 2048, False),  # still too little
        (4080, 1024, 1040, False),  # exactly filled would look empty
        (4080, 1024, 1032, True),
    ],
)
def test_a_writer_that_waits_is_told_when_the_room_becomes_enough_and_not_again(
    used: int, read: int, wanted: int, told: bool, board: Board
) -> None:
    pages = lent(board)
    guest = GuestWriter(pages)
    ring = Inward(pages)
    for size in (read, used - read):
        if size:
            guest.write(packed(INBAND, 1, bytes(size - OVERHEAD)))
    guest.set(PENDING_SEND_SIZE, wanted)
    guest.set(FEATURES, TELLS_OF_ROOM)
    if read:
        ring.take()
    assert ring.show() is told
    assert ring.show() is False  # nothing more has become free


def test_a_writer_without_the_feature_is_never_told_of_room(board: Board) -> None:
    pages = lent(board)
    guest = GuestWriter(pages)
    ring = Inward(pages)
    guest.write(packed(INBAND, 1, bytes(4080 - OVERHEAD)))
    guest.set(PENDING_SEND_SIZE, 64)
    ring.take()
    assert ring.show() is False


# What is in it --------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 900), max_size=40))
def test_packets_come_out_as_they_went_in_however_often_the_ring_wraps(sizes: list[int]) -> None:
    pages = Lent(Dma(PhysicalMemory(RAM_FRAMES), Trace()), FRAMES)
    writer, reader = Outward(pages), Inward(pages)
    under_way: deque[bytes] = deque()
    for number, size in enumerate(sizes):
        content = (bytes((number,)) * size).ljust(-(-size // 8) * 8, b"\0")
        packet = packed(INBAND, number, content)
        while writer.put(packet) is None:
            got = reader.take()
            assert got is not None
            assert got.content == under_way.popleft()
            reader.show()
        under_way.append(content)
        assert 0 < reader.used < DATA
    while (got := reader.take()) is not None:
        assert got.content == under_way.popleft()
    assert not under_way


def test_a_packet_that_wraps_ends_at_the_ring_s_beginning_with_its_own_place_behind_it(
    board: Board,
) -> None:
    pages = lent(board)
    writer, reader = Outward(pages), Inward(pages)
    writer.put(packed(INBAND, 1, bytes(DATA - 128)))
    assert reader.take() is not None
    reader.show()
    start = writer.write
    writer.put(packed(INBAND, 2, bytes(range(160))))
    assert word(pages, WRITE_INDEX) == start + 160 + OVERHEAD - DATA < start
    assert int.from_bytes(pages.read(PAGE_BYTES + writer.write - 8, 8), "little") == start << 32
    got = reader.take()
    assert got is not None
    assert (got.transaction, got.content) == (2, bytes(range(160)))


def test_a_ring_is_never_filled_to_its_last_byte_and_the_writer_says_what_it_waits_for(
    board: Board,
) -> None:
    pages = lent(board)
    ring = Outward(pages)
    whole = packed(INBAND, 1, bytes(DATA - OVERHEAD))
    assert ring.put(whole) is None
    assert word(pages, PENDING_SEND_SIZE) == DATA
    assert ring.put(whole[:4] + (DATA // 8 - 2).to_bytes(2, "little") + whole[6:-8]) is True
    assert word(pages, PENDING_SEND_SIZE) == 0


# Guests that lie ------------------------------------------------------------------------------


def header(kind: int, offset: int, length: int) -> bytes:
    """A descriptor with these fields in units of 8 bytes."""
    words = b"".join(n.to_bytes(2, "little") for n in (kind, offset, length, 0))
    return words + bytes(8)


@pytest.mark.parametrize(
    "packet",
    [
        header(INBAND, 2, 0),  # no length
        header(INBAND, 2, 1),  # shorter than its descriptor
        header(INBAND, 0, 2),  # content before the descriptor's end
        header(INBAND, 3, 2),  # content behind the packet
        header(INBAND, 2, 3),  # longer than what was written
        header(INBAND, 2, 0xFFFF),  # longer than the ring
    ],
    ids=bytes.hex,
)
def test_a_packet_that_does_not_lie_within_what_was_written_breaks_the_channel(
    packet: bytes, board: Board
) -> None:
    pages = lent(board)
    ring = Inward(pages)
    GuestWriter(pages).write(packet)
    with pytest.raises(ChannelError):
        ring.take()


@pytest.mark.parametrize("index", [DATA, DATA + 8, 4, 0xFFFF_FFFF, 0x8000_0000])
def test_an_index_outside_the_ring_or_within_a_word_breaks_the_channel(
    index: int, board: Board
) -> None:
    pages = lent(board)
    inward, outward = Inward(pages), Outward(lent(board, 0x40, 0x41))
    GuestWriter(pages).set(WRITE_INDEX, index)
    with pytest.raises(ChannelError):
        inward.take()
    outward.set_field(READ_INDEX, index)
    with pytest.raises(ChannelError):
        outward.put(packed(INBAND, 1, b""))


def test_the_root_partition_s_own_indexes_are_not_the_guest_s_to_move(board: Board) -> None:
    pages = lent(board)
    guest, ring = GuestWriter(pages), Inward(pages)
    for number in (1, 2):
        guest.write(packed(INBAND, number, b""))
        guest.set(READ_INDEX, 0)  # as if the first had not been read
        got = ring.take()
        assert got is not None
        assert got.transaction == number
        ring.show()


def test_a_ring_needs_a_page_of_data(board: Board) -> None:
    with pytest.raises(ChannelError):
        Outward(lent(board, 0x30))


def test_pages_outside_memory_are_not_reached(board: Board) -> None:
    with pytest.raises(DmaError):
        Outward(lent(board, RAM_FRAMES, RAM_FRAMES + 1))
    with pytest.raises(ChannelError):
        lent(board).read(2 * PAGE_BYTES - 4, 8)
