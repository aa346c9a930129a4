"""The exit path of KVM in Linux 3.4 (May 2012): arch/x86/kvm/vmx.c and arch/x86/kvm/x86.c.

Function names at each step are those of that version. `in` and every device access in memory
go through its emulator, which reads RSP and marks all registers as changed; an interrupt
window is a VMREAD and a VMWRITE; on the way back from user space the host's FS and GS are
written anew (vmx_save_host_state).
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.registers import EFER_SCE, MSR_FMASK, MSR_LSTAR, MSR_STAR, RSP
from virtdocs.trace import ExitReason
from virtdocs.vmm.nested.kvm_vcpu import WINDOW, KvmVcpu
from virtdocs.vmm.vmcs import Field

SKIPPED: Final = (
    ExitReason.CPUID, ExitReason.MSR_READ, ExitReason.MSR_WRITE, ExitReason.HLT, ExitReason.XSETBV,
)  # fmt: skip
HOST_STATE: Final = (
    Field.HOST_FS_SELECTOR, Field.HOST_GS_SELECTOR, Field.HOST_FS_BASE, Field.HOST_GS_BASE,
)  # fmt: skip


class Kvm34(KvmVcpu):
    """vmx_vcpu_run, vmx_handle_exit and the handlers of Linux 3.4."""

    def read_exit(self) -> int:
        """The reason last."""
        cut_short = self.vmx.read(Field.IDT_VECTORING_INFO)
        self.vmx.read(Field.EXIT_REASON)
        return cut_short

    def handle(self, reason: ExitReason, completed: bool) -> None:
        """kvm_vmx_exit_handlers."""
        if reason in SKIPPED:
            self.event |= self.acknowledges(reason)
            self._skip_if(completed)
        elif reason is ExitReason.HYPERCALL:  # handle_vmcall skips first, then asks for the ring
            self._skip_if(completed)
            self.once(Field.GUEST_CS_SELECTOR)
        elif reason is ExitReason.IO:
            self._port(completed)
        elif reason is ExitReason.CR_ACCESS:
            self._control_register(completed)
        elif reason is ExitReason.NESTED_FAULT:  # handle_ept_violation
            self.vmx.read(Field.EXIT_QUALIFICATION)
            self.vmx.read(Field.GUEST_PHYSICAL_ADDRESS)
        elif reason is ExitReason.MMIO:  # handle_ept_misconfig
            self.vmx.read(Field.GUEST_PHYSICAL_ADDRESS)
            self._emulate(completed)
        elif reason is ExitReason.INVD:
            self._emulate(completed)
        elif reason is ExitReason.INTERRUPT_WINDOW:
            self._set_window(False)
            self.event = True

    def interrupt(self) -> None:
        """vmx_interrupt_allowed."""
        self.vmx.read(Field.GUEST_RFLAGS)
        self.vmx.read(Field.GUEST_INTERRUPTIBILITY)

    def want_window(self) -> None:
        """enable_irq_window reads and writes, whatever was there."""
        self.vmx.read(Field.GUEST_RFLAGS)
        self._set_window(True)
        self.event = True

    def mark_fault(self) -> None:
        """inject_pending_event leaves RFLAGS alone."""

    def _set_window(self, on: bool) -> None:
        controls = self.vmx.read(Field.PRIMARY_CONTROLS)
        self.vmx.write(Field.PRIMARY_CONTROLS, controls | WINDOW if on else controls & ~WINDOW)

    def _skip_if(self, completed: bool) -> None:
        if completed:
            self.skip()

    def _port(self, completed: bool) -> None:
        """handle_io: `out` is skipped and then done, `in` goes through the emulator."""
        self.vmx.read(Field.EXIT_QUALIFICATION)
        if not self.detail["write"]:
            self._emulate(completed)
            return
        self._skip_if(completed)
        if self.user:
            self._to_user_space()

    def _to_user_space(self) -> None:
        self.once(Field.GUEST_RFLAGS)  # post_kvm_run_save
        self.swap_msrs()
        for field in HOST_STATE:
            self.vmx.write(field, 0)

    def system_call_msrs(self) -> tuple[int, ...]:
        """setup_msrs: in long mode all but STAR, whether the guest has system calls or not."""
        calls = bool(self.cpu.efer & EFER_SCE)
        return (MSR_FMASK, MSR_LSTAR, MSR_STAR) if calls else (MSR_FMASK, MSR_LSTAR)

    def _control_register(self, completed: bool) -> None:
        """handle_cr: CR0 is the hypervisor's while the guest uses no FPU; some of CR4 is not."""
        detail = self.detail
        self.vmx.read(Field.EXIT_QUALIFICATION)
        if completed and detail["write"] and detail["cr"] in (0, 4):
            self.once(Field.GUEST_CR3 if detail["cr"] == 0 else Field.GUEST_CR4)
            self.write_control(detail)
        self._skip_if(completed)

    def _emulate(self, completed: bool) -> None:
        """x86_emulate_instruction: init_emulate_ctxt, the walk that fetches, the results."""
        for field in (
            Field.GUEST_RSP, Field.GUEST_RIP, Field.GUEST_CS_ACCESS_RIGHTS, Field.GUEST_RFLAGS,
            Field.GUEST_CS_SELECTOR, Field.GUEST_CR3,
        ):  # fmt: skip
            self.once(field)
        if self.user:
            self._to_user_space()
        if completed:
            self.vmx.read(Field.GUEST_INTERRUPTIBILITY)  # toggle_interruptibility: get, then set
            self.clear_interrupt_shadow()
            self.vmx.write(Field.GUEST_RFLAGS, self.cpu.rflags)
            self.event = True
            self.emulated()
        # cache_all_regs has marked all as changed.
        self.changed[Field.GUEST_RSP] = self.cpu.regs[RSP]
        self.changed[Field.GUEST_RIP] = self.cpu.rip
