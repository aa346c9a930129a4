"""Jumps, calls, returns — near, far, from interrupts, to and from system calls."""

from __future__ import annotations

import pytest

from tests.machine.bench import CODE, DATA, RING_SELECTORS, STACK, UNMAPPED, Bench, ins
from virtdocs.machine.firmware import (
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    TSS_SELECTOR,
    USER_CS,
    USER_SS,
)
from virtdocs.machine.registers import (
    CF,
    CS,
    DS,
    EFER_SCE,
    ES,
    FLAGS_MASK,
    FLAGS_ONE,
    GP,
    IF,
    IOPL,
    IOPL_SHIFT,
    MSR_EFER,
    MSR_FMASK,
    MSR_LSTAR,
    MSR_STAR,
    NP,
    PF,
    R11,
    RAX,
    RBX,
    RCX,
    RSP,
    SS,
    UD,
    ZF,
)
from virtdocs.machine.segments import make_descriptor
from virtdocs.machine.traps import Trap, TrapKind

TARGET = CODE + 0x400
FREE = 0x40
ABSENT_CODE = make_descriptor("code", 0) & ~(1 << 47)
CONFORMING0 = make_descriptor("code", 0) | 1 << 42
CONFORMING3 = make_descriptor("code", 3) | 1 << 42
NON_CANONICAL = 1 << 50


def outcome(trap: Trap | None) -> tuple[int, int | None] | None:
    return None if trap is None else (trap.vector, trap.error)


def test_a_near_call_and_its_return() -> None:
    bench = Bench()
    assert bench.do("call", "i", imm=TARGET) is None
    assert (bench.cpu.rip, bench.stack_words(1)) == (TARGET, [CODE + 16])
    assert bench.do("ret") is None
    assert (bench.cpu.rip, bench.cpu.regs[RSP]) == (CODE + 16, STACK)


@pytest.mark.parametrize("form", ["i", "r", "m"])
@pytest.mark.parametrize("mnemonic", ["jmp", "call"])
def test_a_target_is_a_number_a_register_or_memory(mnemonic: str, form: str) -> None:
    bench = Bench()
    bench.cpu.regs[RBX] = TARGET
    bench.put(DATA, TARGET)
    operand = {"i": {"imm": TARGET}, "r": {"a": RBX}, "m": {"disp": DATA}}[form]
    assert bench.do(mnemonic, form, **operand) is None
    assert bench.cpu.rip == TARGET


def test_a_call_through_rsp_reads_its_target_before_it_pushes() -> None:
    bench = Bench()
    bench.put(STACK - 8, TARGET)
    assert bench.do("call", "m", base=RSP, disp=-8) is None
    assert bench.cpu.rip == TARGET


@pytest.mark.parametrize("rcx", [0, 1, 1 << 63])
def test_jrcxz_looks_at_rcx_and_at_no_flag(rcx: int) -> None:
    bench = Bench()
    bench.cpu.regs[RCX] = rcx
    bench.do("jrcxz", "i", imm=TARGET)
    assert (bench.cpu.rip == TARGET) is (rcx == 0)


@pytest.mark.parametrize(
    ("rip", "expected"),
    [(CODE + 8, (GP, 0)), (NON_CANONICAL, (GP, 0)), (UNMAPPED, (PF, 16)), (DATA, (UD, None))],
)
def test_an_instruction_lies_where_instructions_can_lie(
    rip: int, expected: tuple[int, int | None]
) -> None:
    bench = Bench()
    bench.cpu.rip = rip
    assert outcome(bench.cpu.step()) == expected
    assert bench.cpu.rip == rip


# Far jumps and calls ---------------------------------------------------------------------------

# ring, descriptor put at FREE (or None), selector -> new cs selector or fault (SDM vol. 3A §5.8.1)
FAR = [
    (0, None, KERNEL_CS, KERNEL_CS),
    (0, None, KERNEL_CS | 3, (GP, KERNEL_CS)),
    (1, None, RING1_CS | 1, RING1_CS | 1),
    (1, None, RING1_CS, RING1_CS | 1),
    (3, None, USER_CS, USER_CS),
    (3, None, USER_CS & ~3, USER_CS),
    (3, None, KERNEL_CS, (GP, KERNEL_CS)),
    (1, None, KERNEL_CS, (GP, KERNEL_CS)),
    (0, None, USER_CS, (GP, USER_CS & ~3)),
    (0, None, KERNEL_SS, (GP, KERNEL_SS)),
    (0, None, TSS_SELECTOR, (GP, TSS_SELECTOR)),
    (0, None, 0, (GP, 0)),
    (0, None, 3, (GP, 0)),
    (0, None, 0x7000, (GP, 0x7000)),
    (0, ABSENT_CODE, FREE, (NP, FREE)),
    (3, ABSENT_CODE, FREE, (GP, FREE)),
    (3, CONFORMING0, FREE, FREE | 3),
    (1, CONFORMING0, FREE | 3, FREE | 1),
    (0, CONFORMING3, FREE, (GP, FREE)),
]


@pytest.mark.parametrize("mnemonic", ["jmpf", "callf"])
@pytest.mark.parametrize(("ring", "raw", "selector", "expected"), FAR)
def test_a_far_jump_stays_in_its_ring(
    mnemonic: str, ring: int, raw: int | None, selector: int, expected: int | tuple[int, int]
) -> None:
    bench = Bench(cpl=ring)
    if raw is not None:
        bench.set_descriptor(FREE, raw)
    bench.put(DATA, TARGET, selector)
    bench.place(ins(mnemonic, "m", disp=DATA))
    before = bench.state()
    trap = bench.cpu.step()
    if isinstance(expected, tuple):
        assert outcome(trap) == expected
        assert bench.state() == before
        return
    assert trap is None
    assert (bench.cpu.rip, bench.cpu.cpl) == (TARGET, ring)
    assert bench.cpu.segments[CS].selector == expected
    if mnemonic == "callf":
        assert bench.stack_words(2) == [CODE + 16, RING_SELECTORS[ring][0]]


def test_a_far_call_pushes_both_words_or_none() -> None:
    bench = Bench()
    bench.hide(STACK - 0x1000)
    bench.cpu.regs[RSP] = STACK + 8
    bench.put(DATA, TARGET, KERNEL_CS)
    bench.place(ins("callf", "m", disp=DATA))
    before = bench.state()
    trap = bench.cpu.step()
    assert trap is not None
    assert (trap.vector, trap.address) == (PF, STACK - 8)
    assert bench.state() == before


# Far returns -----------------------------------------------------------------------------------

# ring, frame's cs, frame's ss -> ring after, or fault (SDM vol. 2, RET and IRET)
RETURNS = [
    (0, KERNEL_CS, KERNEL_SS, 0),
    (0, RING1_CS | 1, RING1_SS | 1, 1),
    (0, USER_CS, USER_SS, 3),
    (1, RING1_CS | 1, RING1_SS | 1, 1),
    (1, USER_CS, USER_SS, 3),
    (3, USER_CS, USER_SS, 3),
    (1, KERNEL_CS, KERNEL_SS, (GP, KERNEL_CS)),
    (3, KERNEL_CS, KERNEL_SS, (GP, KERNEL_CS)),
    (3, RING1_CS | 1, RING1_SS | 1, (GP, RING1_CS)),
    (3, KERNEL_CS | 3, USER_SS, (GP, KERNEL_CS)),
    (0, USER_CS, KERNEL_SS, (GP, KERNEL_SS)),
    (0, USER_CS, 0, (GP, 0)),
    (0, USER_CS & ~3, USER_SS, (GP, USER_CS & ~3)),
    (0, 0, KERNEL_SS, (GP, 0)),
    (0, USER_SS, USER_SS, (GP, USER_SS & ~3)),
    (0, TSS_SELECTOR, KERNEL_SS, (GP, TSS_SELECTOR)),
]


@pytest.mark.parametrize("mnemonic", ["iret", "retf"])
@pytest.mark.parametrize(("ring", "code", "stack", "expected"), RETURNS)
def test_a_far_return_goes_outward_and_never_inward(
    mnemonic: str, ring: int, code: int, stack: int, expected: int | tuple[int, int]
) -> None:
    bench = Bench(cpl=ring)
    new_stack = STACK + 0x800
    tail = [new_stack, stack]
    bench.put(STACK, TARGET, code, *([FLAGS_ONE | ZF] if mnemonic == "iret" else []), *tail)
    bench.place(ins(mnemonic))
    before = bench.state()
    trap = bench.cpu.step()
    if isinstance(expected, tuple):
        assert outcome(trap) == expected
        assert bench.state() == before
        return
    assert trap is None
    assert (bench.cpu.rip, bench.cpu.cpl) == (TARGET, expected)
    assert bench.cpu.segments[CS].selector == code
    # x86-64's iret always takes the stack from its frame; retf only on its way outward.
    took_stack = mnemonic == "iret" or expected > ring
    assert bench.cpu.regs[RSP] == (new_stack if took_stack else STACK + 16)
    assert bench.cpu.segments[SS].selector == (stack if took_stack else RING_SELECTORS[ring][1])


@pytest.mark.parametrize("mnemonic", ["iret", "retf"])
def test_a_return_to_an_impossible_address_changes_nothing(mnemonic: str) -> None:
    bench = Bench()
    bench.put(STACK, NON_CANONICAL, KERNEL_CS, FLAGS_ONE, STACK, KERNEL_SS)
    bench.place(ins(mnemonic))
    before = bench.state()
    assert outcome(bench.cpu.step()) == (GP, 0)
    assert bench.state() == before


def test_returning_outward_drops_segments_of_the_inner_ring() -> None:
    bench = Bench()
    bench.cpu.segments[ES] = bench.segment(USER_SS)
    bench.put(STACK, TARGET, USER_CS, FLAGS_ONE, STACK, USER_SS)
    assert bench.do("iret") is None
    assert bench.cpu.segments[DS].selector == 0
    assert bench.cpu.segments[ES].selector == USER_SS


# ring, IOPL -> which of IF and IOPL iret and popf may change (SDM vol. 2, POPF and IRET)
FLAG_CHANGES = [
    (0, 0, IF | IOPL),
    (0, 3, IF | IOPL),
    (1, 0, 0),
    (1, 1, IF),
    (1, 3, IF),
    (3, 0, 0),
    (3, 2, 0),
    (3, 3, IF),
]


@pytest.mark.parametrize("mnemonic", ["iret", "popf"])
@pytest.mark.parametrize("start", [0, IF])
@pytest.mark.parametrize(("ring", "iopl", "changeable"), FLAG_CHANGES)
def test_if_and_iopl_stay_silently_where_the_ring_may_not_change_them(
    mnemonic: str, start: int, ring: int, iopl: int, changeable: int
) -> None:
    for wanted in (0, CF | IF, IOPL, IF | IOPL | ZF, (1 << 64) - 1):
        bench = Bench(cpl=ring)
        bench.cpu.rflags = FLAGS_ONE | start | iopl << IOPL_SHIFT
        code, data = RING_SELECTORS[ring]
        frame = [TARGET, code, wanted, STACK, data] if mnemonic == "iret" else [wanted]
        bench.put(STACK, *frame)
        assert bench.do(mnemonic) is None
        kept = (start | iopl << IOPL_SHIFT) & ~changeable
        arithmetic = wanted & FLAGS_MASK & ~(IF | IOPL)
        assert bench.cpu.rflags == kept | wanted & changeable | arithmetic | FLAGS_ONE


# System calls ----------------------------------------------------------------------------------


def with_entry(vendor: str = "intel", cpl: int = 3) -> Bench:
    bench = Bench(vendor=vendor, cpl=cpl)
    bench.cpu.msrs[MSR_STAR] = KERNEL_CS << 32 | (USER_CS - 16) << 48
    bench.cpu.msrs[MSR_LSTAR] = TARGET
    bench.cpu.msrs[MSR_FMASK] = IF
    return bench


def test_syscall_enters_ring_zero_and_keeps_rip_and_flags() -> None:
    bench = with_entry()
    bench.cpu.rflags = FLAGS_ONE | IF | ZF
    assert bench.do("syscall") is None
    cpu = bench.cpu
    assert (cpu.rip, cpu.cpl, cpu.rflags) == (TARGET, 0, FLAGS_ONE | ZF)
    assert (cpu.regs[RCX], cpu.regs[R11]) == (CODE + 16, FLAGS_ONE | IF | ZF)
    assert (cpu.segments[CS].selector, cpu.segments[SS].selector) == (KERNEL_CS, KERNEL_SS)
    assert cpu.regs[RSP] == STACK


def test_sysret_undoes_a_syscall() -> None:
    bench = with_entry()
    bench.cpu.rflags = FLAGS_ONE | IF | CF | IOPL
    bench.do("syscall")
    assert bench.do("sysret") is None
    cpu = bench.cpu
    assert (cpu.rip, cpu.cpl, cpu.rflags) == (CODE + 16, 3, FLAGS_ONE | IF | CF | IOPL)
    assert (cpu.segments[CS].selector, cpu.segments[SS].selector) == (USER_CS, USER_SS)


def test_syscall_of_a_deprivileged_program_belongs_to_the_monitor() -> None:
    bench = with_entry()
    bench.cpu.monitor_entry = True
    trap = bench.do("syscall")
    assert trap is not None
    assert trap.kind is TrapKind.SYSCALL
    assert (bench.cpu.rip, bench.cpu.cpl, bench.cpu.next_rip) == (CODE, 3, CODE + 16)


@pytest.mark.parametrize(("mnemonic", "cpl"), [("syscall", 3), ("sysret", 0), ("sysret", 3)])
def test_system_calls_are_undefined_until_enabled(mnemonic: str, cpl: int) -> None:
    bench = with_entry(cpl=cpl)
    bench.cpu.msrs[MSR_EFER] &= ~EFER_SCE
    assert outcome(bench.do(mnemonic)) == (UD, None)


@pytest.mark.parametrize("cpl", [1, 3])
def test_sysret_belongs_to_ring_zero(cpl: int) -> None:
    assert outcome(with_entry(cpl=cpl).do("sysret")) == (GP, 0)


@pytest.mark.parametrize(("vendor", "ring"), [("intel", 0), ("amd", 3)])
def test_vendors_notice_an_impossible_sysret_target_in_different_rings(
    vendor: str, ring: int
) -> None:
    bench = with_entry(vendor, cpl=0)
    bench.cpu.regs[RCX] = NON_CANONICAL
    bench.place(ins("sysret"))
    trap = bench.cpu.step() or bench.cpu.step()
    assert outcome(trap) == (GP, 0)
    assert bench.cpu.cpl == ring


# The stack -------------------------------------------------------------------------------------


def test_push_rsp_pushes_the_old_value_and_pop_rsp_takes_the_popped_one() -> None:
    bench = Bench()
    bench.do("push", "r", a=RSP)
    assert bench.stack_words(1) == [STACK]
    bench.do("pop", "r", a=RSP)
    assert bench.cpu.regs[RSP] == STACK


def test_pop_to_memory_through_rsp_uses_the_new_rsp() -> None:
    bench = Bench()
    bench.put(STACK, 0x99)
    bench.do("pop", "m", base=RSP, disp=8)
    assert bench.word(STACK + 16) == 0x99


@pytest.mark.parametrize("mnemonic", ["pushf", "popf"])
def test_a_flag_transfer_that_faults_changes_neither_flags_nor_rsp(mnemonic: str) -> None:
    bench = Bench()
    bench.cpu.regs[RSP] = UNMAPPED + 0x100
    bench.place(ins(mnemonic))
    before = bench.state()
    trap = bench.cpu.step()
    assert trap is not None
    assert trap.vector == PF
    assert bench.state() == before


@pytest.mark.parametrize("ring", [0, 1, 3])
def test_pushf_shows_the_real_flags_in_every_ring(ring: int) -> None:
    bench = Bench(cpl=ring)
    bench.cpu.rflags = FLAGS_ONE | IF | IOPL
    assert bench.do("pushf") is None
    assert bench.stack_words(1) == [FLAGS_ONE | IF | IOPL]
    assert bench.cpu.regs[RAX] == 0
