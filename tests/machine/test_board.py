"""Memory, bus, clock and the board that holds them together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine.bench import CODE, DATA, STACK, Bench
from virtdocs.machine.agenda import NEVER, Agenda
from virtdocs.machine.board import CONSOLE_PORT, DEBUG_EXIT_PORT, different_state
from virtdocs.machine.bus import Bus
from virtdocs.machine.firmware import (
    IDT_ADDRESS,
    KERNEL_CS,
    STACK_TOP,
    TSS_SELECTOR,
    USER_START,
    boot,
)
from virtdocs.machine.memory import (
    FREE,
    PAGE_BYTES,
    GuestMemory,
    PhysicalMemory,
    load_bytes,
    read_physical,
    store_bytes,
    write_physical,
)
from virtdocs.machine.paging import PRESENT, USER, WRITABLE
from virtdocs.machine.registers import CS, RAX, RBX, RSP
from virtdocs.trace import EventKind, Trace

WORD = st.integers(0, (1 << 64) - 1)


# Memory ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 32), WORD), min_size=1, max_size=8))
def test_stores_and_loads_agree_with_little_endian_bytes(
    stores: list[tuple[int, int, int]],
) -> None:
    page, raw = [0] * 512, bytearray(PAGE_BYTES)
    for size, offset, value in stores:
        where = slice(offset, offset + size)
        store_bytes(page, offset, size, value)
        raw[where] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        assert load_bytes(page, offset, size) == int.from_bytes(raw[where], "little")
    assert b"".join(word.to_bytes(8, "little") for word in page) == bytes(raw)


@given(st.integers(0, 3 * PAGE_BYTES), st.binary(max_size=300))
def test_a_physical_write_is_whole_or_nothing(address: int, data: bytes) -> None:
    memory = PhysicalMemory(2)
    fits = address + max(len(data), 1) <= 2 * PAGE_BYTES
    assert write_physical(memory, address, data) is fits
    if fits:
        assert read_physical(memory, address, len(data)) == data
    else:
        assert not any(any(page) for page in memory.pages.values())


def test_frames_have_owners_and_come_back_empty() -> None:
    memory = PhysicalMemory(2)
    first, second = memory.allocate("guest"), memory.allocate("monitor")
    assert (memory.owner(first), memory.owner(second)) == ("guest", "monitor")
    with pytest.raises(MemoryError, match="no free frame"):
        memory.allocate("guest")
    page = memory.page(first)
    assert page is not None
    page[0] = 1
    memory.release(first)
    assert memory.owner(first) == FREE
    assert memory.allocate("other") == first
    assert memory.page(first) == [0] * 512


def test_guest_frames_lie_where_the_host_put_them() -> None:
    host = PhysicalMemory(8)
    guest = GuestMemory(host, [5, None, 3])
    assert guest.page(0) is host.page(5)
    assert [guest.page(n) for n in (1, 3, -1)] == [None, None, None]


def test_an_access_across_two_pages_touches_both() -> None:
    bench = Bench()
    bench.cpu.store(DATA + PAGE_BYTES - 3, 8, 0x1122_3344_5566_7788)
    assert bench.word(DATA + PAGE_BYTES - 8) == 0x6677_8800_0000_0000
    assert bench.cpu.load(DATA + PAGE_BYTES - 3, 8) == 0x1122_3344_5566_7788


# Bus -------------------------------------------------------------------------------------------


class Recorder:
    """A device that keeps what it was told."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        self.seen.append(("read", offset, size, 0))
        return 0x1122_3344_5566_7788

    def write(self, offset: int, size: int, value: int) -> None:
        self.seen.append(("write", offset, size, value))


def test_a_device_sees_offsets_and_never_more_bits_than_the_access_has() -> None:
    device, bus = Recorder(), Bus(Trace())
    bus.add_ports(0x100, 8, device)
    bus.port_write(0x104, 2, 0xABCDE)
    assert bus.port_read(0x107, 1) == 0x88
    assert device.seen == [("write", 4, 2, 0xBCDE), ("read", 7, 1, 0)]
    assert bus.trace.by_key(EventKind.DEVICE_ACCESS) == {"read": 1, "write": 1}


@pytest.mark.parametrize("port", [0xFF, 0x108])
def test_ports_beside_a_device_are_reported_and_float_high(port: int) -> None:
    device, bus = Recorder(), Bus(Trace())
    bus.add_ports(0x100, 8, device)
    assert bus.port_read(port, 2) == 0xFFFF
    bus.port_write(port, 1, 0)
    assert device.seen == []
    assert bus.trace.by_key(EventKind.UNCLAIMED) == {
        f"port read {port:#x}": 1,
        f"port write {port:#x}": 1,
    }


def test_two_devices_cannot_share_a_port() -> None:
    bus = Bus(Trace())
    bus.add_ports(0x100, 8, Recorder())
    with pytest.raises(ValueError, match="overlaps"):
        bus.add_ports(0x107, 1, Recorder())
    bus.add_ports(0x108, 1, Recorder())


def test_a_mapped_device_register_is_read_and_written_by_mov() -> None:
    bench, device = Bench(), Recorder()
    bench.board.bus.add_mmio(0x1000_0000, PAGE_BYTES, device)
    page, index = bench.entry_place(DATA)
    page[index] = 0x1000_0000 | PRESENT | WRITABLE | USER
    bench.cpu.regs[RBX] = 0xFFFF_FFFF_FFFF_FF55
    bench.do("mov", "mr", a=RBX, disp=DATA + 0x10, size=1)
    bench.do("mov", "rm", a=RAX, disp=DATA + 0x18, size=4)
    assert device.seen == [("write", 0x10, 1, 0x55), ("read", 0x18, 4, 0)]
    assert bench.cpu.regs[RAX] == 0x5566_7788


def test_a_read_that_fails_halfway_never_reaches_the_device() -> None:
    bench, device = Bench(), Recorder()
    bench.board.bus.add_mmio(0x1000_0000, PAGE_BYTES, device)
    page, index = bench.entry_place(DATA)
    page[index] = 0x1000_0000 | PRESENT | WRITABLE | USER
    bench.hide(DATA + PAGE_BYTES)
    trap = bench.do("mov", "rm", a=RAX, disp=DATA + PAGE_BYTES - 4)
    assert trap is not None
    assert trap.address == DATA + PAGE_BYTES
    assert device.seen == []


def test_memory_that_is_not_there_is_reported() -> None:
    bench = Bench()
    page, index = bench.entry_place(DATA)
    page[index] = 1 << 40 | PRESENT | WRITABLE | USER
    assert bench.cpu.load(DATA, 4) == 0xFFFF_FFFF
    assert bench.trace.by_key(EventKind.UNCLAIMED) == {f"mmio read {1 << 40:#x}": 1}


def test_the_debug_ports_end_the_run_and_print() -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = 0x4142
    bench.do("out", "ia", imm=CONSOLE_PORT, size=2)
    bench.do("out", "ia", imm=DEBUG_EXIT_PORT, size=1)
    assert (bytes(bench.board.console), bench.board.exit_code) == (b"BA", 0x42)
    assert bench.trace.total(EventKind.DEVICE_ACCESS) == 0


# Agenda ----------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_due_actions_run_in_order_of_time_then_of_scheduling(
    plan: list[tuple[int, bool]],
) -> None:
    agenda, ran = Agenda(), list[tuple[int, int]]()
    tickets = []
    for number, (time, _) in enumerate(plan):
        tickets.append(agenda.schedule(time, lambda key=(time, number): ran.append(key)))
    for ticket, (_, cancelled) in zip(tickets, plan, strict=True):
        if cancelled:
            agenda.cancel(ticket)
            agenda.cancel(ticket)
    kept = sorted((time, n) for n, (time, cancelled) in enumerate(plan) if not cancelled)
    assert agenda.next_due == (kept[0][0] if kept else NEVER)
    while agenda.skip_to_next():
        agenda.run_due()
    assert ran == kept
    assert agenda.next_due == NEVER


def test_an_action_may_schedule_the_next_and_cancel_a_later_one() -> None:
    agenda, ran = Agenda(), list[str]()
    late = agenda.schedule(10, lambda: ran.append("late"))

    def first() -> None:
        ran.append("first")
        agenda.schedule(0, lambda: ran.append("second"))  # the past means now
        agenda.cancel(late)

    ticket = agenda.schedule(5, first)
    agenda.now = 20
    agenda.run_due()
    agenda.cancel(ticket)
    assert ran == ["first", "second"]
    assert agenda.next_due == NEVER


# Board -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_the_firmware_leaves_the_start_state_that_programs_rely_on(levels: int) -> None:
    bench = Bench(levels)
    boot(bench.cpu, bench.memory, CODE, levels)
    cpu = bench.cpu
    assert (cpu.cpl, cpu.rip, cpu.regs[RSP]) == (0, CODE, STACK_TOP)
    assert (cpu.segments[CS].selector, cpu.task_selector) == (KERNEL_CS, TSS_SELECTOR)
    assert cpu.idtr == (IDT_ADDRESS, 0xFFF)
    for address, user in ((0x100, False), (USER_START - 8, False), (USER_START, True)):
        bench.enter_ring(0)
        cpu.store(address, 8, address)
        assert bench.word(address) == address
        bench.enter_ring(3)
        assert bench.mmu.tlb.entries[address >> 12].user is user


@pytest.mark.parametrize(
    "change",
    [
        lambda bench: bench.put(DATA, 1),
        lambda bench: bench.cpu.regs.__setitem__(RAX, 1),
        lambda bench: setattr(bench.cpu, "cr4", 4),
        lambda bench: setattr(bench.cpu, "rflags", 3),
        lambda bench: bench.board.disk.__setitem__(100, 7),
        lambda bench: bench.board.console.extend(b"x"),
        lambda bench: bench.cpu.apic.request(0x40),
        lambda bench: setattr(bench.cpu, "gdtr", (0, 7)),
    ],
    ids=["memory", "register", "cr4", "flags", "disk", "console", "apic", "gdtr"],
)
def test_the_state_hash_notices_every_kind_of_state(change: Callable[[Bench], object]) -> None:
    one, other = Bench(), Bench()
    assert one.board.state_hash() == other.board.state_hash()
    assert list(different_state(one.board, other.board)) == []
    change(other)
    assert one.board.state_hash() != other.board.state_hash()
    assert len(list(different_state(one.board, other.board))) == 1


def test_the_result_hash_covers_the_result_region_and_no_other_memory() -> None:
    one, other = Bench(), Bench()
    other.put(STACK, 1)
    region = (DATA, 64)
    assert one.board.result_hash(region) == other.board.result_hash(region)
    other.put(DATA + 56, 1)
    assert one.board.result_hash(region) != other.board.result_hash(region)


def test_retired_instructions_are_virtual_time() -> None:
    bench = Bench()
    bench.board.retire()
    bench.board.retire()
    bench.do("rdtsc")
    assert (bench.board.retired, bench.cpu.regs[RAX]) == (2, 2)
