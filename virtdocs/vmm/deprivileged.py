"""Ring deprivileging: the guest's kernel runs in ring 1, the monitor in ring 0.

Two CPUs stand for one: ``cpu`` is the virtual one, with the privilege that the
guest believes it has; ``hardware`` is the real one, where ring 0 has become ring 1.
They share the general registers. Trap-and-emulate and binary translation differ in
what code the hardware runs, not in this.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.board import Board, bare_identity
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import (
    deliver_exception,
    deliver_interrupt,
    deliver_software_interrupt,
)
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT, WORDS_PER_PAGE, load_bytes
from virtdocs.machine.paging import Glance, peek
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CR0_PE,
    CR0_PG,
    CR0_WP,
    CR4_TSD,
    CR4_UMIP,
    CS,
    EFER_LME,
    EFER_LMSLE,
    EFER_NXE,
    EFER_SCE,
    FLAGS_ONE,
    IF,
    MSR_EFER,
    PF,
    SS,
    SYSTEM_FLAGS,
    VECTOR_NAMES,
)
from virtdocs.machine.segments import Descriptor, Segment, loaded
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.emulate import MonitorMmu, emulate
from virtdocs.vmm.exit_loop import Shutdown
from virtdocs.vmm.host import Host
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.monitor_region import GUEST_LIMIT, MonitorRegion
from virtdocs.vmm.native import show_execute
from virtdocs.vmm.shadow_paging import FaultKind, ShadowView

CPU_PAGES: Final = 256  # of the region, for each virtual CPU: its GDT first, then its code
KERNEL_RING: Final = 1  # where ring 0 goes


class DeprivilegedEngine:
    """One virtual CPU whose kernel runs in ring 1."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        host: Host,
        paging: ShadowView,
        region: MonitorRegion,
        io_path: IoPath,
    ) -> None:
        self.board = board
        self.cpu = cpu
        self.number = cpu.apic.identity
        self.host = host
        self.io_path = io_path
        board.bus.path = io_path.reached
        self.paging = paging
        self.region = region
        paging.shared.monitor_entry = region.root_entry
        mmu = paging.mmu
        self._gdt_frame = host.monitor_frame()
        gdt_base = region.map(self.gdt_page, self._gdt_frame)
        hardware = Cpu(
            mmu, board.bus, cpu.apic, board.agenda, cpu.vendor, bare_identity(cpu.vendor)
        )
        hardware.regs = cpu.regs
        hardware.cr0 = CR0_PE | CR0_PG | CR0_WP
        long_mode = cpu.efer & EFER_LME
        hardware.msrs[MSR_EFER] = EFER_SCE | EFER_NXE | (long_mode and EFER_LME | EFER_LMSLE)
        hardware.gdtr = (gdt_base, 0)
        hardware.idtr = (gdt_base + 0x800, 0xFFF)
        hardware.monitor_entry = True
        hardware.guard, hardware.resource_guard = host.oracle, host.resource_oracle
        self.hardware = hardware
        self.monitor_mmu = MonitorMmu(board.memory, board.levels, self.paging)
        cpu.mmu = self.monitor_mmu
        # GDTR, and the address space's generation, of the table that the hardware has now.
        self._gdt_source: tuple[tuple[int, int], int] | None = None
        self._gdt_frames: set[int] = set()
        self._gdt_guest: list[int] = []
        self._loaded: list[Segment] = []
        # Segment registers as the guest has them, and what the hardware gets for each.
        self._virtual: list[Segment | None] = [None] * len(cpu.segments)
        self._real: list[Segment] = [Segment(0)] * len(cpu.segments)
        self._known_requests = 0
        cpu.load_cr3(cpu.cr3)
        self.refresh_gdt()
        self.load_hardware()

    # Interrupts and running -------------------------------------------------------------------

    @property
    def gdt_page(self) -> int:
        """The page of the region that holds this CPU's descriptor table."""
        return self.number * CPU_PAGES

    def boundary(self) -> None:
        """A physical interrupt enters the monitor; the guest gets it when its own IF allows."""
        apic = self.cpu.apic
        if not apic.requested:
            self._known_requests = 0
            return
        fresh = apic.requested & ~self._known_requests
        self._known_requests = apic.requested
        if fresh and not self.cpu.halted:
            self.trap_event("timer")
            self.resume()
        vector = apic.deliverable()
        if vector is None or not self.open_for_interrupts():
            return
        self.save_guest()
        apic.accept(vector)
        self._known_requests = apic.requested
        self.monitor_event(EventKind.INJECT, f"{vector:#x}")
        self.guest_event(EventKind.IRQ, f"{vector:#x}")
        self.finish(deliver_interrupt(self.cpu, vector))
        self.back_to_guest()

    def open_for_interrupts(self) -> bool:
        """Whether the virtual CPU would take an interrupt here."""
        return bool(self.cpu.rflags & IF) and self.hardware.interrupt_shadow == 0

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""
        return self.hardware.rip

    def run_one(self, ins: Instruction | None = None) -> None:
        """One instruction on the hardware; what it traps into is the monitor's."""
        if self.board.trace.recording:
            show_execute(self.board, self.hardware)
        trap = self.hardware.step(ins)
        if trap is None:
            self.board.retire()
        else:
            self.handle(trap)

    # The monitor ------------------------------------------------------------------------------

    def handle(self, trap: Trap) -> None:
        """The dispatcher: everything that leaves the guest arrives here."""
        self.save_guest()
        if trap.kind is TrapKind.FAULT and trap.vector == PF:
            self.page_fault(trap)
        elif trap.kind is TrapKind.FAULT:
            self.trap_event(VECTOR_NAMES[trap.vector])
            self.perform()
        elif trap.kind is TrapKind.SYSCALL:
            self.trap_event("syscall_bounce")
            self.perform()
        elif trap.kind is TrapKind.SOFTWARE_INTERRUPT:
            self.trap_event("int")
            self.perform()
        else:
            raise AssertionError(f"ring 1 met {trap.kind}")
        self.resume()
        self._known_requests = self.cpu.apic.requested
        self.back_to_guest()

    def page_fault(self, trap: Trap) -> None:
        """Hidden, the guest's own, a followed page, or a device."""
        assert trap.address is not None
        assert trap.error is not None
        kind, guest_fault = self.paging.handle_fault(
            trap.address, trap.error, bool(self.cpu.cr0 & CR0_WP)
        )
        self.trap_event("page_table_write" if kind is FaultKind.TABLE_WRITE else "pf")
        if guest_fault is not None:
            self.inject(guest_fault)
        elif kind is not FaultKind.FILLED:
            self.perform()

    def perform(self, decode: bool = True) -> None:
        """Perform the instruction at the guest's rip on the virtual CPU.

        After a trap the monitor has to read the instruction first; a callout knows it.
        """
        cpu = self.cpu
        if decode:
            self.monitor_event(EventKind.DECODE, "")
        try:
            ins = cpu.fetch()
        except Trapped as trapped:
            self.after_emulation()
            self.inject(trapped.trap)
            return
        to_device = ins.spec.group == "ports"
        trap = emulate(cpu, ins)
        party = self.io_path.model if to_device else Party.HYPERVISOR
        self.monitor_event(EventKind.EMULATE, ins.spec.name, party)
        self.after_emulation()
        if trap is None:
            self.board.retire()
        elif trap.kind is TrapKind.HALT:
            cpu.rip = cpu.next_rip
            cpu.interrupt_shadow = 0
            cpu.halted = True
            self.board.retire()
        elif trap.kind is TrapKind.SOFTWARE_INTERRUPT:
            refused = deliver_software_interrupt(cpu, trap)
            if refused is None:
                self.board.retire()
            else:
                self.inject(refused)
        else:
            self.inject(trap)

    def inject(self, trap: Trap) -> None:
        """The guest's own fault, through the guest's IDT, by the monitor."""
        self.board.faults += 1
        name = VECTOR_NAMES[trap.vector]
        self.monitor_event(EventKind.INJECT, name)
        self.guest_event(EventKind.EXCEPTION, name)
        self.finish(deliver_exception(self.cpu, trap))

    def after_emulation(self) -> None:
        """Bring what the monitor keeps for the hardware in step with what the guest changed."""
        self.paging.sync()
        if (self.cpu.gdtr, self.paging.shared.generation) != self._gdt_source:
            self.refresh_gdt()

    def back_to_guest(self) -> None:
        """Return to the guest's code."""
        self.after_emulation()
        self.load_hardware()

    def settle(self) -> None:
        """The virtual CPU takes over what the hardware did last."""
        self.save_guest()

    # Virtual and real state -------------------------------------------------------------------

    def load_hardware(self) -> None:
        """Real state from virtual: ring 0 becomes ring 1, limits shrink, IF is always on."""
        cpu, hardware = self.cpu, self.hardware
        hardware.rip = cpu.rip
        hardware.rflags = cpu.rflags & ARITHMETIC_FLAGS | IF | FLAGS_ONE
        hardware.cr4 = cpu.cr4 & (CR4_TSD | CR4_UMIP)
        for number, segment in enumerate(cpu.segments):
            if segment is not self._virtual[number]:
                self._virtual[number] = segment
                self._real[number] = self.deprivileged(number, segment)
        hardware.segments = list(self._real)
        hardware.cpl = hardware.segments[CS].selector & 3
        hardware.segment_base = list(cpu.segment_base)
        hardware.interrupt_shadow = cpu.interrupt_shadow
        self._loaded = list(hardware.segments)

    @staticmethod
    def truncated(limit: int) -> int:
        """A segment's limit as the hardware gets it: below the monitor's region."""
        return min(limit, GUEST_LIMIT)

    @classmethod
    def deprivileged(cls, number: int, segment: Segment) -> Segment:
        """A segment as the hardware gets it: no ring 0, no reach into the monitor."""
        dpl = max(segment.dpl, KERNEL_RING)
        selector = segment.selector
        if number in (CS, SS) and selector & 3 == 0 and not segment.null:
            selector |= KERNEL_RING
        limit = cls.truncated(segment.limit)
        return Segment(selector, dpl, limit, segment.code, segment.readable, segment.writable)

    def save_guest(self) -> None:
        """Virtual state from real: what the guest changed without the monitor's knowledge."""
        cpu, hardware = self.cpu, self.hardware
        cpu.rip = hardware.rip
        cpu.rflags = cpu.rflags & SYSTEM_FLAGS | hardware.rflags & ARITHMETIC_FLAGS | FLAGS_ONE
        cpu.interrupt_shadow = hardware.interrupt_shadow
        for number, segment in enumerate(hardware.segments):
            if segment is not self._loaded[number]:
                self._save_segment(number, segment)

    def _save_segment(self, number: int, segment: Segment) -> None:
        """The guest loaded a segment register by itself: the virtual one follows."""
        cpu = self.cpu
        selector = segment.selector
        if number in (CS, SS) and selector & 3 == KERNEL_RING:
            selector &= ~3  # ring compression: rings 0 and 1 cannot be told apart any more
        if segment.null:
            virtual = cpu.segments[number].nulled(selector)
        else:
            virtual = loaded(selector, Descriptor(self._guest_descriptor(selector)))
        if number == CS:
            cpu.set_code_segment(virtual)
        else:
            cpu.segments[number] = virtual

    def _guest_descriptor(self, selector: int) -> int:
        number = selector >> 3
        return self._gdt_guest[number] if number < len(self._gdt_guest) else 0

    def refresh_gdt(self, _frame: int = 0) -> None:
        """Rebuild the hardware's descriptor table from the guest's and follow the guest's."""
        cpu = self.cpu
        base, limit = cpu.gdtr
        self._gdt_source = cpu.gdtr, self.paging.shared.generation
        page = self.host.memory.page(self._gdt_frame)
        assert page is not None
        entries = min((limit + 1) // 8, WORDS_PER_PAGE)
        self._gdt_guest = [self._read_guest(base + 8 * n) for n in range(entries)]
        frames = set()
        for number in range(base >> PAGE_SHIFT, (base + 8 * entries >> PAGE_SHIFT) + 1):
            found = self._peek(number << PAGE_SHIFT)
            if found is not None:
                frames.add(found.frame)
        for frame in self._gdt_frames - frames:
            self.paging.shared.unfollow(frame, f"gdt{self.number}")
        for frame in frames - self._gdt_frames:
            self.paging.shared.follow(frame, f"gdt{self.number}", self.refresh_gdt)
        self._gdt_frames = frames
        page[:] = [0] * WORDS_PER_PAGE
        for n, raw in enumerate(self._gdt_guest):
            page[n] = self.deprivileged_descriptor(raw)
        self.hardware.gdtr = (self.region.base + (self.gdt_page << PAGE_SHIFT), 8 * entries - 1)

    def _peek(self, address: int) -> Glance | None:
        root = self.cpu.cr3 >> PAGE_SHIFT
        return peek(self.board.memory, root, address, self.board.levels)

    def _read_guest(self, address: int, size: int = 8) -> int:
        """Some bytes of the guest's; zero where nothing is mapped."""
        offset = address & PAGE_BYTES - 1
        if offset + size > PAGE_BYTES:
            low = self._read_guest(address, 1)
            return low | self._read_guest(address + 1, size - 1) << 8
        found = self._peek(address)
        page = self.board.memory.page(found.frame) if found is not None else None
        return load_bytes(page, offset, size) if page is not None else 0

    @staticmethod
    def deprivileged_descriptor(raw: int) -> int:
        """A guest's descriptor as the hardware may have it."""
        descriptor = Descriptor(raw)
        if not descriptor.segment:
            return raw
        if descriptor.dpl == 0:
            descriptor = descriptor.with_dpl(KERNEL_RING)
        if descriptor.limit > GUEST_LIMIT:
            descriptor = descriptor.with_limit(GUEST_LIMIT)
        return descriptor.raw

    # Events -----------------------------------------------------------------------------------

    def trap_event(self, key: str) -> None:
        """The guest is left for the monitor."""
        hardware = self.hardware
        self.board.trace.record(
            EventKind.TRAP,
            key,
            Party.CPU,
            time=self.board.agenda.now,
            rip=self.cpu.rip,
            cpl=hardware.cpl,
        )

    def resume(self) -> None:
        """The monitor goes back to the guest."""
        self.monitor_event(EventKind.RESUME, "")

    def monitor_event(self, kind: EventKind, key: str, party: Party = Party.HYPERVISOR) -> None:
        """Something that the monitor does in software, or has done."""
        self.board.trace.record(kind, key, party, time=self.board.agenda.now, rip=self.cpu.rip)

    def guest_event(self, kind: EventKind, key: str) -> None:
        """Something that reaches the guest's kernel."""
        self.board.trace.record(
            kind,
            key,
            Party.GUEST_KERNEL,
            time=self.board.agenda.now,
            rip=self.cpu.rip,
            cpl=self.hardware.cpl,
        )

    def finish(self, shutdown: Trap | None) -> None:
        """A triple fault ends the virtual machine."""
        self.paging.sync()
        if shutdown is not None:
            raise Shutdown(shutdown, self.cpu)
