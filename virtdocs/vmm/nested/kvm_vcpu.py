"""KVM as the hypervisor in a guest: what its exit path reads and writes in a VMCS.

On the hardware such an access is an instruction of a few dozen cycles; in a guest it may be an
exit. So how many there are decides what an exit of the guest's guest costs. Here is what the
versions have in common; what they do differently is in kvm_3_4.py and kvm_5_10.py, each from
the source of that version, function by function. What they do for a feature that this machine
has not, they do not do here: APICv, a page-modification log, NMIs, a preemption timer, FPU and
XSAVE state, performance counters, debug registers, speculation control.

A register is read when it is first asked for, and kept until the next entry; RIP and RSP are
written back at the entry if they changed (arch/x86/kvm/kvm_cache_regs.h).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Protocol

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import (
    EFER_SCE,
    MSR_FMASK,
    MSR_LSTAR,
    MSR_STAR,
    MSR_X2APIC_EOI,
    RCX,
    RSP,
)
from virtdocs.trace import ExitReason
from virtdocs.vmm.vmcs import Field, Primary

VALID: Final = 1 << 31  # of an event (SDM vol. 3C table 25-17)
ERROR_CODE: Final = 1 << 11
EXCEPTION: Final = 3 << 8
WINDOW: Final = int(Primary.INTERRUPT_WINDOW_EXITING)


class Vmx(Protocol):
    """The instructions that leave for the hypervisor below."""

    def read(self, field: Field) -> int:
        """VMREAD."""

    def write(self, field: Field, value: int) -> None:
        """VMWRITE."""

    def write_msr(self, number: int) -> None:
        """WRMSR, of a register that the hypervisor has for itself."""

    def resume(self) -> None:
        """VMRESUME."""


class KvmVcpu(ABC):
    """One virtual CPU of KVM's, in mid-life: it has run before and will again."""

    def __init__(self, vmx: Vmx, cpu: Cpu, controls: int) -> None:
        self.vmx = vmx
        self.cpu = cpu
        self.controls = controls  # the primary controls as it wrote them last
        self.detail: dict[str, int] = {}  # of the exit that is being handled
        self.stack = 0  # RSP at that exit
        self.cut_short = 0  # the event whose delivery it cut short
        self.known: dict[Field, int] = {}  # read since the last entry
        self.changed: dict[Field, int] = {}  # to be written at the next one
        self.event = False  # KVM_REQ_EVENT: look for something to inject
        # Where the instruction's device access went: on to user space, or into a queue.
        self.user = False
        self.notification = False

    def once(self, field: Field) -> int:
        """A field that is kept after the first VMREAD."""
        if field not in self.known:
            self.known[field] = self.vmx.read(field)
        return self.known[field]

    # What the versions do differently --------------------------------------------------------

    @abstractmethod
    def read_exit(self) -> int:
        """vmx_vcpu_run after the guest has left: the event whose delivery was cut short, or 0."""

    @abstractmethod
    def handle(self, reason: ExitReason, completed: bool) -> None:
        """The reason's handler; ``completed``: the instruction is done, else it faulted."""

    @abstractmethod
    def interrupt(self) -> None:
        """inject_pending_event for an interrupt that the guest is open for."""

    @abstractmethod
    def want_window(self) -> None:
        """The same for one that it is not open for: enable_irq_window."""

    @abstractmethod
    def mark_fault(self) -> None:
        """What inject_pending_event does to RFLAGS before a fault."""

    # In common --------------------------------------------------------------------------------

    def left(self, detail: dict[str, int]) -> None:
        """The guest has left: up to vmx_handle_exit."""
        self.detail = detail
        self.stack = self.cpu.regs[RSP]
        self.cut_short = self.read_exit()

    def inject(self, vector: int) -> None:
        """Deliver an interrupt at the next entry: vmx_inject_irq, then the TPR threshold."""
        self.interrupt()
        self.vmx.write(Field.ENTRY_INTERRUPTION_INFO, vector | VALID)
        self.vmx.write(Field.TPR_THRESHOLD, 0)
        self.event = False

    def reinject(self) -> None:
        """The event again whose delivery was cut short (vmx_complete_interrupts)."""
        self.vmx.write(Field.ENTRY_INTERRUPTION_INFO, self.cut_short)

    def fault(self, vector: int, error_code: int | None) -> None:
        """Deliver an exception at the next entry: vmx_queue_exception."""
        self.mark_fault()
        info = vector | EXCEPTION | VALID
        if error_code is not None:
            self.vmx.write(Field.ENTRY_EXCEPTION_ERROR_CODE, error_code)
            info |= ERROR_CODE
        self.vmx.write(Field.ENTRY_INTERRUPTION_INFO, info)
        self.event = True

    def enter(self) -> None:
        """vcpu_enter_guest up to VMRESUME."""
        if self.event:  # update_cr8_intercept
            self.vmx.write(Field.TPR_THRESHOLD, 0)
            self.event = False
        for field in (Field.GUEST_RSP, Field.GUEST_RIP):
            if field in self.changed:
                self.vmx.write(field, self.changed[field])
        self.known.clear()
        self.changed.clear()
        self.user = self.notification = False
        self.vmx.resume()

    def skip(self) -> None:
        """skip_emulated_instruction: the next instruction, and no interrupt shadow."""
        rip = self.once(Field.GUEST_RIP) + self.vmx.read(Field.EXIT_INSTRUCTION_LENGTH)
        self.changed[Field.GUEST_RIP] = rip
        self.clear_interrupt_shadow()

    def clear_interrupt_shadow(self) -> None:
        """vmx_set_interrupt_shadow(vcpu, 0): written only when it was set."""
        if self.vmx.read(Field.GUEST_INTERRUPTIBILITY):
            self.vmx.write(Field.GUEST_INTERRUPTIBILITY, 0)

    def emulated(self) -> None:
        """The emulator's results: registers as the emulated instruction left them."""
        self.changed[Field.GUEST_RIP] = self.cpu.rip
        if self.cpu.regs[RSP] != self.stack:
            self.once(Field.GUEST_RSP)
            self.changed[Field.GUEST_RSP] = self.cpu.regs[RSP]

    def delivered(self) -> None:
        """It delivered an event itself, through the guest's tables: these registers changed."""
        self.emulated()
        self.vmx.write(Field.GUEST_RFLAGS, self.cpu.rflags)

    def acknowledges(self, reason: ExitReason) -> bool:
        """The guest's end of interrupt: kvm_lapic then asks for KVM_REQ_EVENT."""
        return reason is ExitReason.MSR_WRITE and self.cpu.regs[RCX] == MSR_X2APIC_EOI

    def system_call_msrs(self) -> tuple[int, ...]:
        """Those that KVM swaps only on the way to user space and back (user return MSRs)."""
        calls = bool(self.cpu.efer & EFER_SCE)
        return (MSR_FMASK, MSR_LSTAR, MSR_STAR) if calls else ()

    def swap_msrs(self) -> None:
        """Its own values for user space, the guest's before the next entry."""
        for _ in range(2):
            for number in self.system_call_msrs():
                self.vmx.write_msr(number)

    def write_control(self, detail: dict[str, int]) -> None:
        """vmx_set_cr0, vmx_set_cr4: what the guest reads, and what the processor uses."""
        if detail["cr"] == 0:
            self.vmx.write(Field.CR0_READ_SHADOW, self.cpu.cr0)
            self.vmx.write(Field.GUEST_CR0, self.cpu.cr0)
        else:
            self.vmx.write(Field.CR4_READ_SHADOW, self.cpu.cr4)
            self.vmx.write(Field.GUEST_CR4, self.cpu.cr4)
