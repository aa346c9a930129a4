"""Delivery through the IDT: gates, stack switch, frame, double and triple fault.

Gates are x86-64's 16 bytes, frames always hold ss, rsp, rflags, cs, rip and, where
the vector has one, an error code (SDM vol. 3A §6.14). On a switch to an inner ring
ss becomes the descriptor after cs, as syscall does it: our rule, where x86-64 loads
a null selector; so the stack keeps a limit where limits hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import (
    DE,
    DF,
    GP,
    HAS_ERROR_CODE,
    IF,
    NP,
    PF,
    RSP,
    SS,
    SSF,
    TS,
    WORD_MASK,
)
from virtdocs.machine.segments import Segment, loaded
from virtdocs.machine.traps import Trap, TrapKind, Trapped, fault

GATE_BYTES: Final = 16
INTERRUPT_GATE: Final = 0xE
TRAP_GATE: Final = 0xF
CONTRIBUTORY: Final = frozenset({DE, TS, NP, SSF, GP})
SELECTOR_FAULTS: Final = CONTRIBUTORY - {DE}
EXTERNAL: Final = 1


@dataclass(frozen=True, slots=True)
class Gate:
    """An IDT entry."""

    offset: int
    selector: int
    type: int
    dpl: int
    present: bool


def make_gate(offset: int, selector: int, dpl: int = 0, trap: bool = False) -> tuple[int, int]:
    """The two words of a present gate."""
    kind = TRAP_GATE if trap else INTERRUPT_GATE
    low = offset & 0xFFFF | selector << 16 | kind << 40 | dpl << 45 | 1 << 47
    return low | (offset >> 16 & 0xFFFF) << 48, offset >> 32


def read_gate(cpu: Cpu, vector: int) -> Gate:
    """The gate of a vector; #GP(vector*8+2) beyond the table."""
    base, limit = cpu.idtr
    if vector * GATE_BYTES + GATE_BYTES - 1 > limit:
        raise fault(GP, vector * 8 + 2)
    address = base + vector * GATE_BYTES & WORD_MASK
    low, high = cpu.load_system(address), cpu.load_system(address + 8 & WORD_MASK)
    offset = low & 0xFFFF | (low >> 48) << 16 | (high & 0xFFFF_FFFF) << 32
    return Gate(offset, low >> 16 & 0xFFFF, low >> 40 & 31, low >> 45 & 3, bool(low >> 47 & 1))


def deliver(cpu: Cpu, vector: int, error: int | None, *, software: bool = False) -> None:
    """Enter the handler of ``vector``; raises the fault that delivery itself meets.

    The error code of such a fault has EXT (bit 0) set unless ``int n`` asked for the
    delivery (SDM vol. 3A §6.13).
    """
    if cpu.quick_delivery is not None and cpu.quick_delivery(vector, error, software):
        return
    try:
        _enter(cpu, vector, error, software)
    except Trapped as trapped:
        met = trapped.trap
        if software or met.kind is not TrapKind.FAULT or met.vector not in SELECTOR_FAULTS:
            raise
        raise fault(met.vector, (met.error or 0) | EXTERNAL) from trapped


def _enter(cpu: Cpu, vector: int, error: int | None, software: bool) -> None:
    gate = read_gate(cpu, vector)
    if gate.type not in (INTERRUPT_GATE, TRAP_GATE) or (software and gate.dpl < cpu.cpl):
        raise fault(GP, vector * 8 + 2)
    if not gate.present:
        raise fault(NP, vector * 8 + 2)
    found = cpu.descriptor(gate.selector)
    if not found.code or found.dpl > cpu.cpl:
        raise fault(GP, gate.selector & 0xFFFC)
    if not found.present:
        raise fault(NP, gate.selector & 0xFFFC)
    ring = cpu.cpl if found.conforming else found.dpl
    code = loaded(gate.selector & 0xFFFC | ring, found)
    stack_segment: Segment = cpu.segments[SS]
    stack = cpu.regs[RSP]
    if ring < cpu.cpl:
        stack = cpu.inner_stack(ring)
        stack_segment = cpu.checked_segment(SS, gate.selector + 8 & 0xFFFC | ring, ring)
    frame = [cpu.segments[SS].selector, cpu.regs[RSP], cpu.rflags, cpu.segments[1].selector]
    frame.append(cpu.rip)
    if error is not None:
        frame.append(error)
    _push_frame(cpu, code, stack_segment, stack & ~15, frame)
    if gate.type == INTERRUPT_GATE:
        cpu.rflags &= ~IF
    cpu.rip = gate.offset
    cpu.interrupt_shadow = 0
    cpu.halted = False


def _push_frame(
    cpu: Cpu, code: Segment, stack_segment: Segment, stack: int, frame: list[int]
) -> None:
    """Switch to the handler's ring and stack and push; put everything back on a fault."""
    before = cpu.segments[1], cpu.segments[SS], cpu.regs[RSP]
    cpu.set_code_segment(code)
    cpu.segments[SS] = stack_segment
    cpu.regs[RSP] = stack
    try:
        cpu.push_all(*frame)
    except Trapped:
        cpu.set_code_segment(before[0])
        cpu.segments[SS], cpu.regs[RSP] = before[1], before[2]
        raise


def deliver_exception(cpu: Cpu, trap: Trap) -> Trap | None:
    """Deliver a fault; on nested faults the double-fault rules (SDM vol. 3A table 6-5).

    Returns a SHUTDOWN trap, naming the first fault, when even #DF cannot be delivered.
    """
    vector, error, address = trap.vector, trap.error, trap.address
    while True:
        if vector == PF and address is not None:
            cpu.cr2 = address
        if vector in HAS_ERROR_CODE and error is None:
            error = 0
        try:
            deliver(cpu, vector, error if vector in HAS_ERROR_CODE else None)
            return None
        except Trapped as trapped:
            second = trapped.trap
            if second.kind is not TrapKind.FAULT:
                raise  # a VM exit during delivery: the hypervisor resolves it and tries again
        if second.vector == PF and second.address is not None:
            cpu.cr2 = second.address  # also when a double fault or the shutdown follows
        if vector == DF:
            return Trap(TrapKind.SHUTDOWN, trap.vector, trap.error, trap.address)
        if _doubles(vector, second.vector):
            vector, error, address = DF, 0, None
        else:
            vector, error, address = second.vector, second.error, second.address


def _doubles(first: int, second: int) -> bool:
    if first == PF:
        return second == PF or second in CONTRIBUTORY
    return first in CONTRIBUTORY and second in CONTRIBUTORY


def deliver_software_interrupt(cpu: Cpu, trap: Trap) -> Trap | None:
    """int n: the frame holds the address after the instruction; a refusal faults at it."""
    at = cpu.rip
    cpu.rip = cpu.next_rip
    try:
        deliver(cpu, trap.vector, None, software=True)
        return None
    except Trapped as trapped:
        cpu.rip = at
        if trapped.trap.kind is not TrapKind.FAULT:
            raise
        return trapped.trap


def deliver_interrupt(cpu: Cpu, vector: int) -> Trap | None:
    """An external interrupt; a fault on the way is delivered in its place."""
    try:
        deliver(cpu, vector, None)
        return None
    except Trapped as trapped:
        if trapped.trap.kind is not TrapKind.FAULT:
            raise
        return deliver_exception(cpu, trapped.trap)


def can_interrupt(cpu: Cpu) -> bool:
    """Whether an external interrupt may be delivered at this boundary."""
    return bool(cpu.rflags & IF) and cpu.interrupt_shadow == 0
