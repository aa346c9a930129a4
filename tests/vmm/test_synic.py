"""Hyper-V's synthetic interrupts, and the two hypercalls that reach the root partition."""

from __future__ import annotations

import pytest

from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.machine.registers import RAX, RCX, RDX
from virtdocs.machine.traps import Trapped
from virtdocs.trace import EventKind, Party, Trace
from virtdocs.vmm import synic as registers
from virtdocs.vmm.hyperv import FAST, GUEST_OS_ID, HYPERCALL, Connections, HypervInterface

MESSAGES, FLAGS, INPUT, CODE = 0x10000, 0x11000, 0x12000, 0x13000
SINT, VECTOR = 2, 0xF3
SLOT = MESSAGES + 256 * SINT
BEYOND = RAM_FRAMES << 12


@pytest.fixture
def board() -> Board:
    memory = PhysicalMemory(RAM_FRAMES)
    board = Board(memory, 4, Trace(recording=True))
    board.add_cpu(SoftwareMmu(memory, 4))
    return board


@pytest.fixture
def interface(board: Board) -> HypervInterface:
    """With its name given, its hypercall page filled and its controller on."""
    found = HypervInterface(board, board.cpus[0])
    for number, value in (
        (GUEST_OS_ID, 1 << 63),
        (HYPERCALL, CODE | 1),
        (registers.SIMP, MESSAGES | 1),
        (registers.SIEFP, FLAGS | 1),
        (registers.SINT0 + SINT, VECTOR),
        (registers.SCONTROL, 1),
    ):
        found.write_msr(number, value)
    return found


def slot(board: Board) -> tuple[int, int, bytes]:
    """Type, "another one waits", payload."""
    size, more = board.dma.read(SLOT + 4, 2)
    return board.dma.load(SLOT, 4), more, board.dma.read(SLOT + 16, size)


def requested(board: Board) -> bool:
    """Whether the vector waits; it does no longer afterwards."""
    apic = board.cpus[0].apic
    was = bool(apic.requested >> VECTOR & 1)
    apic.requested = 0
    return was


# Messages and flags ---------------------------------------------------------------------------


def test_a_message_lies_in_its_slot_and_interrupts(
    interface: HypervInterface, board: Board
) -> None:
    interface.synic.post(SINT, b"offer")
    assert slot(board) == (1, 0, b"offer")
    (event,) = [e for e in board.trace.events if e.kind is EventKind.DEVICE_IRQ]
    assert (event.key, event.party) == ("vmbus", Party.ROOT_PARTITION)
    assert requested(board)


def test_a_second_message_waits_until_the_slot_is_empty_and_the_first_is_ended(
    interface: HypervInterface, board: Board
) -> None:
    for text in (b"first", b"second", b"third"):
        interface.synic.post(SINT, text)
    assert requested(board)
    assert slot(board) == (1, 1, b"first")
    interface.write_msr(registers.EOM, 0)  # the slot is still taken
    assert (slot(board)[2], requested(board)) == (b"first", False)
    for text, more in ((b"second", 1), (b"third", 0)):
        board.dma.store(SLOT, 4, 0)
        assert not requested(board)  # an empty slot alone brings nothing
        interface.write_msr(registers.EOM, 0)
        assert (slot(board), requested(board)) == ((1, more, text), True)


def test_an_event_flag_interrupts_when_it_was_clear(
    interface: HypervInterface, board: Board
) -> None:
    told = []
    for number in (1, 1, 70, 1):
        interface.synic.set_flag(SINT, number, "hyperv-scsi")
        told.append(requested(board))
    assert told == [True, False, True, False]
    at = FLAGS + 256 * SINT
    assert (board.dma.load(at, 8), board.dma.load(at + 8, 8)) == (1 << 1, 1 << 6)


def test_an_interrupt_that_still_waits_absorbs_the_next(
    interface: HypervInterface, board: Board
) -> None:
    interface.synic.set_flag(SINT, 1, "hyperv-scsi")
    interface.synic.set_flag(SINT, 2, "hyperv-scsi")
    assert board.trace.by_key(EventKind.DEVICE_IRQ) == {"hyperv-scsi": 1}


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (registers.SCONTROL, 0),
        (registers.SIMP, 0),
        (registers.SIEFP, 0),
        (registers.SINT0 + SINT, registers.SINT_MASKED),
    ],
)
def test_what_is_off_does_not_interrupt(
    number: int, value: int, interface: HypervInterface, board: Board
) -> None:
    interface.write_msr(number, value)
    if number != registers.SIEFP:
        interface.synic.post(SINT, b"offer")
    if number != registers.SIMP:
        interface.synic.set_flag(SINT, 1, "hyperv-scsi")
    assert not requested(board)


def test_a_message_that_came_too_early_is_delivered_when_the_controller_is_on(
    interface: HypervInterface, board: Board
) -> None:
    interface.write_msr(registers.SCONTROL, 0)
    interface.synic.post(SINT, b"early")
    assert not requested(board)
    interface.write_msr(registers.SCONTROL, 1)
    assert (slot(board)[2], requested(board)) == (b"early", True)


@pytest.mark.parametrize("automatic", [False, True])
def test_with_auto_eoi_an_interrupt_is_never_in_service(
    automatic: bool, interface: HypervInterface, board: Board
) -> None:
    value = VECTOR | registers.SINT_AUTO_EOI * automatic
    interface.write_msr(registers.SINT0 + SINT, value)
    interface.synic.post(SINT, b"offer")
    apic = board.cpus[0].apic
    interface.accept(apic, VECTOR)
    assert (apic.requested, bool(apic.in_service)) == (0, not automatic)


def test_auto_eoi_is_for_its_own_vector(interface: HypervInterface, board: Board) -> None:
    interface.write_msr(registers.SINT0 + SINT, VECTOR | registers.SINT_AUTO_EOI)
    apic = board.cpus[0].apic
    apic.request(0x40)
    interface.accept(apic, 0x40)
    assert apic.in_service == 1 << 0x40


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (registers.SVERSION, 1),
        (registers.SIMP, BEYOND | 1),
        (registers.SIEFP, 1 << 50 | 1),
        (registers.SINT0, 15),
    ],
)
def test_a_register_that_cannot_hold_the_value_is_gp(
    number: int, value: int, interface: HypervInterface
) -> None:
    with pytest.raises(Trapped):
        interface.write_msr(number, value)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (registers.SVERSION, 1),
        (registers.EOM, 0),
        (registers.SINT0 + 15, registers.SINT_MASKED),
        (registers.SINT0 + SINT, VECTOR),
        (registers.SIMP, MESSAGES | 1),
    ],
)
def test_a_register_reads_as_the_specification_says(
    number: int, value: int, interface: HypervInterface
) -> None:
    assert interface.has_msr(number)
    assert interface.read_msr(number) == value


# The hypercalls -------------------------------------------------------------------------------


class Bus:
    """Takes connection 1 for messages, 7 for signals."""

    def __init__(self, full: bool = False) -> None:
        self.got: list[bytes | int] = []
        self.full = full

    def message(self, connection: int, payload: bytes) -> bool:
        """A message."""
        self.got.append(payload)
        return connection == 1

    def signal(self, connection: int) -> bool:
        """A signal."""
        self.got.append(connection)
        return connection == 7


def call(interface: HypervInterface, control: int, given: int, bus: Connections | None) -> int:
    """A hypercall; its status."""
    interface.vmbus = bus
    cpu = interface.cpu
    cpu.regs[RCX], cpu.regs[RDX] = control, given
    interface.hypercall(cpu)
    return cpu.regs[RAX]


@pytest.mark.parametrize(
    ("control", "given", "status", "got"),
    [
        (0x5D | FAST, 7, 0, [7]),
        (0x5D | FAST, 8, 18, [8]),  # no such connection
        (0x5D | FAST, 7 | 1 << 32, 5, []),  # no such flag
        (0x5D | FAST | 1 << 32, 7, 3, []),  # a repeated call it is not
        (0x5D, INPUT, 0, [7]),  # the same from memory
        (0x5D, INPUT + 4, 4, []),
        (0x5D, BEYOND, 5, []),
        (0x5C, INPUT + 0x100, 0, [b"hello"]),
        (0x5C | FAST, INPUT + 0x100, 3, []),
        (0x5C, INPUT + 0xF08, 4, []),  # beyond its page
        (0x5C, INPUT + 0x101, 4, []),
        (0x5C, BEYOND, 5, []),
        (0x5C, (1 << 64) - 4096, 5, []),
        (0x5C, INPUT + 0x200, 5, []),  # type 0
        (0x5C, INPUT + 0x300, 5, []),  # longer than a message
        (0x5C, INPUT + 0x400, 18, [b""]),
        (0x77, INPUT, 2, []),
    ],
)
def test_a_hypercall_s_status_says_what_is_wrong_with_it(
    control: int, given: int, status: int, got: list[object], interface: HypervInterface,
    board: Board,
) -> None:  # fmt: skip
    for offset, words, payload in (
        (0, (7, 0), b""),
        (0x100, (1, 0, 1, 5), b"hello"),
        (0x200, (1, 0, 0, 5), b"hello"),
        (0x300, (1, 0, 1, 241), b""),
        (0x400, (2, 0, 1, 0), b""),
    ):
        raw = b"".join(word.to_bytes(4, "little") for word in words) + payload
        board.dma.write(INPUT + offset, raw)
    bus = Bus()
    assert call(interface, control, given, bus) == status
    assert bus.got == got


def test_a_message_without_a_buffer_is_to_be_posted_again(
    interface: HypervInterface, board: Board
) -> None:
    board.dma.write(INPUT, bytes((1, 0, 0, 0, 0, 0, 0, 0, 1)))
    bus = Bus(full=True)
    assert (call(interface, 0x5C, INPUT, bus), bus.got) == (19, [])
    bus.full = False
    assert (call(interface, 0x5C, INPUT, bus), bus.got) == (0, [b""])


def test_messages_that_wait_for_the_slot_are_counted(interface: HypervInterface) -> None:
    for expected in (0, 1, 2):
        interface.synic.post(SINT, b"offer")
        assert interface.synic.queued(SINT) == expected


def test_without_a_bus_there_is_no_connection(interface: HypervInterface) -> None:
    assert call(interface, 0x5D | FAST, 7, None) == 18
