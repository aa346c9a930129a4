"""KVM's interface to its guests: hypercalls by vmcall or vmmcall, and two of its MSRs.

Numbers and results as in Linux' include/uapi/linux/kvm_para.h and
Documentation/virt/kvm/x86/hypercalls.rst: number in rax, arguments in rbx, rcx, rdx,
rsi; a number that KVM does not know gives -KVM_ENOSYS, a caller outside ring 0
-KVM_EPERM. Real KVM patches the other vendor's instruction in the guest's code when it
meets one; here it stays what the processor makes of it, #UD.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import GP, RAX, RBX, RCX, RDX, RSI, WORD_MASK
from virtdocs.machine.traps import fault
from virtdocs.vmm.enlightenments import LazyEoi, write_kvm_clock
from virtdocs.vmm.guest_interface import GuestInterface

ENOSYS: Final = -1000
EPERM: Final = -1
MSR_SYSTEM_TIME: Final = 0x4B56_4D01
MSR_PV_EOI: Final = 0x4B56_4D04
MSRS: Final = (MSR_SYSTEM_TIME, MSR_PV_EOI)
HYPERCALLS: Final[Mapping[int, str]] = MappingProxyType(
    {1: "vapic_poll_irq", 10: "send_ipi", 11: "sched_yield"}
)
SEND_IPI: Final = 10
IPI_BITS: Final = 128  # of one call's map of destinations


class KvmInterface(GuestInterface):
    """For one virtual CPU."""

    def __init__(self, board: Board, cpu: Cpu) -> None:
        self.board = board
        self.cpu = cpu
        self.lazy_eoi = LazyEoi(board.memory, cpu.apic)
        self.msrs = dict.fromkeys(MSRS, 0)

    def hypercall(self, cpu: Cpu) -> str:
        """The call in rax; its result replaces the number."""
        regs = cpu.regs
        number = regs[RAX]
        name = HYPERCALLS.get(number, "unknown")
        if cpu.cpl != 0:
            result = EPERM
        elif number == SEND_IPI:
            result = self._send_ipi(regs[RBX] | regs[RCX] << 64, regs[RDX], regs[RSI] & 0xFF)
        else:
            result = 0 if number in HYPERCALLS else ENOSYS
        regs[RAX] = result & WORD_MASK
        return name

    def _send_ipi(self, destinations: int, first: int, vector: int) -> int:
        """Interrupt each CPU of the map; how many there were."""
        found = 0
        for n in range(IPI_BITS):
            cpu = first + n
            if destinations >> n & 1 and cpu < len(self.board.cpus):
                self.board.cpus[cpu].apic.request(vector)
                found += 1
        return found

    def has_msr(self, number: int) -> bool:
        """Those of this file."""
        return number in self.msrs

    def read_msr(self, number: int) -> int:
        """What was written."""
        return self.msrs[number]

    def write_msr(self, number: int, value: int) -> None:
        """Bit 0 turns it on; the address is that of a word."""
        if value & 2 or (number == MSR_PV_EOI and value & 4):
            raise fault(GP, 0)
        address = value & ~7 if value & 1 else None
        if number == MSR_PV_EOI:
            self.lazy_eoi.turn_on(address)
        elif address is not None:
            write_kvm_clock(self.board.memory, address, self.cpu.time_stamp())
        self.msrs[number] = value

    def exited(self) -> None:
        """See whether the guest has acknowledged."""
        self.lazy_eoi.exited()

    def entering(self) -> None:
        """Offer the lazy acknowledgement."""
        self.lazy_eoi.entering()
