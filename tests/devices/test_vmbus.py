"""VMBus' control path and channels, with a guest written in Python that may lie."""

from __future__ import annotations

import pytest

from virtdocs.devices import vmbus
from virtdocs.devices.vmbus import VmBus
from virtdocs.devices.vmbus_channel import WAKES_AFTER, Channel, ChildPartition
from virtdocs.devices.vmbus_ring import (
    COMPLETION,
    FEATURES,
    INBAND,
    INTERRUPT_MASK,
    PENDING_SEND_SIZE,
    READ_INDEX,
    TELLS_OF_ROOM,
    WANTS_COMPLETION,
    WRITE_INDEX,
    Lent,
    Packet,
    bytes_of,
    packed,
    words_of,
)
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.trace import EventKind

from .test_vmbus_ring import GuestWriter, word

RINGS, OUT, IN = 1, (0x20, 0x21), (0x22, 0x23)
BIG = 1000  # bytes of an answer: four fill the guest's ring


class Echo(Channel):
    """Answers each packet with as many bytes as it asks for."""

    name = "echo"
    interface = bytes(range(16))

    def __init__(self, partition: ChildPartition) -> None:
        super().__init__(partition)
        self.masks: list[int] = []  # what the guest saw while each packet was read

    def received(self, packet: Packet) -> None:
        """Answer it."""
        assert self.inward is not None
        self.masks.append(self.inward.field(INTERRUPT_MASK))
        self.complete(packet, bytes(int.from_bytes(packet.content[:4], "little")))


class Guest:
    """The child partition's side."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.messages: list[tuple[int, ...]] = []
        self.flags = self.untaken = 0
        self.channel = Echo(ChildPartition(board, self._message, lambda: self.untaken, self._flag))
        self.bus = VmBus(self.channel)
        self.out, self.inward = Lent(board.dma, OUT), Lent(board.dma, IN)
        self.writer = GuestWriter(self.out)

    def _message(self, raw: bytes) -> None:
        self.messages.append(words_of(raw))

    def _flag(self, _device: str) -> None:
        self.flags += 1

    def run(self) -> None:
        """Let all that is due come to pass."""
        agenda = self.board.agenda
        while agenda.skip_to_next():
            agenda.run_due()

    def post(self, *words: int, pages: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Post a message; the answer, without its header."""
        raw = bytes_of(*words) + b"".join(page.to_bytes(8, "little") for page in pages)
        assert self.bus.message(1, raw)
        self.run()
        return self.messages[-1]

    def lend(self, handle: int, *pages: int) -> int:
        """Lend pages; the status."""
        size = len(pages) * 4096
        words = (8, 0, 1, handle, 1 << 16 | 8 + 8 * len(pages), size, 0)
        return self.post(*words, pages=pages)[4]

    def opened(self, features: int = TELLS_OF_ROOM) -> Guest:
        """Go all the way to an open channel."""
        self.post(14, 0, vmbus.VERSION)
        self.post(3, 0)
        self.lend(RINGS, *OUT, *IN)
        self.writer.set(FEATURES, features)
        assert self.post(5, 0, 1, 0, RINGS, 0, len(OUT))[4] == 0
        return self

    def ask(self, *sizes: int) -> None:
        """Write packets that want answers of these sizes."""
        for number, size in enumerate(sizes):
            packet = packed(INBAND, number, bytes_of(size), flags=WANTS_COMPLETION)
            self.writer.write(packet)

    def signal(self) -> None:
        """Signal, and let the root partition look."""
        assert self.bus.signal(vmbus.CONNECTION)
        self.run()

    def take(self) -> list[int]:
        """Read all answers: their transactions. The guest is slow: room shows at the end."""
        found, at = [], word(self.inward, READ_INDEX)
        while at != word(self.inward, WRITE_INDEX):
            descriptor = bytes(self.inward.read(4096 + (at + n) % 4096, 1)[0] for n in range(16))
            kind, _, length = (int.from_bytes(descriptor[n : n + 2], "little") for n in (0, 2, 4))
            assert kind == COMPLETION
            found.append(int.from_bytes(descriptor[8:], "little"))
            at = (at + 8 * length + 8) % 4096
        self.inward.write(READ_INDEX, at.to_bytes(4, "little"))
        return found


@pytest.fixture
def guest(board: Board) -> Guest:
    """Not connected yet."""
    return Guest(board)


def backend(guest: Guest) -> dict[str, int]:
    return guest.board.trace.by_key(EventKind.BACKEND)


# The control path -----------------------------------------------------------------------------


def test_a_guest_makes_contact_gets_its_offer_and_opens_the_channel(guest: Guest) -> None:
    guest.opened()
    kinds = [message[0] for message in guest.messages]
    assert kinds == [15, 1, 4, 10, 6]  # version, offer, no more offers, lent, opened
    offer = guest.messages[1]
    assert bytes_of(*offer[2:6]) == Echo.interface
    assert (offer[46], offer[47] >> 16, offer[48]) == (1, 1, vmbus.CONNECTION)
    assert backend(guest) == {"message": 4}


@pytest.mark.parametrize("version", [0, 5 << 16, vmbus.VERSION + 1])
def test_a_version_that_is_not_spoken_is_refused_and_nothing_is_offered(
    version: int, guest: Guest
) -> None:
    assert guest.post(14, 0, version) == (15, 0, 0)
    guest.post(3, 0)
    assert [message[0] for message in guest.messages] == [15]


def test_a_connection_that_is_not_there_takes_nothing(guest: Guest) -> None:
    assert guest.bus.message(2, bytes(8)) is False
    assert guest.bus.signal(vmbus.CONNECTION + 1) is False
    assert backend(guest) == {}


@pytest.mark.parametrize("words", [(3, 0), (99, 0), (), (8, 0, 7), (5, 0, 7)], ids=str)
def test_a_message_that_means_nothing_is_reported(words: tuple[int, ...], guest: Guest) -> None:
    assert guest.bus.message(1, bytes_of(*words))
    guest.run()
    kind = words[0] if words else 0
    assert guest.board.trace.by_key(EventKind.UNCLAIMED) == {f"VMBus message {kind}": 1}
    assert guest.messages == []


@pytest.mark.parametrize(
    ("size", "offset", "pages"),
    [
        (4096, 0, (RAM_FRAMES,)),  # no memory
        (4096, 0, (1 << 52,)),
        (8192, 0, (0x20, 1 << 40)),
        (0, 0, ()),
        (4000, 0, (0x20,)),  # not whole pages
        (4096, 8, (0x20,)),
        (27 * 4096, 0, tuple(range(26))),  # more than a message holds
        (0xFFFF_F000, 0, (0x20,)),
    ],
)
def test_pages_that_cannot_be_lent_are_refused(
    size: int, offset: int, pages: tuple[int, ...], guest: Guest
) -> None:
    answer = guest.post(8, 0, 1, 5, 1 << 16, size, offset, pages=pages)
    assert (answer[0], answer[3]) == (10, 5)
    assert answer[4] != 0
    assert guest.channel.lent == {}


def test_a_guest_lends_so_many_lists_and_no_more(guest: Guest) -> None:
    statuses = [guest.lend(handle, 0x20) for handle in range(vmbus.LISTS + 1)]
    assert [status != 0 for status in statuses] == [False] * vmbus.LISTS + [True]


@pytest.mark.parametrize(
    ("handle", "split"),
    [(9, 2), (RINGS, 0), (RINGS, 4), (RINGS, 1 << 31), (RINGS, 1), (RINGS, 3)],
)
def test_a_channel_without_two_rings_is_not_opened(handle: int, split: int, guest: Guest) -> None:
    guest.lend(RINGS, *OUT, *IN)
    assert guest.post(5, 0, 1, 0, handle, 0, split)[4] != 0
    guest.signal()
    assert guest.channel.inward is None


def test_a_guest_that_takes_no_answers_may_post_no_more(guest: Guest) -> None:
    for _ in range(vmbus.BUFFERS):
        assert not guest.bus.full
        guest.bus.message(1, bytes_of(3, 0))
    assert guest.bus.full  # on their way
    guest.run()
    assert not guest.bus.full
    guest.untaken = vmbus.BUFFERS
    assert guest.bus.full


def test_pages_are_lent_and_a_channel_is_opened_once(guest: Guest) -> None:
    guest.opened()
    assert guest.lend(RINGS, 0x30) != 0
    assert guest.lend(RINGS + 1, 0x30) == 0
    assert guest.post(5, 0, 1, 0, RINGS, 0, len(OUT))[4] != 0
    guest.ask(8)
    guest.signal()
    assert guest.take() == [0]  # as it was


# Signals --------------------------------------------------------------------------------------


def test_packets_written_before_the_root_partition_looks_need_one_signal(guest: Guest) -> None:
    guest.opened()
    guest.ask(8, 8, 8)
    start = guest.board.agenda.now
    guest.signal()
    assert guest.board.agenda.now == start + WAKES_AFTER
    assert guest.channel.masks == [1, 1, 1]  # no signal is wanted while it reads
    assert word(guest.out, INTERRUPT_MASK) == 0
    assert (guest.flags, guest.take()) == (1, [0, 1, 2])
    assert backend(guest)["event"] == 1


def test_two_signals_before_it_looks_wake_it_once(guest: Guest) -> None:
    guest.opened()
    guest.ask(8)
    guest.bus.signal(vmbus.CONNECTION)
    guest.signal()
    assert (backend(guest)["event"], guest.flags, guest.take()) == (2, 1, [0])


def test_a_spurious_signal_finds_nothing_and_answers_nothing(guest: Guest) -> None:
    guest.opened()
    for _ in range(3):
        guest.signal()
    assert (backend(guest)["event"], guest.flags, guest.channel.masks) == (3, 0, [])
    assert guest.channel.broken is False


def test_a_packet_that_asks_for_no_answer_gets_none(guest: Guest) -> None:
    guest.opened()
    guest.writer.write(packed(INBAND, 5, bytes_of(8)))
    guest.signal()
    assert (guest.channel.masks, guest.flags, guest.take()) == ([1], 0, [])


def test_a_guest_that_masks_itself_is_not_told_but_finds_its_answers(guest: Guest) -> None:
    guest.opened()
    guest.inward.write(INTERRUPT_MASK, bytes_of(1))
    guest.ask(8, 8)
    guest.signal()
    assert (guest.flags, guest.take()) == (0, [0, 1])


# A full ring ----------------------------------------------------------------------------------


def test_answers_without_room_wait_until_the_guest_says_that_there_is(guest: Guest) -> None:
    guest.opened()
    guest.ask(*[BIG] * 6)
    guest.signal()
    assert word(guest.inward, PENDING_SEND_SIZE) == BIG + 24
    assert guest.take() == [0, 1, 2]
    assert guest.flags == 1
    guest.signal()  # there is room
    assert guest.take() == [3, 4, 5]
    assert guest.flags == 2
    assert word(guest.inward, PENDING_SEND_SIZE) == 0


def test_while_answers_wait_no_more_requests_are_read(guest: Guest) -> None:
    guest.opened()
    guest.ask(*[BIG] * 40)
    guest.signal()
    assert len(guest.channel.masks) == 4  # three fit, the fourth waits
    assert len(guest.channel.backlog) == 1


def test_a_guest_that_does_not_tell_of_room_is_looked_after(guest: Guest) -> None:
    guest.opened(features=0)
    guest.ask(*[BIG] * 4)
    guest.bus.signal(vmbus.CONNECTION)
    agenda = guest.board.agenda
    agenda.skip_to_next()
    agenda.run_due()
    assert guest.take() == [0, 1, 2]
    guest.run()  # without another signal
    assert guest.take() == [3]


def test_a_guest_that_waits_for_room_is_told(guest: Guest) -> None:
    guest.opened()
    guest.inward.write(INTERRUPT_MASK, bytes_of(1))  # answers alone would not tell it
    guest.writer.write(packed(INBAND, 0, bytes(4080 - 24)))
    guest.writer.set(PENDING_SEND_SIZE, 64)
    guest.signal()
    assert guest.flags == 1


# Guests that lie ------------------------------------------------------------------------------


def lie_about_index(guest: Guest) -> None:
    guest.writer.set(WRITE_INDEX, 4096)


def lie_about_length(guest: Guest) -> None:
    guest.writer.write(bytes_of(INBAND | 2 << 16, 500) + bytes(8))


def lie_about_what_was_read(guest: Guest) -> None:
    guest.ask(8, 8, 8)
    guest.inward.write(READ_INDEX, bytes_of(12))


@pytest.mark.parametrize("lie", [lie_about_index, lie_about_length, lie_about_what_was_read])
def test_a_guest_that_breaks_the_ring_loses_its_device_and_nothing_else(
    lie: object, guest: Guest
) -> None:
    assert callable(lie)
    guest.opened()
    lie(guest)
    guest.signal()
    assert guest.messages[-1] == (vmbus.RESCIND, 0, 1)
    assert len(guest.channel.masks) <= 1  # what followed the lie was not read
    before = len(guest.messages)
    guest.signal()
    assert len(guest.messages) == before  # taken back once
    assert guest.post(5, 0, 1, 0, RINGS, 0, len(OUT))[4] != 0
    guest.post(3, 0)
    assert [message[0] for message in guest.messages[before + 1 :]] == [4]  # offered no more
