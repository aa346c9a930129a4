"""An instruction that faults changes nothing, and nothing crashes the CPU."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.machine.bench import CODE, DATA, STACK, UNMAPPED, Bench, ins
from tests.machine.test_isa import instructions
from virtdocs.machine.firmware import KERNEL_CS, RING1_CS, TSS_SELECTOR, USER_CS, USER_SS
from virtdocs.machine.instructions import BY_FORM
from virtdocs.machine.interrupts import deliver_exception, deliver_software_interrupt
from virtdocs.machine.isa import Instruction, encode
from virtdocs.machine.memory import PAGE_BYTES
from virtdocs.machine.paging import WRITABLE
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CR4_TSD,
    CR4_UMIP,
    FLAGS_ONE,
    IF,
    IOPL,
    MSR_EFER,
    MSR_LSTAR,
    MSR_X2APIC_ICR,
    PF,
    RSP,
    WORD_MASK,
)
from virtdocs.machine.traps import Trap, TrapKind

# Values at which something is likely to happen: pages that end, holes, selectors, MSR numbers.
EDGES = [
    0, 1, DATA, DATA + 8, STACK, CODE, UNMAPPED, UNMAPPED - 4, UNMAPPED - 12, UNMAPPED - 8,
    DATA + PAGE_BYTES - 4, 1 << 47, (1 << 47) - 4, WORD_MASK, WORD_MASK - 7, KERNEL_CS, RING1_CS,
    USER_CS, USER_SS, TSS_SELECTOR, MSR_EFER, MSR_LSTAR, MSR_X2APIC_ICR, 0xF4, 0xE9, 1 << 63,
]  # fmt: skip
VALUE = st.sampled_from(EDGES) | st.integers(0, WORD_MASK)


@st.composite
def machines(draw: st.DrawFn) -> Bench:
    """A machine in a state where much can go wrong: a hole at each end of the data page."""
    bench = Bench(
        draw(st.sampled_from((2, 4))),
        draw(st.sampled_from(("intel", "amd"))),
        draw(st.sampled_from((0, 1, 3))),
    )
    bench.hide(DATA + PAGE_BYTES)
    bench.hide(STACK - PAGE_BYTES)
    bench.cpu.rflags = FLAGS_ONE | draw(st.integers(0, 1 << 14)) & (ARITHMETIC_FLAGS | IF | IOPL)
    bench.cpu.cr4 = draw(st.sampled_from((0, CR4_UMIP, CR4_TSD)))
    for number in range(16):
        bench.cpu.regs[number] = draw(VALUE)
    bench.cpu.regs[RSP] = draw(st.sampled_from([STACK, STACK + 8, STACK + 12, UNMAPPED - 8, 3]))
    bench.put(DATA, *(draw(VALUE) for _ in range(6)))
    bench.put(STACK, *(draw(VALUE) for _ in range(6)))
    return bench


def changed(before: dict[str, object], after: dict[str, object]) -> set[str]:
    return {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}


@settings(max_examples=400, deadline=None)
@given(machines(), instructions())
def test_an_instruction_that_faults_changes_nothing(bench: Bench, one: Instruction) -> None:
    bench.place(one)
    before = bench.state()
    trap = bench.cpu.step()
    if trap is not None:
        assert changed(before, bench.state()) == set()
        assert trap.kind in (TrapKind.FAULT, TrapKind.SOFTWARE_INTERRUPT, TrapKind.HALT)


# Each instruction with its memory operand, and the stack, where a write cannot be finished: in a
# page that may only be read, and across the end of a page with nothing behind it, either way.
PLACES = {
    "read-only page": (DATA + 8, DATA + 8),
    "upper page missing": (DATA + PAGE_BYTES - 4, DATA + PAGE_BYTES + 4),
    "lower page missing": (DATA + 2 * PAGE_BYTES - 4, DATA + 2 * PAGE_BYTES + 4),
}
WRITERS = set(
    "addmr ormi incm negm popm pushr pushi calli pushf pushs sgdtm sidtm sldtm movmr movmi xchgmr "
    "smswm strm".split()
)


@pytest.mark.parametrize("cpl", [0, 1, 3])
@pytest.mark.parametrize("place", PLACES)
def test_no_instruction_half_happens_where_a_write_fails(place: str, cpl: int) -> None:
    operand, stack = PLACES[place]
    faulted = set()
    for mnemonic, form in BY_FORM:
        one = ins(mnemonic, form, **{"disp": operand} if "m" in form else {})
        bench = Bench(cpl=cpl)
        bench.put(DATA, *range(1, 1537))
        bench.change_entry(DATA, clear=WRITABLE if place == "read-only page" else 0)
        bench.hide(DATA + PAGE_BYTES)
        bench.cpu.regs[:] = [0x1111 * n for n in range(16)]
        bench.cpu.regs[RSP] = stack
        bench.cpu.rflags = FLAGS_ONE | ARITHMETIC_FLAGS
        bench.place(one)
        before = bench.state()
        trap = bench.cpu.step()
        if trap is not None:
            assert (one, changed(before, bench.state())) == (one, set())
            if trap.vector == PF:
                faulted.add(one.mnemonic + one.form)
    assert faulted >= WRITERS


@settings(max_examples=200, deadline=None)
@given(machines(), instructions())
def test_registers_and_memory_hold_words_whatever_runs(bench: Bench, one: Instruction) -> None:
    bench.place(one)
    bench.cpu.step()
    cpu = bench.cpu
    assert all(0 <= value <= WORD_MASK for value in [*cpu.regs, cpu.rip, cpu.rflags])
    assert cpu.rflags & FLAGS_ONE
    assert cpu.cpl in (0, 1, 2, 3)
    for page in bench.memory.pages.values():
        assert len(page) == 512
        assert 0 <= min(page) <= max(page) <= WORD_MASK


@settings(max_examples=300, deadline=None)
@given(machines(), st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=4))
def test_random_bytes_never_crash_the_cpu(bench: Bench, words: list[tuple[int, int]]) -> None:
    bench.put(CODE, *(word for pair in words for word in pair))
    for _ in words:
        trap = bench.cpu.step()
        assert trap is None or isinstance(trap, Trap)
        if trap is not None:
            return


@settings(max_examples=150, deadline=None)
@given(
    machines(),
    st.lists(instructions(), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 31), VALUE, VALUE), max_size=4),
)
def test_random_programs_end_in_handlers_or_in_a_shutdown(
    bench: Bench, program: list[Instruction], gates: list[tuple[int, int, int]]
) -> None:
    bench.put(CODE, *(word for one in program for word in encode(one)))
    for vector, low, high in gates:
        bench.put(0x1000 + 16 * vector, low, high)
    for _ in range(12):
        trap = bench.cpu.step()
        if trap is None:
            continue
        if trap.kind is TrapKind.SOFTWARE_INTERRUPT:
            trap = deliver_software_interrupt(bench.cpu, trap)
        if trap is not None and trap.kind is TrapKind.FAULT:
            trap = deliver_exception(bench.cpu, trap)
        if trap is not None:
            assert trap.kind in (TrapKind.SHUTDOWN, TrapKind.HALT)
            return


@pytest.mark.parametrize("cpl", [0, 1, 3])
def test_the_same_step_twice_gives_the_same_state(cpl: int) -> None:
    states = []
    for _ in range(2):
        bench = Bench(cpl=cpl)
        for _ in range(3):
            bench.cpu.step()
        states.append(bench.state())
    assert states[0] == states[1]
