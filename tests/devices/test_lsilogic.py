"""LSI's 53C1030 with a driver written in Python, honest or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.devices import lsilogic, mpt_message
from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.lsilogic import (
    BASE,
    DIAGNOSTIC,
    DOORBELL,
    FAULT,
    IS_ADDRESS,
    MASK,
    NO_MORE,
    OPERATIONAL,
    QUEUE_DEPTH,
    READY,
    REPLIES,
    REPLY,
    REQUESTS,
    RESET_ADAPTER,
    RUNG,
    STATUS,
)  # fmt: skip
from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import PAGE_BYTES, PhysicalMemory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.trace import EventKind, Trace

FRAME, LIST, DATA, REPLY_FRAME = 0x10000, 0x20000, 0x30000, 0x40000
BEYOND = RAM_FRAMES * PAGE_BYTES
ONLY, LAST = 0xD1000000, 0x90000000
READS, WRITES, NOTHING = 0x02000000, 0x01000000, 0
FLUSH = 0x35


@dataclass
class Driver:
    """The driver's half."""

    board: Board
    adapter: lsilogic.LsiLogic

    def put(self, register: int, value: int) -> None:
        """Write a register."""
        self.board.bus.mmio_write(BASE + register, 4, value)

    def get(self, register: int) -> int:
        """Read a register."""
        return self.board.bus.mmio_read(BASE + register, 4)

    def handshake(self, message: bytes) -> bytes:
        """A message by the doorbell, and its reply; nothing if there is none."""
        self.put(DOORBELL, 0x42 << 24 | len(message) // 4 << 16)
        assert self.get(STATUS) & RUNG
        self.put(STATUS, 0)
        for n in range(0, len(message), 4):
            self.put(DOORBELL, int.from_bytes(message[n : n + 4], "little"))
        reply = b""
        while self.get(STATUS) & RUNG and len(reply) < 600:
            half = self.get(DOORBELL)
            if len(reply) == 4 * (reply + bytes(4))[2] != 0:
                self.put(STATUS, 0)
                break
            reply += (half & 0xFFFF).to_bytes(2, "little")
            self.put(STATUS, 0)
        return reply

    def initialize(self, reply_bytes: int = 80) -> None:
        """To the state in which it takes requests."""
        message = bytes([4, 0, 0, 2]) + bytes(8) + reply_bytes.to_bytes(2, "little") + bytes(30)
        assert self.handshake(message)[2:4] == bytes([5, 2])
        self.put(MASK, RUNG)

    def frame(
        self,
        *,
        cdb: bytes = bytes([0x28, 0, 0, 0, 0, 3, 0, 0, 8, 0]),
        control: int = READS,
        length: int = 4096,
        elements: tuple[tuple[int, int], ...] = ((ONLY | 4096, DATA),),
        head: bytes = bytes(4),
        context: int = 0x1_0007,
    ) -> None:
        """A request frame; elements with addresses of 32 bits."""
        raw = head + bytes(4) + context.to_bytes(4, "little") + bytes(8)
        raw += control.to_bytes(4, "little") + cdb.ljust(16, b"\0")
        raw += length.to_bytes(4, "little") + bytes(4)
        for flags, address in elements:
            raw += flags.to_bytes(4, "little") + address.to_bytes(4, "little")
        self.board.dma.write(FRAME, raw)

    def post(self, address: int = FRAME) -> list[int]:
        """Post a request and let the disk come to its end: what the reply FIFO has then."""
        self.put(REQUESTS, address)
        return self.finish()

    def finish(self) -> list[int]:
        """Let time pass, and empty the reply FIFO."""
        self.board.agenda.run_due()
        found = []
        while (entry := self.get(REPLIES)) != NO_MORE:
            found.append(entry)
        return found

    @property
    def state(self) -> int:
        """What the doorbell says without a handshake."""
        return self.get(DOORBELL) & 0x7000_FFFF


@pytest.fixture
def driver() -> Driver:
    """A board with the adapter, just reset."""
    return fresh()


def fresh() -> Driver:
    """The same for tests that want many."""
    trace = Trace()
    memory = PhysicalMemory(RAM_FRAMES)
    board = Board(memory, 4, trace)
    board.add_cpu(SoftwareMmu(memory, 4))
    format_disk(board)
    return Driver(board, lsilogic.LsiLogic(board, Disk(board, 0)))


def status_of(driver: Driver, entry: int) -> tuple[int, int]:
    """Status of adapter and of device in the frame that a reply names."""
    assert entry & IS_ADDRESS
    at = entry << 1 & NO_MORE
    dma = driver.board.dma
    return dma.load(at + 14, 2), dma.load(at + 12, 1)


def test_a_read_comes_back_by_its_context_and_the_line_falls_with_the_last_read(
    driver: Driver,
) -> None:
    driver.initialize()
    driver.frame()
    driver.put(REQUESTS, FRAME | 2)  # the lowest bits are no address
    assert not driver.adapter.line.held
    driver.board.agenda.run_due()
    assert driver.adapter.line.held
    assert driver.get(REPLIES) == 0x1_0007
    assert driver.adapter.line.held
    assert driver.get(REPLIES) == NO_MORE
    assert not driver.adapter.line.held
    assert driver.board.dma.load(DATA, 8) == 3
    assert driver.board.trace.by_key(EventKind.DMA) == {"write": 1}


def test_facts_and_port_are_those_of_a_parallel_scsi_adapter(driver: Driver) -> None:
    facts = driver.handshake(bytes([0, 0, 0, 3]) + bytes(8))
    assert len(facts) == 64 == 4 * facts[2]
    assert int.from_bytes(facts[36:38], "little") == QUEUE_DEPTH
    port = driver.handshake(bytes([0, 0, 0, 5]) + bytes(8))
    assert (len(port), port[21]) == (40, lsilogic.PARALLEL_SCSI)
    assert driver.state == READY


def test_a_handshake_does_not_interrupt_what_masks_it(driver: Driver) -> None:
    driver.initialize()
    driver.put(DOORBELL, 0x42 << 24 | 3 << 16)
    assert driver.get(STATUS) & RUNG
    assert not driver.adapter.line.held
    driver.put(MASK, 0)
    assert driver.adapter.line.held


def test_data_may_lie_in_pieces_and_the_list_in_several_places(driver: Driver) -> None:
    driver.initialize()
    dma = driver.board.dma
    # A chain element in the frame continues the list elsewhere.
    chain = 0x30000000 | 16
    driver.frame(
        elements=((LAST | 1024, DATA), (chain, LIST)), head=bytes([0, 0, (48 + 8) // 4, 0])
    )
    for n, (flags, at) in enumerate(((0x10000000 | 1024, DATA + 8192), (ONLY | 2048, DATA + 4096))):
        dma.store(LIST + 8 * n, 4, flags)
        dma.store(LIST + 8 * n + 4, 4, at)
    assert driver.post() == [0x1_0007]
    assert [dma.load(DATA + at, 8) for at in (0, 512, 8192, 4096)] == [3, 4, 5, 7]


def test_a_write_and_a_flush_end_as_contexts(driver: Driver) -> None:
    driver.initialize()
    driver.board.dma.store(DATA, 8, 99)
    driver.frame(
        cdb=bytes([0x2A, 0, 0, 0, 0, 1, 0, 0, 1, 0]),
        control=WRITES,
        length=512,
        elements=((ONLY | 512, DATA),),
    )
    assert driver.post() == [0x1_0007]
    assert driver.board.disk[512:520] == (99).to_bytes(8, "little")
    driver.frame(cdb=bytes([FLUSH]), control=NOTHING, length=0, elements=((ONLY, NO_MORE),))
    assert driver.post() == [0x1_0007]
    assert driver.adapter.disk.flushes == 1


Change = Callable[[Driver], object]
REFUSED: dict[str, tuple[Change, int]] = {
    "another bus": (lambda d: d.frame(head=bytes([0, 1, 0, 0])), mpt_message.INVALID_BUS),
    "another target": (lambda d: d.frame(head=bytes([3, 0, 0, 0])), mpt_message.INVALID_TARGET),
    "a list behind the end": (
        lambda d: d.frame(elements=((0x30000000, 0),)), mpt_message.INVALID_SGL,
    ),
    "a list that is too short": (
        lambda d: d.frame(elements=((ONLY | 512, DATA),)), mpt_message.INVALID_SGL,
    ),
    "a chain to nowhere": (
        lambda d: d.frame(
            elements=((LAST | 8, DATA), (0x30000010, BEYOND)), head=bytes([0, 0, 14, 0])
        ),
        mpt_message.INVALID_SGL,
    ),
    "a chain of itself": (
        lambda d: d.frame(
            length=1 << 20,
            elements=((LAST | 1, DATA), (0x300E0000, FRAME)),
            head=bytes([0, 0, 14, 0]),
        ),
        mpt_message.INVALID_SGL,
    ),
    "elements of one byte": (
        lambda d: d.frame(elements=((0x10000001, DATA),) * 1000),
        mpt_message.INVALID_SGL,
    ),
    "the wrong direction": (lambda d: d.frame(control=WRITES), mpt_message.DATA_OVERRUN),
    "more than there is room for": (
        lambda d: d.frame(length=512, elements=((ONLY | 512, DATA),)), mpt_message.DATA_OVERRUN,
    ),
    "data behind the last frame": (
        lambda d: d.frame(elements=((ONLY | 4096, BEYOND - 512),)), mpt_message.DATA_ERROR,
    ),
    "a sector behind the disk": (
        lambda d: d.frame(cdb=bytes([0x28, 0, 0, 255, 255, 0, 0, 0, 8, 0])),
        mpt_message.DATA_UNDERRUN,
    ),
    "a command that no disk knows": (
        lambda d: d.frame(cdb=bytes([0x99]), control=NOTHING), mpt_message.DATA_UNDERRUN,
    ),
    "room for more than is read": (
        lambda d: d.frame(cdb=bytes([0x28, 0, 0, 0, 0, 3, 0, 0, 1, 0])), mpt_message.DATA_UNDERRUN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_comes_back_in_a_frame_and_the_next_request_is_served(
    name: str, driver: Driver
) -> None:
    change, status = REFUSED[name]
    driver.initialize()
    driver.put(REPLIES, REPLY_FRAME)
    change(driver)
    [entry] = driver.post()
    assert status_of(driver, entry)[0] == status
    assert driver.board.dma.load(REPLY_FRAME + 8, 4) == 0x1_0007
    driver.frame()
    assert driver.post() == [0x1_0007]
    assert driver.state == OPERATIONAL


STOPPED: dict[str, tuple[Change, int]] = {
    "a frame behind the last one": (lambda d: d.put(REQUESTS, BEYOND), mpt_message.INTERNAL_ERROR),
    "a frame that ends behind it": (
        lambda d: d.put(REQUESTS, BEYOND - 16), mpt_message.INTERNAL_ERROR,
    ),
    "a function that only the doorbell takes": (
        lambda d: (d.frame(head=bytes([0, 0, 0, 2])), d.put(REQUESTS, FRAME)),
        mpt_message.INVALID_FUNCTION,
    ),
    "more requests than it has room for": (
        lambda d: [d.put(REQUESTS, FRAME) for _ in range(QUEUE_DEPTH + 1)],
        mpt_message.INSUFFICIENT_RESOURCES,
    ),
    "more frames than it has room for": (
        lambda d: [d.put(REPLIES, REPLY_FRAME) for _ in range(QUEUE_DEPTH + 1)],
        mpt_message.INSUFFICIENT_RESOURCES,
    ),
    "no frame for what goes wrong": (
        lambda d: (d.frame(head=bytes([9, 0, 0, 0])), d.put(REQUESTS, FRAME)),
        mpt_message.INSUFFICIENT_RESOURCES,
    ),
    "a frame for it that lies nowhere": (
        lambda d: (d.put(REPLIES, BEYOND), d.frame(head=bytes([9, 0, 0, 0])),
                   d.put(REQUESTS, FRAME)),
        mpt_message.INTERNAL_ERROR,
    ),
    "a message that nobody takes": (
        lambda d: d.handshake(bytes([0, 0, 0, 0x55]) + bytes(8)),
        mpt_message.INVALID_FUNCTION,
    ),
    "a message that is too short": (
        lambda d: d.handshake(bytes([4, 0, 0, 2])), mpt_message.INVALID_FIELD,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_what_leaves_it_no_way_to_answer_stops_it_until_it_is_reset(
    name: str, driver: Driver
) -> None:
    change, code = STOPPED[name]
    driver.initialize()
    driver.frame()
    change(driver)
    assert driver.state == FAULT | code
    driver.put(REQUESTS, FRAME)
    assert driver.state == FAULT | code  # the first reason stays
    driver.put(DOORBELL, 0x40 << 24)
    assert driver.state == READY
    driver.initialize()
    driver.frame()
    assert driver.post() == [0x1_0007]


def test_a_request_before_it_is_initialized_is_a_fault(driver: Driver) -> None:
    driver.frame()
    driver.put(REQUESTS, FRAME)
    assert driver.state == FAULT | mpt_message.INVALID_STATE


def test_what_the_disk_still_does_when_it_is_reset_is_forgotten(driver: Driver) -> None:
    driver.initialize()
    driver.frame()
    driver.put(REQUESTS, FRAME)
    driver.put(DIAGNOSTIC, RESET_ADAPTER)
    assert driver.finish() == []
    assert driver.get(MASK) == REPLY | RUNG
    assert driver.board.dma.load(DATA, 8) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from((DOORBELL, 4, DIAGNOSTIC, STATUS, MASK, REQUESTS, REPLIES, 0x48)),
            st.sampled_from((1, 2, 4, 8)),
            st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from((FRAME, BEYOND, 0x420B0000))),
        ),
        max_size=60,
    ),
    st.binary(max_size=200),
)
def test_no_sequence_of_writes_breaks_it_or_leads_it_out_of_memory(
    writes: list[tuple[int, int, int]], frame: bytes
) -> None:
    driver = fresh()
    seen: list[int] = []
    driver.board.dma.guard = lambda number, _access: seen.append(number)
    driver.initialize()
    if frame:
        driver.board.dma.write(FRAME, frame)
    for register, size, value in writes:
        driver.board.bus.mmio_write(BASE + register, size, value & (1 << 8 * size) - 1)
        driver.board.bus.mmio_read(BASE + register, size)
    driver.finish()
    assert all(number < RAM_FRAMES for number in seen)
    driver.put(DIAGNOSTIC, RESET_ADAPTER)
    assert driver.state == READY


def test_without_the_range_check_the_data_would_leave_memory(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    driver.board.dma.guard = lambda number, _access: seen.append(number)
    driver.initialize()
    driver.frame(elements=((ONLY | 4096, BEYOND),))
    monkeypatch.setattr(Dma, "in_range", lambda *_: True)
    driver.post()
    assert max(seen) >= RAM_FRAMES


def test_each_register_access_is_counted_as_one(driver: Driver) -> None:
    driver.initialize()
    driver.frame()
    before = driver.board.trace.by_key(EventKind.DEVICE_ACCESS)
    assert driver.post() == [0x1_0007]
    after = driver.board.trace.by_key(EventKind.DEVICE_ACCESS)
    assert {key: after[key] - before.get(key, 0) for key in after} == {"read": 2, "write": 1}
