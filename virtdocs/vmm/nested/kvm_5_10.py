"""The exit path of KVM in Linux 5.10: arch/x86/kvm/vmx/vmx.c and arch/x86/kvm/x86.c.

Function names at each step are those of that version. It keeps more registers than before and
reads each once; `in` and `out` are done without its emulator, and so is a write that only
notifies (``KVM_FAST_MMIO_BUS``). As a guest itself it does not trust the instruction length
of an EPT misconfiguration and decodes the instruction to skip it.
"""

from __future__ import annotations

from typing import Final

from virtdocs.trace import ExitReason
from virtdocs.vmm.nested.kvm_vcpu import WINDOW, KvmVcpu
from virtdocs.vmm.vmcs import Field

SKIPPED: Final = (
    ExitReason.CPUID, ExitReason.MSR_READ, ExitReason.MSR_WRITE, ExitReason.HLT,
    ExitReason.XSETBV, ExitReason.INVD,
)  # fmt: skip


class Kvm510(KvmVcpu):
    """vmx_vcpu_run, vmx_handle_exit and the handlers of Linux 5.10."""

    def read_exit(self) -> int:
        """The reason first."""
        self.vmx.read(Field.EXIT_REASON)
        return self.vmx.read(Field.IDT_VECTORING_INFO)

    def handle(self, reason: ExitReason, completed: bool) -> None:
        """kvm_vmx_exit_handlers."""
        if reason in SKIPPED:
            self.event |= self.acknowledges(reason)
            self._skip_if(completed)
        elif reason is ExitReason.HYPERCALL:  # kvm_emulate_hypercall: 64 bits? which ring?
            self.once(Field.GUEST_CS_ACCESS_RIGHTS)
            self.once(Field.GUEST_SS_ACCESS_RIGHTS)
            self._skip_if(completed)
        elif reason is ExitReason.IO:
            self._port(completed)
        elif reason is ExitReason.CR_ACCESS:
            self._control_register(completed)
        elif reason is ExitReason.NESTED_FAULT:  # handle_ept_violation
            self.once(Field.EXIT_QUALIFICATION)
            self.vmx.read(Field.GUEST_PHYSICAL_ADDRESS)
        elif reason is ExitReason.MMIO:  # handle_ept_misconfig
            self.vmx.read(Field.GUEST_PHYSICAL_ADDRESS)
            if self.notification:
                self._skip_decoded()
            else:
                self._emulate(completed)
        elif reason is ExitReason.EXTERNAL_INTERRUPT:  # handle_external_interrupt_irqoff
            self.once(Field.EXIT_INTERRUPTION_INFO)
        elif reason is ExitReason.INTERRUPT_WINDOW:
            self._set_window(False)
            self.event = True

    def interrupt(self) -> None:
        """vmx_interrupt_blocked, asked before and again after (inject_pending_event's WARN_ON)."""
        for _ in range(2):
            self.once(Field.GUEST_RFLAGS)
            self.vmx.read(Field.GUEST_INTERRUPTIBILITY)

    def want_window(self) -> None:
        """The controls are kept in memory and written when they change."""
        self.once(Field.GUEST_RFLAGS)
        self._set_window(True)
        self.event = True

    def mark_fault(self) -> None:
        """RF is set in RFLAGS; the flag itself is none of this machine's."""
        self.vmx.write(Field.GUEST_RFLAGS, self.once(Field.GUEST_RFLAGS))

    def _set_window(self, on: bool) -> None:
        """exec_controls_setbit and exec_controls_clearbit."""
        wanted = self.controls | WINDOW if on else self.controls & ~WINDOW
        if wanted != self.controls:
            self.controls = wanted
            self.vmx.write(Field.PRIMARY_CONTROLS, wanted)

    def _skip_if(self, completed: bool) -> None:
        if completed:  # kvm_skip_emulated_instruction looks for a single step first
            self.once(Field.GUEST_RFLAGS)
            self.skip()

    def _port(self, completed: bool) -> None:
        """handle_io, kvm_fast_pio; with a user exit also where it was, before and after."""
        self.once(Field.EXIT_QUALIFICATION)
        if self.user:
            self.once(Field.GUEST_CS_ACCESS_RIGHTS)  # kvm_get_linear_rip
            self.once(Field.GUEST_RIP)
            self._to_user_space()
        self._skip_if(completed)

    def _to_user_space(self) -> None:
        self.once(Field.GUEST_RFLAGS)  # post_kvm_run_save
        self.swap_msrs()

    def _control_register(self, completed: bool) -> None:
        """handle_cr: kvm_set_cr0 and kvm_set_cr4 read the bits that are the guest's first."""
        detail = self.detail
        self.once(Field.EXIT_QUALIFICATION)
        if completed and detail["write"] and detail["cr"] in (0, 4):
            self.once(Field.GUEST_CR0 if detail["cr"] == 0 else Field.GUEST_CR4)
            self.write_control(detail)
        self._skip_if(completed)

    def _decode(self) -> None:
        """init_emulate_ctxt, and the walk that fetches the instruction."""
        self.once(Field.GUEST_CS_ACCESS_RIGHTS)
        self.once(Field.GUEST_RFLAGS)
        self.once(Field.GUEST_RIP)
        self.once(Field.GUEST_SS_ACCESS_RIGHTS)
        self.once(Field.GUEST_CR3)

    def _skip_decoded(self) -> None:
        """skip_emulated_instruction under a hypervisor: EMULTYPE_SKIP."""
        self._decode()
        self.emulated()
        self.clear_interrupt_shadow()

    def _emulate(self, completed: bool) -> None:
        """x86_emulate_instruction; its results are written unless the instruction faulted."""
        self._decode()
        if self.user:
            self._to_user_space()
        if completed:
            if self.vmx.read(Field.GUEST_INTERRUPTIBILITY):  # toggle_interruptibility
                self.clear_interrupt_shadow()
            self.emulated()
            self.vmx.write(Field.GUEST_RFLAGS, self.cpu.rflags)
