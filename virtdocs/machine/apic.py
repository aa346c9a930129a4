"""The local interrupt controller, in x2APIC mode: its registers are MSRs.

(SDM vol. 3A §10.12; priorities §10.8.) The timer counts virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from virtdocs.machine.agenda import Agenda
from virtdocs.machine.registers import (
    GP,
    MSR_TSC_DEADLINE,
    MSR_X2APIC_CURRENT_COUNT,
    MSR_X2APIC_EOI,
    MSR_X2APIC_ICR,
    MSR_X2APIC_ID,
    MSR_X2APIC_INITIAL_COUNT,
    MSR_X2APIC_LVT_TIMER,
    MSR_X2APIC_TPR,
)
from virtdocs.machine.traps import fault
from virtdocs.trace import EventKind, Party, Trace

TIMER_MASKED: Final = 1 << 16
TIMER_PERIODIC: Final = 1 << 17
TIMER_DEADLINE: Final = 2 << 17
TIMER_MODE: Final = 3 << 17
# Fixed delivery to one CPU is all that this board's ICR does: vector, the level bit (always
# asserted in x2APIC mode) and the destination; all else is refused rather than ignored.
ICR_LEVEL: Final = 1 << 14
ICR_SELF: Final = 1 << 18
WRITABLE_BITS: Final = {
    MSR_X2APIC_TPR: 0xF0,  # the class; this board keeps no sub-class
    MSR_X2APIC_EOI: 0,
    MSR_X2APIC_ICR: 0xFFFF_FFFF << 32 | ICR_SELF | ICR_LEVEL | 0xFF,
    MSR_X2APIC_LVT_TIMER: TIMER_MODE | TIMER_MASKED | 0xFF,
    MSR_X2APIC_INITIAL_COUNT: 0xFFFF_FFFF,
    MSR_TSC_DEADLINE: (1 << 64) - 1,
}
WRITE_ONLY: Final = frozenset({MSR_X2APIC_EOI})
REGISTER_NAMES: Final = {
    MSR_X2APIC_ID: "id",
    MSR_X2APIC_TPR: "tpr",
    MSR_X2APIC_EOI: "eoi",
    MSR_X2APIC_ICR: "icr",
    MSR_X2APIC_LVT_TIMER: "timer",
    MSR_X2APIC_INITIAL_COUNT: "timer",
    MSR_X2APIC_CURRENT_COUNT: "timer",
    MSR_TSC_DEADLINE: "timer",
}


@dataclass(slots=True)
class Apic:
    """One CPU's interrupt controller and timer."""

    agenda: Agenda
    trace: Trace
    identity: int = 0
    task_priority: int = 0  # cr8: the priority class below which nothing is delivered
    requested: int = 0  # IRR, one bit a vector
    in_service: int = 0  # ISR
    timer_register: int = TIMER_MASKED
    initial_count: int = 0
    deadline: int = 0
    # Told when the timer fires; a monitor puts itself in between.
    on_timer: Callable[[int], None] | None = None
    send: Callable[[int, int], None] | None = None  # (destination, vector) of an IPI
    # Level-triggered vectors: whether a device still holds the line (SDM vol. 3A §10.8.5).
    lines: dict[int, Callable[[], bool]] = field(default_factory=dict)
    _ticket: int = 0
    _started: int = 0

    def request(self, vector: int) -> None:
        """A device, timer or other CPU asks for ``vector``."""
        self.requested |= 1 << vector

    def deliverable(self) -> int | None:
        """The vector to deliver next, if its priority class is high enough."""
        if not self.requested:
            return None
        vector = self.requested.bit_length() - 1
        serving = (self.in_service.bit_length() - 1) >> 4 if self.in_service else 0
        return vector if vector >> 4 > max(self.task_priority, serving) else None

    def accept(self, vector: int) -> None:
        """The CPU takes ``vector``: from requested to in service."""
        self.requested &= ~(1 << vector)
        self.in_service |= 1 << vector

    def has(self, msr: int) -> bool:
        """Whether this MSR is one of ours."""
        return msr in REGISTER_NAMES

    def read(self, msr: int) -> int:
        """Read a register; #GP for one that can only be written."""
        if msr in WRITE_ONLY:
            raise fault(GP, 0)
        self._count("read", msr)
        if msr == MSR_X2APIC_ID:
            return self.identity
        if msr == MSR_X2APIC_TPR:
            return self.task_priority << 4
        if msr == MSR_X2APIC_LVT_TIMER:
            return self.timer_register
        if msr == MSR_X2APIC_INITIAL_COUNT:
            return self.initial_count
        if msr == MSR_TSC_DEADLINE:
            return self.deadline
        if msr == MSR_X2APIC_CURRENT_COUNT and self._ticket:
            gone = self.agenda.now - self._started
            return max(self.initial_count - gone, 0)
        return 0

    def write(self, msr: int, value: int) -> None:
        """Write a register; #GP for one that can only be read and for a reserved bit."""
        if value & ~WRITABLE_BITS.get(msr, 0) or msr not in WRITABLE_BITS:
            raise fault(GP, 0)
        if msr == MSR_X2APIC_LVT_TIMER and value & TIMER_MODE == TIMER_MODE:
            raise fault(GP, 0)
        self._count("write", msr)
        if msr == MSR_X2APIC_EOI:
            self.end_of_interrupt()
        elif msr == MSR_X2APIC_TPR:
            self.task_priority = value >> 4 & 15
        elif msr == MSR_X2APIC_ICR:
            if self.send is not None:
                self.send(self.identity if value & ICR_SELF else value >> 32, value & 0xFF)
        elif msr == MSR_X2APIC_LVT_TIMER:
            self._set_timer_register(value)
        elif msr == MSR_X2APIC_INITIAL_COUNT:
            if not self._deadline_mode:
                self.initial_count = value
                self._arm(value)
        elif msr == MSR_TSC_DEADLINE and self._deadline_mode:
            self.deadline = value
            self._arm(max(value - self.agenda.time_stamp(), 1) if value else 0)

    def end_of_interrupt(self) -> None:
        """The interrupt of the highest priority in service is done; a held line asks again."""
        if not self.in_service:
            return
        vector = self.in_service.bit_length() - 1
        self.in_service &= ~(1 << vector)
        held = self.lines.get(vector)
        if held is not None and held():
            self.request(vector)

    @property
    def _deadline_mode(self) -> bool:
        return self.timer_register & TIMER_MODE == TIMER_DEADLINE

    def _set_timer_register(self, value: int) -> None:
        """A change into or out of deadline mode disarms the timer (SDM vol. 3A §10.5.4.1)."""
        was = self._deadline_mode
        self.timer_register = value
        if was != self._deadline_mode:
            self.deadline = self.initial_count = 0
            self._arm(0)

    def _count(self, what: str, msr: int) -> None:
        self.trace.record(EventKind.APIC, what, Party.DEVICE, register=REGISTER_NAMES[msr])

    def _arm(self, delay: int) -> None:
        if self._ticket:
            self.agenda.cancel(self._ticket)
            self._ticket = 0
        if delay:
            self._started = self.agenda.now
            self._ticket = self.agenda.schedule(self.agenda.now + delay, self._fire)

    def _fire(self) -> None:
        self._ticket = 0
        self.deadline = 0
        if self.timer_register & TIMER_MODE == TIMER_PERIODIC:
            self._arm(self.initial_count)
        if self.timer_register & TIMER_MASKED:
            return
        vector = self.timer_register & 0xFF
        if self.on_timer is not None:
            self.on_timer(vector)
        else:
            self.request(vector)
