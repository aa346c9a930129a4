"""Hyper-V's interface to its guests: a hypercall page and synthetic MSRs.

Numbers as in Microsoft's Hypervisor Top-Level Functional Specification. A guest names
itself first (HV_X64_MSR_GUEST_OS_ID), then has the hypercall page filled; before that a
hypercall is #UD. Call code in rcx, status in rax; input in rdx, or, of a call that is
not "fast", at the guest-physical address in rdx. Two calls reach the root partition:
HvCallPostMessage and HvCallSignalEvent (TLFS, "Inter-Partition Communication").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from virtdocs.devices.vmbus_ring import words_of
from virtdocs.machine.apic import Apic
from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import write_words
from virtdocs.machine.isa import encode
from virtdocs.machine.memory import PAGE_BYTES
from virtdocs.machine.registers import (
    GP,
    MSR_X2APIC_EOI,
    MSR_X2APIC_ICR,
    MSR_X2APIC_TPR,
    RAX,
    RCX,
    RDX,
)
from virtdocs.machine.traps import fault
from virtdocs.vmm.domain_builder import hypercall_instruction
from virtdocs.vmm.enlightenments import HYPERV_UNIT, LazyEoi, guest_page, write_reference_tsc
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.synic import Synic
from virtdocs.vmm.translation_cache import make

GUEST_OS_ID: Final = 0x4000_0000
HYPERCALL: Final = 0x4000_0001
VP_INDEX: Final = 0x4000_0002
TIME_REF_COUNT: Final = 0x4000_0020
REFERENCE_TSC: Final = 0x4000_0021
EOI: Final = 0x4000_0070
ICR: Final = 0x4000_0071
TPR: Final = 0x4000_0072
VP_ASSIST_PAGE: Final = 0x4000_0073
STORED: Final = (GUEST_OS_ID, HYPERCALL, REFERENCE_TSC, VP_ASSIST_PAGE)
READ_ONLY: Final = (VP_INDEX, TIME_REF_COUNT)
# The interrupt controller's registers under a second number; on a machine whose controller is
# memory-mapped they are the cheaper way to it.
APIC_REGISTERS: Final[Mapping[int, int]] = MappingProxyType(
    {EOI: MSR_X2APIC_EOI, ICR: MSR_X2APIC_ICR, TPR: MSR_X2APIC_TPR}
)
SPIN_WAIT, POST_MESSAGE, SIGNAL_EVENT = 0x8, 0x5C, 0x5D
CALLS: Final[Mapping[int, str]] = MappingProxyType(
    {
        SPIN_WAIT: "notify_long_spin_wait",
        POST_MESSAGE: "post_message",
        SIGNAL_EVENT: "signal_event",
    }
)
CALL_CODE: Final = 0xFFFF
FAST: Final = 1 << 16
STATUS_SUCCESS: Final = 0
STATUS_INVALID_HYPERCALL_CODE: Final = 2
STATUS_INVALID_HYPERCALL_INPUT: Final = 3
STATUS_INVALID_ALIGNMENT: Final = 4
STATUS_INVALID_PARAMETER: Final = 5
STATUS_INVALID_CONNECTION_ID: Final = 18
STATUS_INSUFFICIENT_BUFFERS: Final = 19
MESSAGE_HEADER: Final = 16  # connection, reserved, type, size; the payload follows
PAYLOAD_BYTES: Final = 240
TYPE_RESERVED: Final = 1 << 31  # message types with this bit are the hypervisor's own


class Refused(Exception):
    """A hypercall that is not done, and the status that says why."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"status {status}")


class Connections(Protocol):
    """What a guest's messages and signals reach by number: in a machine here, the VMBus."""

    @property
    def full(self) -> bool:
        """Whether no further message can be kept."""

    def message(self, connection: int, payload: bytes) -> bool:
        """Take a message; whether there is such a connection."""

    def signal(self, connection: int) -> bool:
        """Take a signal; whether there is such a connection."""


class HypervInterface(GuestInterface):
    """For one virtual CPU."""

    def __init__(self, board: Board, cpu: Cpu) -> None:
        self.board = board
        self.cpu = cpu
        self.lazy_eoi = LazyEoi(board.memory, cpu.apic)
        self.msrs = dict.fromkeys(STORED, 0)
        self.synic = Synic(board, cpu.apic)
        self.vmbus: Connections | None = None  # where the root partition offers a device

    # Hypercalls -----------------------------------------------------------------------------

    def hypercall(self, cpu: Cpu) -> str | None:
        """The call in rcx; #UD outside ring 0 and until the hypercall page is there."""
        if cpu.cpl != 0 or not self.msrs[HYPERCALL] & 1:
            return None
        control, status = cpu.regs[RCX], STATUS_SUCCESS
        try:
            self._perform(control & CALL_CODE, control & ~CALL_CODE, cpu.regs[RDX])
        except Refused as refused:
            status = refused.status
        cpu.regs[RAX] = status
        return CALLS.get(control & CALL_CODE, "unknown")

    def _perform(self, code: int, control: int, given: int) -> None:
        if code not in CALLS:
            raise Refused(STATUS_INVALID_HYPERCALL_CODE)
        if control not in (0, FAST) or (code == POST_MESSAGE and control):
            raise Refused(STATUS_INVALID_HYPERCALL_INPUT)  # more than registers can hold
        if code == SIGNAL_EVENT:
            if not control:
                given = int.from_bytes(self._input(given, 8), "little")
            self._signal(given & 0xFFFF_FFFF, given >> 32)
        elif code == POST_MESSAGE:
            self._post(self._input(given, MESSAGE_HEADER + PAYLOAD_BYTES))

    def _input(self, address: int, size: int) -> bytes:
        """A call's input in the guest's memory: aligned, within one page, and really there.
        Where no memory is, Hyper-V tells the root partition; here the call is refused."""
        if address & 7 or (address & PAGE_BYTES - 1) + size > PAGE_BYTES:
            raise Refused(STATUS_INVALID_ALIGNMENT)
        if not self.board.dma.in_range(address, size):
            raise Refused(STATUS_INVALID_PARAMETER)
        return self.board.dma.read(address, size)

    def _signal(self, connection: int, flag: int) -> None:
        """HvCallSignalEvent. A channel's port has one flag: another number is none of it."""
        if flag:
            raise Refused(STATUS_INVALID_PARAMETER)
        if self.vmbus is None or not self.vmbus.signal(connection):
            raise Refused(STATUS_INVALID_CONNECTION_ID)

    def _post(self, raw: bytes) -> None:
        """HvCallPostMessage."""
        connection, _, kind, size = words_of(raw[:MESSAGE_HEADER])
        if not 0 < kind < TYPE_RESERVED or size > PAYLOAD_BYTES:
            raise Refused(STATUS_INVALID_PARAMETER)
        if self.vmbus is not None and self.vmbus.full:
            raise Refused(STATUS_INSUFFICIENT_BUFFERS)
        payload = raw[MESSAGE_HEADER : MESSAGE_HEADER + size]
        if self.vmbus is None or not self.vmbus.message(connection, payload):
            raise Refused(STATUS_INVALID_CONNECTION_ID)

    # Registers ------------------------------------------------------------------------------

    def has_msr(self, number: int) -> bool:
        """Those of this file, and the synthetic interrupt controller's."""
        own = number in self.msrs or number in READ_ONLY or number in APIC_REGISTERS
        return own or self.synic.has_msr(number)

    def read_msr(self, number: int) -> int:
        """What was written, the time, or the interrupt controller's register."""
        if number == VP_INDEX:
            return self.cpu.apic.identity
        if number == TIME_REF_COUNT:
            return self.cpu.time_stamp() // HYPERV_UNIT
        if number in APIC_REGISTERS:
            return self.cpu.apic.read(APIC_REGISTERS[number])
        return self.synic.read_msr(number) if self.synic.has_msr(number) else self.msrs[number]

    def write_msr(self, number: int, value: int) -> None:
        """Turn a page on or off, or write the interrupt controller's register."""
        if number in READ_ONLY:
            raise fault(GP, 0)
        if number in APIC_REGISTERS:
            self.cpu.apic.write(APIC_REGISTERS[number], value)
            return
        if self.synic.has_msr(number):
            self.synic.write_msr(number, value)
            return
        page = value & ~0xFFF if value & 1 else None
        if number == HYPERCALL:
            value = self._hypercall_page(value, page)
        elif number == VP_ASSIST_PAGE:
            self.lazy_eoi.turn_on(page)
        elif number == REFERENCE_TSC and page is not None:
            write_reference_tsc(self.board.memory, page)
        elif number == GUEST_OS_ID and not value:
            self.msrs[HYPERCALL] &= ~1  # a guest without a name has no hypercalls
        self.msrs[number] = value

    def _hypercall_page(self, value: int, page: int | None) -> int:
        """Fill the page; without a name the register stays off."""
        if page is None or not self.msrs[GUEST_OS_ID]:
            return value & ~1
        guest_page(self.board.memory, page)
        stub = (hypercall_instruction(self.cpu.vendor), make("ret"))
        write_words(self.board.memory, page, [word for ins in stub for word in encode(ins)])
        return value

    # Interrupts -----------------------------------------------------------------------------

    def accept(self, apic: Apic, vector: int) -> None:
        """A source with AutoEOI needs no end of interrupt: its interrupt is never in service."""
        if self.synic.acknowledges(vector):
            apic.requested &= ~(1 << vector)
        else:
            apic.accept(vector)

    def exited(self) -> None:
        """See whether the guest has acknowledged."""
        self.lazy_eoi.exited()

    def entering(self) -> None:
        """Offer the lazy acknowledgement."""
        self.lazy_eoi.entering()
