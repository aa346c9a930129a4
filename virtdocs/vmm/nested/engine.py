"""A virtual CPU of the second level: what its hypervisor does passes the one below.

The first level is the hypervisor of hardware_assist.py, and what it does to its guest is the
same code. Between an exit and its handler stands the level below, which hands the exit on;
between the handler and the next entry, KVM's accesses to its control structure, each of which
may leave for that level. The registers that a VMCS holds come from there at an entry, so an
access that is missing is a guest that goes wrong.

The first level keeps control when something is to be injected or its guest waits; else it
resumes its guest at once. What it does for itself beside its exit path is left out (its timers,
its scheduler), but for two things that no exit path can do without: it halts when its guest
does, and it acknowledges the interrupt that made its guest exit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from virtdocs.machine.board import Board
from virtdocs.machine.bus import Range
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import can_interrupt, deliver_interrupt
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.paging import Access
from virtdocs.machine.registers import MSR_X2APIC_EOI
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, ExitReason, LevelOneExit, Party
from virtdocs.vmm.emulate import Unhindered
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.nested.kvm_vcpu import VALID, KvmVcpu
from virtdocs.vmm.nested.level_zero import LevelZero
from virtdocs.vmm.nested.merged_paging import MergedPaging


@dataclass(slots=True, kw_only=True)
class LevelOneIoPath(IoPath):
    """The first level's path to a device: it has to know whether that leads to user space."""

    kvm: KvmVcpu

    def reached(self, range_: Range | None) -> None:
        """As anywhere; and KVM takes note."""
        IoPath.reached(self, range_)
        queued = self.queues_notifications and range_ is not None and range_.notification
        self.kvm.notification = queued
        self.kvm.user = not queued and self.model is not Party.HYPERVISOR


class NestedEngine(HardwareAssistEngine):
    """One virtual CPU two levels up, on VMX with nested paging."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        below: LevelZero,
        kvm: KvmVcpu,
        paging: MergedPaging,
        io_path: LevelOneIoPath,
        interface: GuestInterface,
    ) -> None:
        self.below = below
        self.kvm = kvm
        self.merged = paging
        self.path_below = IoPath(io_path.trace, io_path.model)
        # Why the first level has control; None while its guest runs.
        self.handling: ExitReason | None = None
        paging.level_one.invalidated = lambda: below.left(LevelOneExit.INVEPT)
        super().__init__(board, cpu, below.vmcs02, paging, io_path, interface=interface)

    # Interrupts ---------------------------------------------------------------------------

    def boundary(self) -> None:
        """An interrupt of the host's is one of the first level's, and that one's guest's."""
        cpu, apic = self.cpu, self.cpu.apic
        fresh = apic.requested & ~self._known_requests
        self._known_requests = apic.requested
        if fresh:
            if self.handling is None:
                self._exit(ExitReason.EXTERNAL_INTERRUPT)
                self.kvm.handle(ExitReason.EXTERNAL_INTERRUPT, completed=True)
            self.below.write_msr(MSR_X2APIC_EOI)
        if apic.requested:
            self.interface.exited()
            vector = apic.deliverable()
            if vector is not None and can_interrupt(cpu):
                if self.handling is None:
                    self._exit(ExitReason.INTERRUPT_WINDOW)
                    self.kvm.handle(ExitReason.INTERRUPT_WINDOW, completed=True)
                self.take_interrupt(vector)
                return
        if self.handling is not None:
            self._go_on()

    def take_interrupt(self, vector: int) -> None:
        """The first level injects it; the hardware delivers it at the entry."""
        cpu = self.cpu
        self.interface.accept(cpu.apic, vector)
        self._known_requests = cpu.apic.requested
        self.record(EventKind.IRQ, f"{vector:#x}")
        self.kvm.inject(vector)
        self._resume()
        self._finish(self._delivered(vector, lambda: deliver_interrupt(cpu, vector)))
        self.interface.entering()

    def exception(self, trap: Trap) -> None:
        """The guest's own goes through its IDT; one that its hypervisor raises is injected."""
        if self.handling is not None:
            self.kvm.handle(self.handling, completed=False)
            self.kvm.fault(trap.vector, trap.error)
            self._resume()
        self.below.delivering = trap.vector | VALID
        super().exception(trap)
        self.below.delivering = 0

    def software_interrupt(self, trap: Trap) -> None:
        """int n does not exit; its delivery may."""
        self.below.delivering = trap.vector | VALID
        super().software_interrupt(trap)
        self.below.delivering = 0

    def _delivered(self, vector: int, deliver: Callable[[], Trap | None]) -> Trap | None:
        self.below.delivering = vector | VALID
        outcome = self._deliver(deliver)
        self.below.delivering = 0
        return outcome

    def _deliver(self, deliver: Callable[[], Trap | None]) -> Trap | None:
        try:
            return deliver()
        except Trapped as trapped:
            mended = self._mend(trapped.trap)
            outcome = None
            if mended:
                if self.handling is not None:
                    self.kvm.reinject()
            else:
                with Unhindered(self.cpu, self.monitor_mmu):
                    outcome = deliver()
                self.kvm.handle(ExitReason.MMIO, completed=False)
                self.kvm.delivered()
            if self.handling is not None:
                self._resume()
            return self._deliver(deliver) if mended else outcome

    # Exits --------------------------------------------------------------------------------

    def handle_exit(self, trap: Trap) -> None:
        """The level below looks first: what the first level did not ask for is its own."""
        reason = trap.reason
        assert reason is not None
        if reason is ExitReason.NESTED_FAULT or self.below.vmcs12.wants(reason, trap.detail):
            super().handle_exit(trap)
            return
        self.below.exit(reason, trap.detail)
        first, self.io_path = self.io_path, self.path_below
        self._emulate(reason, trap.ins)
        self.io_path = first
        self.below.go_on()

    def _nested_fault(self, trap: Trap) -> None:
        if not self._mend(trap):
            self._emulate(ExitReason.MMIO)
            self._enter()
        elif self.handling is not None:
            self._go_on()

    def _mend(self, trap: Trap) -> bool:
        """Whether the access can be tried again. Its entry is missing below, or here as well.

        The level below hears of an entry of the first level's at the next attempt only: then
        it finds it, and fills its own.
        """
        assert trap.kind is TrapKind.EXIT
        frame, access = trap.detail["guest_physical"] >> PAGE_SHIFT, Access(trap.detail["access"])
        if self.merged.target(frame, access) is not None:
            self.below.exit(ExitReason.NESTED_FAULT, trap.detail)
            self.merged.fill(frame, access)
            self.below.go_on()
            return True
        memory = self.merged.level_one.memory.given(frame) is not None
        self._exit(ExitReason.NESTED_FAULT if memory else ExitReason.MMIO, trap)
        if memory:
            self.merged.level_one.fill(frame)
            self.kvm.handle(ExitReason.NESTED_FAULT, completed=True)
        return memory

    def _exit(self, reason: ExitReason, trap: Trap | None = None) -> None:
        detail = trap.detail if trap is not None else {}
        self.below.exit(reason, detail)
        self.below.reflect()
        self.handling = reason
        self.kvm.left(detail)
        self.interface.exited()
        self._monitor(EventKind.DISPATCH, str(reason))

    def _enter(self) -> None:
        """The handler has done what the guest sees; now what KVM does in its structure."""
        if self.handling is not None:  # else it has resumed its guest with an exception
            self.kvm.handle(self.handling, completed=True)
            if self.cpu.halted:
                self.below.left(LevelOneExit.HLT)
            self._go_on()

    def _go_on(self) -> None:
        """Resume the guest, unless it waits or takes an interrupt: that is the boundary's."""
        if self.cpu.halted:
            return
        if self.cpu.apic.deliverable() is not None:
            if can_interrupt(self.cpu):
                return
            self.kvm.want_window()
        self.interface.entering()
        self._resume()

    def _resume(self) -> None:
        self.handling = None
        self.kvm.enter()
