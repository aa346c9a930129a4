"""VMX and SVM: the guest's kernel runs in ring 0 of guest mode, and leaves by VM exits.

The hardware delivers the guest's own exceptions and software interrupts; it exits
for what the control structure asks for. The monitor handles an exit in software,
mostly by performing the instruction on the virtual CPU, and enters again: the
hardware makes the crossing, it does not do the work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import (
    can_interrupt,
    deliver_exception,
    deliver_interrupt,
    deliver_software_interrupt,
)
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.paging import Access
from virtdocs.machine.registers import CR0_WP, RAX, RDX, VECTOR_NAMES
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, ExitReason, Party
from virtdocs.vmm.emulate import MonitorMmu, Unhindered, emulate
from virtdocs.vmm.exit_loop import Shutdown
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.native import NativeEngine
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.permission_maps import PortMap
from virtdocs.vmm.shadow_paging import FaultKind, ShadowView

DEVICE_REASONS = (ExitReason.IO, ExitReason.MMIO)
MSR_REASONS = (ExitReason.MSR_READ, ExitReason.MSR_WRITE)
LOW_HALF = 0xFFFF_FFFF


class ControlStructure(Protocol):
    """A VMCS or a VMCB."""

    ports: PortMap

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        """Whether the hardware exits for this."""

    nested_root: int
    interrupt_window: bool
    tagged_tlb: bool

    def save_exit(self, cpu: Cpu, reason: ExitReason, qualification: int) -> None:
        """Write the exit information and the guest's place."""

    def inject(self, vector: int | None, kind: int = 0) -> None:
        """Set up an event for the next entry, or clear it."""


class HardwareAssistEngine(NativeEngine):
    """One virtual CPU in guest mode, with nested or shadow paging."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        structure: ControlStructure,
        paging: NestedPaging | ShadowView,
        io_path: IoPath,
        *,
        posted_interrupts: bool = False,
        interface: GuestInterface | None = None,
    ) -> None:
        super().__init__(board, cpu)
        self.structure = structure
        self.paging = paging
        self.io_path = io_path
        self.posted_interrupts = posted_interrupts
        self.interface = interface or GuestInterface()
        self.monitor_mmu = MonitorMmu(board.memory, board.levels, paging)
        self._known_requests = 0
        self._in_monitor = True  # no guest instruction has run since the last exit
        # First VM entry: from here on the CPU's accesses go through the monitor's tables.
        cpu.controls = structure
        if isinstance(paging, NestedPaging):
            paging.mmu.nested_root = structure.nested_root
        self.monitor_mmu.root = cpu.cr3 >> PAGE_SHIFT
        paging.activate(cpu.cr3 >> PAGE_SHIFT)

    # Running ------------------------------------------------------------------------------

    def run_one(self, ins: Instruction | None = None) -> None:
        """One guest instruction, and its exit if it has one."""
        self._in_monitor = False
        super().run_one(ins)

    def went_on(self) -> None:
        """Guest code ran since the last exit."""
        self._in_monitor = False

    def dispatch(self, trap: Trap) -> None:
        """The hardware's own business stays with it; an exit goes to the monitor."""
        if trap.kind is TrapKind.EXIT:
            self.handle_exit(trap)
        else:
            super().dispatch(trap)

    # Interrupts ---------------------------------------------------------------------------

    def boundary(self) -> None:
        """A request that arrives while the guest runs exits; delivery waits for IF."""
        cpu = self.cpu
        apic = cpu.apic
        if not apic.requested:
            self._known_requests = 0
            return
        fresh = apic.requested & ~self._known_requests
        self._known_requests = apic.requested
        if fresh and not cpu.halted and not self.posted_interrupts:
            self._exit(ExitReason.EXTERNAL_INTERRUPT)
            self._enter()
        self.interface.exited()
        vector = apic.deliverable()
        if vector is None:
            return
        if not can_interrupt(cpu):
            self.structure.interrupt_window = not self.posted_interrupts
            return
        if self.structure.interrupt_window and not self._in_monitor and not cpu.halted:
            self._exit(ExitReason.INTERRUPT_WINDOW)
            self._enter()
        self.structure.interrupt_window = False
        self.take_interrupt(vector)

    def take_interrupt(self, vector: int) -> None:
        """Inject ``vector`` at entry; the hardware delivers it through the guest's IDT."""
        cpu = self.cpu
        self.interface.accept(cpu.apic, vector)
        self._known_requests = cpu.apic.requested
        self.record(EventKind.IRQ, f"{vector:#x}")
        self.structure.inject(vector)
        self._finish(self._deliver(lambda: deliver_interrupt(cpu, vector)))
        self.structure.inject(None)
        self.interface.entering()

    def software_interrupt(self, trap: Trap) -> None:
        """int n does not exit."""
        refused = self._deliver(lambda: deliver_software_interrupt(self.cpu, trap))
        if refused is None:
            self.board.retire()
        else:
            self.exception(refused)

    def exception(self, trap: Trap) -> None:
        """The guest's own fault goes through the guest's own IDT."""
        self.board.faults += 1
        self.record(EventKind.EXCEPTION, VECTOR_NAMES.get(trap.vector, str(trap.vector)))
        self._finish(self._deliver(lambda: deliver_exception(self.cpu, trap)))

    def _deliver(self, deliver: Callable[[], Trap | None]) -> Trap | None:
        """Delivery by the hardware; where that exits, the monitor mends it or finishes it."""
        try:
            return deliver()
        except Trapped as trapped:
            reason = trapped.trap.reason
            assert reason is not None
            self._exit(reason)
            frame = trapped.trap.detail.get("guest_physical", 0) >> PAGE_SHIFT
            access = Access(trapped.trap.detail.get("access", Access.READ))
            if isinstance(self.paging, NestedPaging) and self.paging.fill(frame, access):
                self._enter()
                return self._deliver(deliver)
            with Unhindered(self.cpu, self.monitor_mmu):
                outcome = deliver()
            self._sync()
            self._enter()
            return outcome

    # Exits --------------------------------------------------------------------------------

    def handle_exit(self, trap: Trap) -> None:
        """The monitor's one dispatcher: from the exit's reason to what is done about it."""
        reason = trap.reason
        assert reason is not None
        if reason is ExitReason.NESTED_FAULT:
            self._nested_fault(trap)
        elif reason is ExitReason.PAGE_FAULT:
            self._page_fault(trap)
        else:
            self._exit(reason, trap)
            if reason is ExitReason.HYPERCALL:
                self._hypercall()
            elif reason in MSR_REASONS and self.interface.has_msr(trap.detail["msr"]):
                self._synthetic_msr(reason, trap.detail["msr"])
            else:
                self._emulate(reason, trap.ins)
            self._enter()
        self._known_requests = self.cpu.apic.requested
        self._in_monitor = True

    def _nested_fault(self, trap: Trap) -> None:
        assert isinstance(self.paging, NestedPaging)
        filled = self.paging.fill(
            trap.detail["guest_physical"] >> PAGE_SHIFT, Access(trap.detail["access"])
        )
        self._exit(ExitReason.NESTED_FAULT if filled else ExitReason.MMIO, trap)
        if not filled:
            self._emulate(ExitReason.MMIO)
        self._enter()

    def _page_fault(self, trap: Trap) -> None:
        assert isinstance(self.paging, ShadowView)
        address, error = trap.detail["address"], trap.detail["error"]
        kind, guest_fault = self.paging.handle_fault(address, error, bool(self.cpu.cr0 & CR0_WP))
        self._exit(ExitReason.MMIO if kind is FaultKind.MMIO else ExitReason.PAGE_FAULT, trap)
        if guest_fault is not None:
            self._monitor(EventKind.INJECT, "pf")
            self._enter()
            self.exception(guest_fault)
            return
        if kind is not FaultKind.FILLED:
            self._emulate(ExitReason.MMIO if kind is FaultKind.MMIO else ExitReason.PAGE_FAULT)
        self._enter()

    def _hypercall(self) -> None:
        with Unhindered(self.cpu, self.monitor_mmu) as cpu:
            name = self.interface.hypercall(cpu)
        self._sync()
        if name is None:
            self._emulate(ExitReason.HYPERCALL)
            return
        self._monitor(EventKind.HYPERCALL, name)
        self.cpu.rip = self.cpu.rip + INSTRUCTION_BYTES
        self.board.retire()

    def _synthetic_msr(self, reason: ExitReason, number: int) -> None:
        """rdmsr or wrmsr of a register that only the hypervisor has."""
        regs = self.cpu.regs
        try:
            if reason is ExitReason.MSR_WRITE:
                value = (regs[RDX] & LOW_HALF) << 32 | regs[RAX] & LOW_HALF
                self.interface.write_msr(number, value)
            else:
                value = self.interface.read_msr(number)
                regs[RAX], regs[RDX] = value & LOW_HALF, value >> 32
        except Trapped as trapped:
            self._monitor(EventKind.INJECT, VECTOR_NAMES[trapped.trap.vector])
            self.exception(trapped.trap)
            return
        self._monitor(EventKind.EMULATE, str(reason))
        self.cpu.rip += INSTRUCTION_BYTES
        self.board.retire()

    def _emulate(self, reason: ExitReason, ins: Instruction | None = None) -> None:
        """Perform the instruction that exited on the virtual CPU.

        ``ins`` where the exit information says what it was; else the monitor reads it from
        the guest's memory.
        """
        to_device = reason in DEVICE_REASONS
        # Only what exited passes the hypervisor: an assigned device is reached without it.
        self.board.bus.path = self.io_path.reached if to_device else None
        with Unhindered(self.cpu, self.monitor_mmu) as cpu:
            trap = emulate(cpu, ins)
        self.board.bus.path = None
        party = self.io_path.model if to_device else Party.HYPERVISOR
        self._monitor(EventKind.EMULATE, str(reason), party)
        self._sync()
        if trap is None:
            self.board.retire()
        elif trap.kind is TrapKind.FAULT:
            self._monitor(EventKind.INJECT, VECTOR_NAMES.get(trap.vector, str(trap.vector)))
            self.exception(trap)
        else:
            super().dispatch(trap)

    def _sync(self) -> None:
        if isinstance(self.paging, ShadowView):
            self.paging.sync()

    def _exit(self, reason: ExitReason, trap: Trap | None = None) -> None:
        detail = trap.detail if trap is not None else {}
        self.structure.save_exit(self.cpu, reason, next(iter(detail.values()), 0))
        self.record(EventKind.VM_EXIT, str(reason))
        if not self.structure.tagged_tlb:
            # Linear and combined mappings go, guest-physical ones stay (SDM vol. 3C §29.4.3.1).
            self.paging.mmu.flush_linear()
        self.interface.exited()
        self._monitor(EventKind.DISPATCH, str(reason))

    def _enter(self) -> None:
        self.interface.entering()
        self.record(EventKind.VM_ENTRY, "")

    def _monitor(self, kind: EventKind, key: str, party: Party = Party.HYPERVISOR) -> None:
        trace = self.board.trace
        if trace.recording:
            trace.record(kind, key, party, time=self.board.agenda.now, rip=self.cpu.rip)
        else:
            trace.count(kind, key)

    def _finish(self, shutdown: Trap | None) -> None:
        if shutdown is not None:
            self._exit(ExitReason.TRIPLE_FAULT)
            raise Shutdown(shutdown, self.cpu)
