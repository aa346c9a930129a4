"""Hyper-V's interface to its guests: a hypercall page and synthetic MSRs.

Numbers as in Microsoft's Hypervisor Top-Level Functional Specification. A guest names
itself first (HV_X64_MSR_GUEST_OS_ID), then has the hypercall page filled; before that a
hypercall is #UD. Call code in rcx, status in rax.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import write_words
from virtdocs.machine.isa import encode
from virtdocs.machine.registers import (
    GP,
    MSR_X2APIC_EOI,
    MSR_X2APIC_ICR,
    MSR_X2APIC_TPR,
    RAX,
    RCX,
)
from virtdocs.machine.traps import fault
from virtdocs.vmm.domain_builder import hypercall_instruction
from virtdocs.vmm.enlightenments import HYPERV_UNIT, LazyEoi, guest_page, write_reference_tsc
from virtdocs.vmm.guest_interface import GuestInterface
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
CALLS: Final[Mapping[int, str]] = MappingProxyType({0x8: "notify_long_spin_wait"})
STATUS_SUCCESS: Final = 0
STATUS_INVALID_HYPERCALL_CODE: Final = 2


class HypervInterface(GuestInterface):
    """For one virtual CPU."""

    def __init__(self, board: Board, cpu: Cpu) -> None:
        self.board = board
        self.cpu = cpu
        self.lazy_eoi = LazyEoi(board.memory, cpu.apic)
        self.msrs = dict.fromkeys(STORED, 0)

    def hypercall(self, cpu: Cpu) -> str | None:
        """The call in rcx; #UD outside ring 0 and until the hypercall page is there."""
        if cpu.cpl != 0 or not self.msrs[HYPERCALL] & 1:
            return None
        name = CALLS.get(cpu.regs[RCX] & 0xFFFF)
        cpu.regs[RAX] = STATUS_SUCCESS if name else STATUS_INVALID_HYPERCALL_CODE
        return name or "unknown"

    def has_msr(self, number: int) -> bool:
        """Those of this file."""
        return number in self.msrs or number in READ_ONLY or number in APIC_REGISTERS

    def read_msr(self, number: int) -> int:
        """What was written, the time, or the interrupt controller's register."""
        if number == VP_INDEX:
            return self.cpu.apic.identity
        if number == TIME_REF_COUNT:
            return self.cpu.time_stamp() // HYPERV_UNIT
        if number in APIC_REGISTERS:
            return self.cpu.apic.read(APIC_REGISTERS[number])
        return self.msrs[number]

    def write_msr(self, number: int, value: int) -> None:
        """Turn a page on or off, or write the interrupt controller's register."""
        if number in READ_ONLY:
            raise fault(GP, 0)
        if number in APIC_REGISTERS:
            self.cpu.apic.write(APIC_REGISTERS[number], value)
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

    def exited(self) -> None:
        """See whether the guest has acknowledged."""
        self.lazy_eoi.exited()

    def entering(self) -> None:
        """Offer the lazy acknowledgement."""
        self.lazy_eoi.entering()
