"""vmxnet's second version with a driver written in Python, honest or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.devices import vmxnet2 as v
from virtdocs.devices.link import Link
from virtdocs.experiments.run import run
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import PAGE_BYTES, PhysicalMemory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.trace import EventKind, Trace

PAGE, DATA, BUFFERS = 0x10000, 0x20000, 0x30000
BEYOND = RAM_FRAMES * PAGE_BYTES
ENTRIES = 4
RECEIVE, SEND = 176, 176 + 24 * ENTRIES
END = SEND + 64 * ENTRIES


class Driver:
    """The driver's half of the shared page."""

    def __init__(self, replies: int = 0) -> None:
        memory = PhysicalMemory(RAM_FRAMES)
        self.board = Board(memory, 4, Trace())
        self.board.add_cpu(SoftwareMmu(memory, 4))
        self.link = Link(self.board, 0, replies)
        self.card = v.Vmxnet2(self.board, self.link)
        self.dma = self.board.dma
        fields = {0: v.MAGIC, 4: ENTRIES, 12: 1, 40: ENTRIES, v.LENGTH: END, 108: RECEIVE,
                  112: END, 116: SEND}  # fmt: skip
        for at, value in fields.items():
            self.dma.store(PAGE + at, 4, value)
        for n in range(ENTRIES):
            entry = PAGE + RECEIVE + 24 * n
            self.dma.store(entry, 8, BUFFERS + 2048 * n)
            self.dma.store(entry + 8, 4, 1536)
            self.dma.store(entry + 16, 2, v.DEVICES)
        self.sent = 0

    def out(self, port: int, value: int, size: int = 4) -> None:
        """Write a port."""
        self.board.bus.port_write(v.PORTS + port, size, value)

    def into(self, port: int, size: int = 4) -> int:
        """Read a port."""
        return self.board.bus.port_read(v.PORTS + port, size)

    def open(self, address: int = PAGE, length: int = END) -> bool:
        """Give the page to the device; whether it took it."""
        self.out(v.INIT_ADDRESS, address)
        self.out(v.INIT_LENGTH, length)
        return bool(self.into(v.STATUS) & v.ENABLED)

    def entry(self, flags: int = v.CAN_KEEP, pieces: tuple[tuple[int, int], ...] = ()) -> int:
        """Fill the next entry to send and hand it over: its address."""
        at = PAGE + SEND + 64 * (self.sent % ENTRIES)
        self.sent += 1
        self.dma.store(at, 2, flags)
        self.dma.store(at + v.TX_PIECES, 2, len(pieces))
        for n, (address, length) in enumerate(pieces):
            self.dma.store(at + v.TX_LIST + 8 * n, 8, length << 48 | address)
        self.dma.store(at + v.TX_OWNER, 2, v.DEVICES)
        return at

    def tell(self) -> None:
        """Read the port that says so, and let time pass."""
        self.into(v.TRANSMIT)
        self.board.agenda.run_due()

    def owner(self, entry: int) -> int:
        """Whose the entry is."""
        return self.dma.load(entry + v.TX_OWNER, 2)


@pytest.fixture
def driver() -> Driver:
    """With the page handed over."""
    found = Driver()
    assert found.open()
    return found


def test_it_says_who_it_is_and_what_it_can(driver: Driver) -> None:
    assert driver.into(v.LOW_VERSION) == driver.into(v.HIGH_VERSION) == v.MAGIC
    for command, answer in ((v.GET_FEATURES, v.ZERO_COPY), (v.GET_CAPABILITIES, v.CAPABILITIES)):
        driver.out(v.COMMAND, command)
        assert driver.into(v.COMMAND) == answer
    assert bytes(driver.into(v.MAC + n, 1) for n in range(6)) == v.MAC_ADDRESS


def test_a_packet_leaves_in_one_piece_and_its_entry_comes_back_without_an_interrupt(
    driver: Driver,
) -> None:
    driver.dma.write(DATA, b"headerpayload")
    entry = driver.entry(pieces=((DATA, 6), (DATA + 6, 7)))
    driver.tell()
    assert driver.link.sent == [b"headerpayload"]
    assert driver.owner(entry) == v.DRIVERS
    assert driver.board.trace.by_key(EventKind.DEVICE_IRQ) == {}


def test_a_packet_over_several_entries_is_one_packet_and_they_come_back_together(
    driver: Driver,
) -> None:
    driver.dma.write(DATA, b"abcdef")
    first = driver.entry(v.CAN_KEEP | v.MORE, ((DATA, 3),))
    driver.tell()
    assert (driver.link.sent, driver.owner(first)) == ([], v.DEVICES)  # it waits for the rest
    second = driver.entry(pieces=((DATA + 3, 3),))
    driver.tell()
    assert driver.link.sent == [b"abcdef"]
    assert driver.owner(first) == driver.owner(second) == v.DRIVERS


@pytest.mark.parametrize("why", ["ring is low", "driver has stopped"])
def test_it_interrupts_for_what_was_sent_where_the_driver_needs_to_know(
    why: str, driver: Driver
) -> None:
    if why == "driver has stopped":
        driver.dma.store(PAGE + v.TX_STOPPED, 4, 1)
    driver.entry(v.CAN_KEEP | (v.RING_LOW if why == "ring is low" else 0), ((DATA, 64),))
    driver.tell()
    assert driver.card.line.held
    driver.out(v.COMMAND, v.ACKNOWLEDGE)
    assert not driver.card.line.held


def test_what_may_not_be_kept_is_gone_when_the_read_is_over(driver: Driver) -> None:
    entry = driver.entry(0, ((DATA, 64),))
    driver.into(v.TRANSMIT)
    assert driver.owner(entry) == v.DRIVERS
    assert len(driver.link.sent) == 1


def test_a_frame_fills_the_next_buffer_and_a_closed_interrupt_waits(driver: Driver) -> None:
    driver.out(v.COMMAND, v.DISABLE)
    for n in range(ENTRIES):
        assert driver.card.receive(bytes([n + 1]) * 100)
    assert not driver.card.receive(bytes(100))  # nobody has taken any
    for n in range(ENTRIES):
        entry = PAGE + RECEIVE + 24 * n
        assert driver.dma.load(entry + v.RX_OWNER, 2) == v.DRIVERS
        assert driver.dma.load(entry + v.RX_ACTUAL, 4) == 100
        assert driver.dma.load(BUFFERS + 2048 * n, 1) == n + 1
    assert not driver.card.line.held
    driver.out(v.COMMAND, v.ENABLE)
    assert driver.card.line.held


def test_a_ring_goes_on_where_it_was_left() -> None:
    driver = Driver()
    driver.dma.store(PAGE + v.SAVED_RX, 4, 2)
    assert driver.open()
    assert driver.card.receive(b"x" * 64)
    assert driver.dma.load(BUFFERS + 2 * 2048, 1) == ord("x")


CONTRADICTIONS: dict[str, Callable[[Driver], tuple[int, int]]] = {
    "no page": lambda d: (BEYOND, END),
    "a page that ends behind memory": lambda d: (BEYOND - 8, END),
    "no magic": lambda d: (d.dma.store(PAGE, 4, 1), (PAGE, END))[1],
    "another length": lambda d: (PAGE, END + 4),
    "a ring of nothing": lambda d: (d.dma.store(PAGE + v.TX_LENGTH, 4, 0), (PAGE, END))[1],
    "a ring longer than any": lambda d: (d.dma.store(PAGE + v.RX_LENGTH, 4, 513), (PAGE, END))[1],
    "a ring behind the page": lambda d: (d.dma.store(PAGE + v.TX_OFFSET, 4, END), (PAGE, END))[1],
    "a ring over the page's head": lambda d: (
        d.dma.store(PAGE + v.RX_OFFSET, 4, 8), (PAGE, END))[1],
    "an entry that is none": lambda d: (
        d.dma.store(PAGE + v.SAVED_TX, 4, ENTRIES), (PAGE, END))[1],
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_page_that_contradicts_itself_is_not_taken(name: str) -> None:
    driver = Driver()
    assert not driver.open(*CONTRADICTIONS[name](driver))
    driver.entry(pieces=((DATA, 64),))
    driver.tell()
    assert driver.link.sent == []
    assert not driver.card.receive(bytes(64))


def test_a_buffer_outside_memory_stops_its_direction_and_only_that(driver: Driver) -> None:
    driver.entry(pieces=((BEYOND, 64),))
    driver.tell()
    driver.tell()
    assert driver.link.sent == []
    assert driver.card.receive(bytes(64))
    driver.dma.store(PAGE + RECEIVE + 24, 8, BEYOND)
    assert not driver.card.receive(bytes(64))
    driver.dma.store(PAGE + RECEIVE + 24, 8, BUFFERS)
    assert driver.open()
    assert driver.card.receive(bytes(64)) is False  # the first entry is still the driver's
    assert driver.into(v.STATUS) == v.CONNECTED | v.ENABLED


def test_a_packet_that_never_ends_is_never_sent(driver: Driver) -> None:
    for _ in range(ENTRIES):
        driver.entry(v.CAN_KEEP | v.MORE, ((DATA, 64),))
    driver.tell()
    assert driver.link.sent == []
    assert driver.dma.load(PAGE + SEND + v.TX_OWNER, 2) == v.DEVICES


@given(
    st.binary(max_size=END),
    st.lists(st.tuples(st.sampled_from(range(0, v.PORT_COUNT, 4)), st.integers(0, 1 << 32))),
)
def test_no_page_and_no_ports_lead_it_out_of_memory(
    page: bytes, writes: list[tuple[int, int]]
) -> None:
    driver = Driver(replies=1)
    seen: list[int] = []
    driver.dma.guard = lambda number, _access: seen.append(number)
    if len(page) > v.DATA_BYTES:  # behind the head of the page, which is fine
        driver.dma.write(PAGE + v.DATA_BYTES, page[v.DATA_BYTES :])
    driver.open()
    for port, value in writes:
        driver.out(port, value & 0xFFFF_FFFF)
        driver.into(port)
        driver.board.agenda.run_due()
    driver.tell()
    driver.card.receive(bytes(64))
    assert all(number < RAM_FRAMES for number in seen)


def test_without_the_range_check_a_buffer_would_lead_it_out(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    driver.dma.guard = lambda number, _access: seen.append(number)
    driver.entry(pieces=((BEYOND, 64),))
    monkeypatch.setattr(Dma, "in_range", lambda *_: True)
    driver.tell()
    assert max(seen) >= RAM_FRAMES


def test_a_packet_is_a_read_and_an_interrupt_a_write() -> None:
    counts = run("net_pingpong", "native", io="vmxnet2").counts_per_op
    assert counts["device_access"] == {"read": 1, "write": 1}
    assert counts["device_irq"] == 1  # the reply's: the driver collects what was sent by itself


def test_a_full_ring_interrupts_and_nothing_is_lost() -> None:
    result = run("net_tx", "native", io="vmxnet2", params={"ops": 256, "latency": 20_000})
    assert result.outcome == "halted"
    assert 0 < result.counts["device_irq"] < 256 / 8
    assert result.counts["unclaimed"] == {}
