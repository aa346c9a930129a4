"""Delivery through the IDT: gates, stacks, frames, error codes, double and triple faults."""

from __future__ import annotations

import pytest

from tests.machine.bench import CODE, DATA, HANDLER, RING_SELECTORS, STACK, UNMAPPED, Bench, ins
from virtdocs.machine.firmware import (
    IDT_ADDRESS,
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    STACK_TOP,
    TSS_ADDRESS,
    USER_CS,
    USER_SS,
)
from virtdocs.machine.interrupts import (
    can_interrupt,
    deliver_exception,
    deliver_interrupt,
    deliver_software_interrupt,
    make_gate,
    read_gate,
)
from virtdocs.machine.registers import (
    CF,
    CS,
    DE,
    DF,
    FLAGS_ONE,
    GP,
    IF,
    IOPL,
    NP,
    PF,
    RSP,
    SS,
    UD,
    ZF,
)
from virtdocs.machine.segments import make_descriptor
from virtdocs.machine.traps import Trap, TrapKind

VECTOR = 0x40
FREE = 0x40
START_FLAGS = FLAGS_ONE | IF | CF


def fault(vector: int, error: int | None = None, address: int | None = None) -> Trap:
    return Trap(TrapKind.FAULT, vector, error, address)


def prepared(cpl: int = 0) -> Bench:
    bench = Bench(cpl=cpl)
    bench.cpu.rip, bench.cpu.rflags = CODE, START_FLAGS
    return bench


def inner_stack(ring: int) -> int:
    return STACK_TOP - 0x4000 * (ring + 1)


@pytest.mark.parametrize("offset", [0, HANDLER, 0xFFFF_8123_4567_89A0])
@pytest.mark.parametrize("trap", [False, True])
def test_a_gate_reads_back_as_it_was_made(offset: int, trap: bool) -> None:
    bench = prepared()
    bench.put(IDT_ADDRESS + 16 * VECTOR, *make_gate(offset, RING1_CS, 2, trap))
    gate = read_gate(bench.cpu, VECTOR)
    assert (gate.offset, gate.selector, gate.dpl, gate.present) == (offset, RING1_CS, 2, True)
    assert gate.type == (0xF if trap else 0xE)


# from ring, gate's selector -> ring of the handler, its stack
ENTRIES = [
    (0, KERNEL_CS, 0, STACK),
    (1, KERNEL_CS, 0, inner_stack(0)),
    (3, KERNEL_CS, 0, inner_stack(0)),
    (3, RING1_CS, 1, inner_stack(1)),
    (1, RING1_CS, 1, STACK),
    (3, USER_CS, 3, STACK),
]


@pytest.mark.parametrize(("ring", "selector", "handler_ring", "stack"), ENTRIES)
def test_the_frame_holds_where_the_program_was(
    ring: int, selector: int, handler_ring: int, stack: int
) -> None:
    bench = prepared(ring)
    bench.set_gate(VECTOR, selector=selector)
    code, data = RING_SELECTORS[ring]
    assert deliver_interrupt(bench.cpu, VECTOR) is None
    assert bench.stack_words(5) == [CODE, code, START_FLAGS, STACK, data]
    assert bench.cpu.regs[RSP] == stack - 40
    assert (bench.cpu.rip, bench.cpu.cpl) == (HANDLER, handler_ring)
    assert bench.cpu.segments[CS].selector & 3 == handler_ring
    assert bench.cpu.segments[SS].dpl == handler_ring


def test_the_stack_is_aligned_to_sixteen_before_the_frame() -> None:
    bench = prepared()
    bench.set_gate(VECTOR)
    bench.cpu.regs[RSP] = STACK - 3
    deliver_interrupt(bench.cpu, VECTOR)
    assert bench.cpu.regs[RSP] == STACK - 16 - 40
    assert bench.stack_words(4)[3] == STACK - 3


@pytest.mark.parametrize(
    ("vector", "error", "pushed"),
    [(GP, 0x18, True), (PF, 7, True), (UD, None, False), (DE, None, False), (NP, None, True)],
)
def test_only_some_vectors_push_an_error_code(vector: int, error: int | None, pushed: bool) -> None:
    bench = prepared()
    bench.set_gate(vector)
    assert deliver_exception(bench.cpu, fault(vector, error, DATA)) is None
    assert bench.cpu.regs[RSP] == STACK - (48 if pushed else 40)
    assert bench.stack_words(1)[0] == ((error or 0) if pushed else CODE)


def test_a_page_fault_leaves_its_address_in_cr2_and_others_leave_cr2_alone() -> None:
    bench = prepared()
    bench.set_gate(PF)
    bench.set_gate(GP)
    deliver_exception(bench.cpu, fault(PF, 0, UNMAPPED))
    deliver_exception(bench.cpu, fault(GP, 0))
    assert bench.cpu.cr2 == UNMAPPED


@pytest.mark.parametrize(("trap_gate", "flags"), [(False, CF), (True, CF | IF)])
def test_an_interrupt_gate_clears_if_and_a_trap_gate_keeps_it(trap_gate: bool, flags: int) -> None:
    bench = prepared()
    bench.set_gate(VECTOR, trap=trap_gate)
    deliver_interrupt(bench.cpu, VECTOR)
    assert bench.cpu.rflags == flags | FLAGS_ONE


def test_delivery_ends_a_halt_and_the_interrupt_shadow() -> None:
    bench = prepared()
    bench.set_gate(VECTOR)
    bench.cpu.halted, bench.cpu.interrupt_shadow = True, 1
    deliver_interrupt(bench.cpu, VECTOR)
    assert not bench.cpu.halted
    assert bench.cpu.interrupt_shadow == 0


@pytest.mark.parametrize(
    ("flags", "shadow", "may"), [(IF, 0, True), (IF, 1, False), (0, 0, False), (IOPL, 0, False)]
)
def test_an_interrupt_needs_if_and_no_shadow(flags: int, shadow: int, may: bool) -> None:
    bench = prepared()
    bench.cpu.rflags, bench.cpu.interrupt_shadow = flags | FLAGS_ONE, shadow
    assert can_interrupt(bench.cpu) is may


# Software interrupts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dpl", "ring", "allowed"),
    [(0, 0, True), (0, 1, False), (1, 1, True), (1, 3, False), (3, 3, True), (3, 0, True)],
)
def test_int_n_needs_a_gate_that_its_ring_may_use(dpl: int, ring: int, allowed: bool) -> None:
    bench = prepared(ring)
    bench.set_gate(VECTOR, dpl=dpl)
    trap = bench.do("int", "i", imm=VECTOR)
    assert trap is not None
    assert trap.kind is TrapKind.SOFTWARE_INTERRUPT
    before = bench.state()
    refused = deliver_software_interrupt(bench.cpu, trap)
    if allowed:
        assert refused is None
        assert bench.cpu.rip == HANDLER
        assert bench.stack_words(1) == [CODE + 16]
    else:
        assert refused is not None
        assert (refused.vector, refused.error) == (GP, VECTOR * 8 + 2)
        assert bench.state() == before


def test_hardware_ignores_the_dpl_of_the_gate() -> None:
    bench = prepared(3)
    bench.set_gate(VECTOR, dpl=0)
    assert deliver_interrupt(bench.cpu, VECTOR) is None
    assert bench.cpu.rip == HANDLER


# Faults on the way -----------------------------------------------------------------------------

SEGMENT_BIT, PRESENT_BIT = 1 << 44, 1 << 47
ABSENT = make_descriptor("code", 0) & ~PRESENT_BIT


def broken_gate(bench: Bench, what: str) -> None:
    low, high = make_gate(HANDLER, KERNEL_CS)
    if what == "not a gate":
        low &= ~(15 << 40)
    elif what == "a call gate":
        low = low & ~(15 << 40) | 0xC << 40
    elif what == "a segment":
        low |= SEGMENT_BIT
    elif what == "absent":
        low &= ~PRESENT_BIT
    elif what == "beyond the table":
        bench.cpu.idtr = (IDT_ADDRESS, VECTOR * 16 + 14)
    elif what in ("data segment", "absent code", "null", "beyond the GDT", "outer ring"):
        bench.set_descriptor(FREE, ABSENT)
        selector = {
            "data segment": KERNEL_SS,
            "absent code": FREE,
            "null": 0,
            "beyond the GDT": 0x7000,
            "outer ring": USER_CS,
        }[what]
        low, high = make_gate(HANDLER, selector)
    bench.put(IDT_ADDRESS + 16 * VECTOR, low, high)


EXT = 1
# What is wrong -> the fault and its error code for an event from outside (SDM vol. 3A §6.13).
BROKEN = [
    ("not a gate", GP, VECTOR * 8 + 2),
    ("a call gate", GP, VECTOR * 8 + 2),
    ("a segment", GP, VECTOR * 8 + 2),
    ("absent", NP, VECTOR * 8 + 2),
    ("beyond the table", GP, VECTOR * 8 + 2),
    ("data segment", GP, KERNEL_SS),
    ("absent code", NP, FREE),
    ("null", GP, 0),
    ("beyond the GDT", GP, 0x7000),
    ("outer ring", GP, USER_CS & ~3),
]


@pytest.mark.parametrize(("what", "vector", "error"), BROKEN)
def test_a_broken_gate_faults_with_its_index_and_the_ext_bit(
    what: str, vector: int, error: int
) -> None:
    bench = prepared()
    bench.set_gate(GP, offset=HANDLER + 0x100)
    bench.set_gate(NP, offset=HANDLER + 0x200)
    broken_gate(bench, what)
    assert deliver_interrupt(bench.cpu, VECTOR) is None
    assert bench.cpu.rip == HANDLER + (0x100 if vector == GP else 0x200)
    assert bench.stack_words(2) == [error | EXT, CODE]


@pytest.mark.parametrize(("what", "vector", "error"), BROKEN)
def test_the_same_faults_of_int_n_have_no_ext_bit(what: str, vector: int, error: int) -> None:
    bench = prepared()
    broken_gate(bench, what)
    trap = bench.do("int", "i", imm=VECTOR)
    assert trap is not None
    refused = deliver_software_interrupt(bench.cpu, trap)
    assert refused is not None
    assert (refused.vector, refused.error) == (vector, error)
    assert bench.cpu.rip == CODE


def test_a_handler_in_a_conforming_segment_runs_in_the_ring_it_interrupts() -> None:
    bench = prepared(3)
    bench.set_descriptor(FREE, make_descriptor("code", 0) | 1 << 42)
    bench.set_gate(VECTOR, selector=FREE)
    assert deliver_interrupt(bench.cpu, VECTOR) is None
    assert (bench.cpu.cpl, bench.cpu.regs[RSP]) == (3, STACK - 40)


def test_a_stack_that_is_not_there_leaves_ring_and_stack_as_they_were() -> None:
    bench = prepared(3)
    bench.set_gate(VECTOR, dpl=3)
    bench.put(TSS_ADDRESS + 4, UNMAPPED + 0x1000)
    trap = bench.do("int", "i", imm=VECTOR)
    assert trap is not None
    before = bench.state()
    refused = deliver_software_interrupt(bench.cpu, trap)
    assert refused is not None
    assert refused.vector == PF
    assert bench.state() == before


def test_a_frame_across_two_pages_is_written_whole_or_not_at_all() -> None:
    bench = prepared()
    bench.set_gate(VECTOR)
    bench.hide(STACK - 0x1000)
    bench.cpu.regs[RSP] = STACK + 0x10  # two words fit above, three would lie in the hidden page
    trap = bench.do("int", "i", imm=VECTOR)
    assert trap is not None
    before = bench.state()
    refused = deliver_software_interrupt(bench.cpu, trap)
    assert refused is not None
    assert refused.vector == PF
    assert bench.state() == before


# first fault, does its handler's gate work?, second fault while delivering -> handler that runs.
# SDM vol. 3A table 6-5: benign, contributory, page fault.
SECOND = [
    (UD, GP, GP),
    (UD, PF, PF),
    (GP, GP, DF),
    (GP, PF, PF),
    (DE, NP, DF),
    (PF, GP, DF),
    (PF, PF, DF),
    (NP, GP, DF),
]


@pytest.mark.parametrize(("first", "second", "runs"), SECOND)
def test_two_faults_in_a_row_follow_the_double_fault_table(
    first: int, second: int, runs: int
) -> None:
    bench = prepared(3)
    for vector in (DE, UD, NP, GP, PF, DF):
        bench.set_gate(vector, offset=HANDLER + 16 * vector)
    if second == PF:
        # Only this gate switches the ring, and the TSS points nowhere for it.
        bench.put(TSS_ADDRESS + 4, UNMAPPED + 0x1000)
        for vector in {DE, UD, NP, GP, PF, DF} - {first}:
            bench.set_gate(vector, selector=USER_CS, offset=HANDLER + 16 * vector)
        if first == PF:
            bench.set_gate(DF, selector=USER_CS, offset=HANDLER + 16 * DF)
    elif second == GP:
        bench.put(IDT_ADDRESS + 16 * first, 0, 0)
        if first == GP:
            bench.set_gate(DF, offset=HANDLER + 16 * DF)
    else:
        low, high = make_gate(HANDLER, KERNEL_CS)
        bench.put(IDT_ADDRESS + 16 * first, low & ~PRESENT_BIT, high)
    assert deliver_exception(bench.cpu, fault(first, None, DATA)) is None
    assert bench.cpu.rip == HANDLER + 16 * runs
    if runs == DF:
        assert bench.stack_words(1) == [0]


def test_cr2_holds_the_last_page_fault_when_a_double_fault_runs() -> None:
    bench = prepared(3)
    bench.put(TSS_ADDRESS + 4, UNMAPPED + 0x1000)
    bench.set_gate(PF)
    bench.set_gate(DF, selector=USER_CS)
    deliver_exception(bench.cpu, fault(PF, 4, DATA))
    assert bench.cpu.rip == HANDLER
    assert bench.cpu.cr2 == UNMAPPED + 0x1000 - 8


def test_a_fault_during_the_double_fault_shuts_down_and_names_the_first() -> None:
    bench = prepared()
    shutdown = deliver_exception(bench.cpu, fault(PF, 2, UNMAPPED))
    assert shutdown is not None
    assert (shutdown.kind, shutdown.vector, shutdown.error) == (TrapKind.SHUTDOWN, PF, 2)
    assert shutdown.address == UNMAPPED
    assert bench.cpu.rip == CODE


def test_a_missing_inner_stack_segment_faults_before_anything_changes() -> None:
    bench = prepared(3)
    bench.set_descriptor(KERNEL_SS, make_descriptor("data", 3))
    bench.set_gate(VECTOR, dpl=3)
    trap = bench.do("int", "i", imm=VECTOR)
    assert trap is not None
    refused = deliver_software_interrupt(bench.cpu, trap)
    assert refused is not None
    assert (refused.vector, refused.error) == (GP, KERNEL_SS)
    assert bench.cpu.cpl == 3


# There and back --------------------------------------------------------------------------------


@pytest.mark.parametrize(("ring", "selector"), [(0, KERNEL_CS), (1, KERNEL_CS), (3, RING1_CS)])
def test_iret_undoes_an_interrupt(ring: int, selector: int) -> None:
    bench = prepared(ring)
    bench.set_gate(VECTOR, selector=selector)
    bench.cpu.rflags |= IOPL  # so that every ring may set IF again
    code, data = bench.cpu.segments[CS], bench.cpu.segments[SS]
    flags = bench.cpu.rflags
    deliver_interrupt(bench.cpu, VECTOR)
    bench.cpu.rflags |= ZF
    assert bench.run(ins("iret")) is None
    assert (bench.cpu.rip, bench.cpu.rflags, bench.cpu.cpl) == (CODE, flags, ring)
    assert (bench.cpu.segments[CS], bench.cpu.segments[SS]) == (code, data)
    assert bench.cpu.regs[RSP] == STACK


def test_a_handler_of_ring_one_gets_the_stack_segment_after_its_code_segment() -> None:
    bench = prepared(3)
    bench.set_gate(VECTOR, selector=RING1_CS)
    deliver_interrupt(bench.cpu, VECTOR)
    assert bench.cpu.segments[SS].selector == RING1_SS | 1
    assert bench.stack_words(5)[4] == USER_SS
