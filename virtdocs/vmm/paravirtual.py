"""Xen's paravirtualization: the kernel knows the hypervisor and calls it.

The 32-bit kernel runs in ring 1, kept from the hypervisor by segment limits; the
64-bit kernel shares ring 3 with its programs, kept from them by a second set of page
tables. Exceptions come back to the guest through a table that it registered, events
through an upcall; hypercalls do the rest (hypercall.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import RING1_CS, RING1_SS, USER_CS, USER_SS
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CS,
    FLAGS_ONE,
    GP,
    HAS_ERROR_CODE,
    IF,
    PF,
    R11,
    RAX,
    RCX,
    RSP,
    SS,
    VECTOR_NAMES,
)
from virtdocs.machine.segments import Segment, loaded
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.domain_builder import HYPERCALL_VECTOR
from virtdocs.vmm.event_channel import EventChannels
from virtdocs.vmm.exit_loop import Shutdown
from virtdocs.vmm.native import show_execute

MASK_EVENTS: Final = 1 << 2  # trap_info flags: mask events on entry
SYSTEM_CALL_VECTOR: Final = 0x80


@dataclass(frozen=True, slots=True)
class Handler:
    """One entry of the trap table that the guest registered."""

    privilege: int
    masks_events: bool
    selector: int
    address: int


class Hypercalls(Protocol):
    """The hypercall table."""

    def name(self, number: int) -> str:
        """The name of a hypercall, ``unknown`` where there is none."""

    def perform(self, engine: ParavirtualEngine) -> None:
        """The hypercall whose number is in rax."""


class ParavirtualEngine:
    """One virtual CPU of a PV guest."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        number: int,
        paging: DirectPaging,
        channels: EventChannels,
        hypercalls: Hypercalls,
        *,
        long_mode: bool,
    ) -> None:
        self.board = board
        self.cpu = cpu
        self.number = number
        self.paging = paging
        self.channels = channels
        self.hypercalls = hypercalls
        self.long_mode = long_mode
        self.kernel_cs = USER_CS if long_mode else RING1_CS | 1
        self.kernel_ss = USER_SS if long_mode else RING1_SS | 1
        self.handlers: dict[int, Handler] = {}
        self.kernel_stack = 0
        self.event_entry = 0
        self.system_call_entry = 0
        self._in_kernel = True
        self.kernel_root = cpu.cr3
        self.user_root = 0
        self.timer_ticket = 0
        self.neighbours: list[ParavirtualEngine] = [self]  # all virtual CPUs, by number
        self._attention = False  # an event came that the virtual CPU has not been asked about

    # Running --------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""
        return self.cpu.rip

    @property
    def in_kernel(self) -> bool:
        """Ring 1 tells in legacy mode; in long mode the hypervisor keeps count."""
        return self._in_kernel if self.long_mode else self.cpu.cpl != 3

    def notify(self) -> None:
        """An event for this virtual CPU came from outside its own code."""
        self._attention = True

    def boundary(self) -> None:
        """An interrupt enters the hypervisor, which tells the guest if it wants to hear."""
        if not self._attention:
            return
        self._attention = False
        if self.cpu.halted:
            self.cpu.halted = not self.channels.pending(self.number)
        else:
            self.trap_event("timer")
            self.monitor_event(EventKind.RESUME, "")
        if not self.cpu.halted:
            self.upcall()

    def run_one(self, ins: Instruction | None = None) -> None:
        """One instruction; what it traps into is the hypervisor's or, by a direct gate, its own."""
        if self.board.trace.recording:
            party = Party.GUEST_KERNEL if self.in_kernel else Party.APPLICATION
            show_execute(self.board, self.cpu, party=party)
        trap = self.cpu.step(ins)
        if trap is None:
            self.board.retire()
        else:
            self.handle(trap)

    def settle(self) -> None:
        """There is no other CPU than the guest's."""

    def handle(self, trap: Trap) -> None:
        """The dispatcher."""
        cpu = self.cpu
        if trap.kind is TrapKind.SOFTWARE_INTERRUPT:
            self._software_interrupt(trap)
            return
        if trap.kind is TrapKind.SYSCALL:
            cpu.regs[RCX], cpu.regs[R11] = cpu.next_rip, cpu.rflags
            cpu.rip = cpu.next_rip
            self.board.retire()
            if self.long_mode and self.in_kernel:
                self._hypercall()
                return
            cpu.system_calls += 1
            self.trap_event("syscall_bounce")
            handler = Handler(3, True, self.kernel_cs, self.system_call_entry)
            self.bounce(handler, None)
        elif trap.kind is TrapKind.FAULT:
            self._exception(trap)
        else:
            raise AssertionError(f"a PV guest met {trap.kind}")
        self.monitor_event(EventKind.RESUME, "")
        self.upcall()

    def _software_interrupt(self, trap: Trap) -> None:
        cpu = self.cpu
        handler = self.handlers.get(trap.vector)
        if trap.vector == HYPERCALL_VECTOR and cpu.cpl == 1:
            cpu.rip = cpu.next_rip
            self.board.retire()
            self._hypercall()
        elif handler is not None and handler.privilege >= cpu.cpl:
            cpu.rip = cpu.next_rip
            self.board.retire()
            cpu.system_calls += trap.vector == SYSTEM_CALL_VECTOR
            # 32-bit: the gate leads straight to the guest's kernel, Xen is not on the path.
            direct = trap.vector == SYSTEM_CALL_VECTOR and not self.long_mode
            if not direct:
                self.trap_event("int")
            self.bounce(handler, None)
            if not direct:
                self.monitor_event(EventKind.RESUME, "")
        else:
            # The gate does not admit this privilege (SDM vol. 3A §6.12.1.1).
            self._exception(Trap(TrapKind.FAULT, GP, trap.vector * 8 + 2))
            self.monitor_event(EventKind.RESUME, "")
            self.upcall()

    def _hypercall(self) -> None:
        name = self.hypercalls.name(self.cpu.regs[RAX])
        self._record(EventKind.HYPERCALL, name, Party.CPU, self.cpu.cpl)
        self.hypercalls.perform(self)
        self.monitor_event(EventKind.EMULATE, name)
        self.monitor_event(EventKind.RESUME, "")
        self.upcall()

    def _exception(self, trap: Trap) -> None:
        """The guest's own fault: back to it, through the table that it registered."""
        self.board.faults += 1
        name = VECTOR_NAMES[trap.vector]
        self.trap_event(name)
        handler = self.handlers.get(trap.vector)
        if handler is None:
            raise Shutdown(trap, self.cpu)
        if trap.vector == PF and trap.address is not None:
            self.channels.set_fault_address(self.number, trap.address)
        error = (trap.error or 0) if trap.vector in HAS_ERROR_CODE else None
        self.monitor_event(EventKind.INJECT, name)
        self.guest_event(EventKind.EXCEPTION, name)
        self.bounce(handler, error)

    # Into the guest's kernel -------------------------------------------------------------------

    def bounce(self, handler: Handler, error: int | None) -> None:
        """Make the frame that hardware would make, on the guest's kernel stack, and go there."""
        cpu = self.cpu
        before = (
            cpu.segments[SS].selector, cpu.regs[RSP], self.virtual_flags(),
            self._shown_code_selector(), cpu.rip,
        )  # fmt: skip
        if not self.in_kernel:
            self.enter_kernel()
            cpu.regs[RSP] = self.kernel_stack
        cpu.regs[RSP] &= ~15
        frame = before if error is None else (*before, error)
        try:
            cpu.push_all(*frame)
        except Trapped as trapped:
            # The guest's kernel stack is not there: Xen ends the domain.
            raise Shutdown(trapped.trap, cpu) from None
        if handler.masks_events:
            self.channels.set_mask(self.number, True)
        cpu.rip = handler.address
        cpu.interrupt_shadow = 0
        cpu.halted = False

    def _shown_code_selector(self) -> int:
        """The cs that a frame holds. A 64-bit kernel shares ring 3 with its programs: RPL 0 says
        that the kernel itself was interrupted (Xen's create_bounce_frame does the same)."""
        selector = self.cpu.segments[CS].selector
        return selector & ~3 if self.long_mode and self.in_kernel else selector

    def upcall(self) -> None:
        """On the way back to the guest: deliver pending events unless they are masked."""
        channels = self.channels
        channels.set_time(self.board.agenda.now)
        if (
            self.cpu.halted
            or self.board.exit_code is not None
            or channels.masked(self.number)
            or not channels.pending(self.number)
            or not self.event_entry
        ):
            return
        self.monitor_event(EventKind.INJECT, "event")
        self.guest_event(EventKind.IRQ, "event")
        self.board.trace.add(EventKind.EVENT_CHANNEL, "upcall")
        self.bounce(Handler(3, True, self.kernel_cs, self.event_entry), None)

    def enter_kernel(self) -> None:
        """Kernel mode: its segments and, in long mode, its page tables."""
        self._load_segments(self.kernel_cs, self.kernel_ss)
        self._in_kernel = True
        if self.long_mode:
            self.cpu.load_cr3(self.kernel_root)

    def leave_kernel(self) -> None:
        """User mode: in long mode the tables without the kernel in them."""
        self._load_segments(USER_CS, USER_SS)
        self._in_kernel = False
        if self.long_mode and self.user_root:
            self.cpu.load_cr3(self.user_root)

    def _load_segments(self, code: int, stack: int) -> None:
        cpu = self.cpu
        cpu.set_code_segment(self._segment(code))
        cpu.segments[SS] = self._segment(stack)

    def _segment(self, selector: int) -> Segment:
        return loaded(selector, self.cpu.descriptor(selector))

    def virtual_flags(self) -> int:
        """RFLAGS as the guest is to see them: IF says whether it wants events."""
        wants = 0 if self.channels.masked(self.number) else IF
        return self.cpu.rflags & ARITHMETIC_FLAGS | FLAGS_ONE | wants

    # Events -------------------------------------------------------------------------------------

    def trap_event(self, key: str) -> None:
        """The guest is left for the hypervisor."""
        self._record(EventKind.TRAP, key, Party.CPU, self.cpu.cpl)

    def monitor_event(self, kind: EventKind, key: str) -> None:
        """Something that the hypervisor does."""
        self._record(kind, key, Party.HYPERVISOR, None)

    def guest_event(self, kind: EventKind, key: str) -> None:
        """Something that reaches the guest's kernel."""
        self._record(kind, key, Party.GUEST_KERNEL, self.cpu.cpl)

    def _record(self, kind: EventKind, key: str, party: Party, cpl: int | None) -> None:
        self.board.trace.record(
            kind, key, party, time=self.board.agenda.now, rip=self.cpu.rip, cpl=cpl
        )
