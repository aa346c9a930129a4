"""Ring rules of the split virtqueue: notification, suppression, and drivers that lie."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtdocs.devices.virtqueue import INDIRECT, NEXT, WRITE, RingError, need_event
from virtdocs.machine.board import RAM_FRAMES

from .conftest import AVAILABLE, DATA, DESCRIPTORS, USED, Driver

MakeDriver = Callable[..., Driver]
BEYOND = RAM_FRAMES << 12


def pass_buffers(driver: Driver, count: int) -> list[int]:
    """Let ``count`` buffers go through one by one; numbers (from 1) that interrupted."""
    told = []
    for number in range(1, count + 1):
        driver.offer(0)
        chain = driver.queue.take()
        assert chain is not None
        driver.queue.give(chain, 0)
        if driver.queue.wants_interrupt():
            told.append(number)
    return told


def test_used_event_0_notifies_at_buffer_1_and_again_65536_buffers_later(
    driver: MakeDriver,
) -> None:
    one = driver(size=4, event_idx=True)
    one.describe(0, DATA, 8)
    assert pass_buffers(one, 65_600) == [1, 65_537]


def test_without_event_idx_every_buffer_interrupts_until_the_flag_says_no(
    driver: MakeDriver,
) -> None:
    one = driver(size=8)
    one.describe(0, DATA, 8)
    assert pass_buffers(one, 3) == [1, 2, 3]
    one.dma.store(AVAILABLE, 2, 1)
    assert pass_buffers(one, 3) == []


def test_buffers_returned_together_interrupt_once(driver: MakeDriver) -> None:
    one = driver(event_idx=True)
    one.describe(0, DATA, 8)
    for _ in range(8):
        one.offer(0)
    while (chain := one.queue.take()) is not None:
        one.queue.give(chain, 0)
    assert [one.queue.wants_interrupt(), one.queue.wants_interrupt()] == [True, False]


def test_the_interrupt_comes_when_the_index_passes_the_event_that_was_asked_for(
    driver: MakeDriver,
) -> None:
    one = driver(event_idx=True)
    one.describe(0, DATA, 8)
    one.ask_for_interrupt_at(4)
    assert pass_buffers(one, 10) == [5]


def test_the_device_asks_for_a_kick_at_the_buffer_that_comes_next(driver: MakeDriver) -> None:
    one = driver(event_idx=True)
    one.describe(0, DATA, 8)
    pass_buffers(one, 3)
    one.queue.mute()
    before = one.kick_wanted_at
    one.queue.listen()
    assert (before, one.kick_wanted_at) == (0, 3)
    assert need_event(one.kick_wanted_at, new=4, old=3)
    assert not need_event(one.kick_wanted_at, new=5, old=4)


def test_without_event_idx_the_device_mutes_kicks_by_its_flag(driver: MakeDriver) -> None:
    one = driver()
    one.queue.mute()
    muted = one.dma.load(USED, 2)
    one.queue.listen()
    assert (muted, one.dma.load(USED, 2)) == (1, 0)


def test_a_spurious_kick_finds_nothing(driver: MakeDriver) -> None:
    one = driver()
    assert one.queue.take() is None
    assert not one.queue.wants_interrupt()


def test_an_indirect_table_stands_for_the_chain_it_holds(driver: MakeDriver) -> None:
    one = driver(indirect=True)
    table = DATA + 0x1000
    for n, (flags, next_) in enumerate(((NEXT, 1), (NEXT | WRITE, 2), (WRITE, 0))):
        one.dma.store(table + 16 * n, 8, DATA + 64 * n)
        one.dma.store(table + 16 * n + 8, 4, 64)
        one.dma.store(table + 16 * n + 12, 2, flags)
        one.dma.store(table + 16 * n + 14, 2, next_)
    one.describe(7, table, 48, INDIRECT)
    one.offer(7)
    chain = one.queue.take()
    assert chain is not None
    assert chain.head == 7
    assert [len(chain.readable), len(chain.writable)] == [1, 2]


def loop(one: Driver) -> None:
    one.describe(0, DATA, 8, NEXT, 1)
    one.describe(1, DATA, 8, NEXT, 0)
    one.offer(0)


def head_beyond_the_table(one: Driver) -> None:
    one.offer(one.queue.size)


def next_beyond_the_table(one: Driver) -> None:
    one.describe(0, DATA, 8, NEXT, one.queue.size)
    one.offer(0)


def zero_length(one: Driver) -> None:
    one.describe(0, DATA, 0)
    one.offer(0)


def outside_memory(one: Driver) -> None:
    one.describe(0, BEYOND, 8)
    one.offer(0)


def half_outside_memory(one: Driver) -> None:
    one.describe(0, BEYOND - 4, 8)
    one.offer(0)


def wrapping_address(one: Driver) -> None:
    one.describe(0, (1 << 64) - 8, 16)
    one.offer(0)


def index_far_ahead(one: Driver) -> None:
    one.dma.store(AVAILABLE + 2, 2, one.queue.size + 1)


def read_after_write(one: Driver) -> None:
    one.describe(0, DATA, 8, NEXT | WRITE, 1)
    one.describe(1, DATA, 8)
    one.offer(0)


def indirect_in_indirect(one: Driver) -> None:
    one.queue.indirect = True
    one.dma.store(DATA, 8, DATA)
    one.dma.store(DATA + 8, 8, 16 | INDIRECT << 32)
    one.describe(0, DATA, 16, INDIRECT)
    one.offer(0)


def indirect_of_odd_length(one: Driver) -> None:
    one.queue.indirect = True
    one.describe(0, DATA, 20, INDIRECT)
    one.offer(0)


def indirect_outside_memory(one: Driver) -> None:
    one.queue.indirect = True
    one.describe(0, BEYOND, 16, INDIRECT)
    one.offer(0)


def indirect_not_agreed_on(one: Driver) -> None:
    one.describe(0, DATA, 16, INDIRECT)
    one.offer(0)


def table_outside_memory(one: Driver) -> None:
    one.queue.descriptors = BEYOND
    one.offer(0)


LIES = (
    loop, head_beyond_the_table, next_beyond_the_table, zero_length, outside_memory,
    half_outside_memory, wrapping_address, index_far_ahead, read_after_write,
    indirect_in_indirect, indirect_of_odd_length, indirect_outside_memory,
    indirect_not_agreed_on, table_outside_memory,
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_hostile_ring_is_a_ring_error(lie: Callable[[Driver], None], driver: MakeDriver) -> None:
    one = driver(size=16)
    lie(one)
    with pytest.raises(RingError):
        one.queue.take()


def test_a_chain_as_long_as_the_ring_is_no_loop(driver: MakeDriver) -> None:
    one = driver(size=16)
    for n in range(16):
        one.describe(n, DATA, 8, NEXT if n < 15 else 0, n + 1)
    one.offer(0)
    chain = one.queue.take()
    assert chain is not None
    assert len(chain.buffers) == 16
    assert one.dma.load(DESCRIPTORS, 8) == DATA
