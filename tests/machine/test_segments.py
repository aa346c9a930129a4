"""Descriptors, segment loads, limits: who may load and reach what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine.bench import CODE, DATA, STACK, Bench, ins
from virtdocs.machine.firmware import (
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    TSS_SELECTOR,
    USER_CS,
    USER_SS,
)
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    CS,
    DS,
    EFER_LMSLE,
    ES,
    FS,
    GP,
    MSR_EFER,
    NP,
    RAX,
    RBX,
    RSP,
    SS,
    SSF,
    UD,
    ZF,
)
from virtdocs.machine.segments import Descriptor, Segment, make_descriptor
from virtdocs.machine.traps import Trap

FREE = 0x40  # the first selector beyond the firmware's table
PRESENT_BIT = 1 << 47
EXECUTE_ONLY = make_descriptor("code", 3) & ~(1 << 41)
READ_ONLY = make_descriptor("data", 3) & ~(1 << 41)
CONFORMING0 = make_descriptor("code", 0) | 1 << 42
LDT = make_descriptor("tss", 0, base=DATA, limit=0x67) & ~(15 << 40) | 2 << 40
CALL_GATE = make_descriptor("tss", 3) & ~(15 << 40) | 0xC << 40


@given(
    st.sampled_from(("code", "data", "tss")),
    st.integers(0, 3),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 0xF_FFFF) | st.integers(0x100, 0xF_FFFF).map(lambda n: n << 12 | 0xFFF),
)
def test_a_made_descriptor_reads_back(kind: str, dpl: int, base: int, limit: int) -> None:
    made = Descriptor(make_descriptor(kind, dpl, base=base, limit=limit))
    assert (made.dpl, made.base, made.limit, made.present) == (dpl, base, limit, True)
    assert made.segment is (kind != "tss")
    assert made.code is (kind == "code")


@given(st.integers(0xFFF, 0xFFFF_FFFF), st.integers(0, 3))
def test_a_truncated_descriptor_reaches_no_further_than_asked(limit: int, dpl: int) -> None:
    truncated = Descriptor(make_descriptor("data", 0)).with_limit(limit).with_dpl(dpl)
    assert limit - 0xFFF <= truncated.limit <= limit
    assert truncated.dpl == dpl


@pytest.mark.parametrize("limit", [0, 0xFFE, 1 << 32, 1 << 40])
def test_a_limit_that_pages_cannot_say_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit of whole pages"):
        Descriptor(make_descriptor("data", 0)).with_limit(limit)


@pytest.mark.parametrize(("base", "limit"), [(1 << 32, 0), (0, 1 << 32), (0, 0x10_0000)])
def test_a_descriptor_never_says_more_than_was_asked(base: int, limit: int) -> None:
    with pytest.raises(ValueError, match=r"bits|ends with a page"):
        make_descriptor("data", 0, base=base, limit=limit)


def outcome(trap: Trap | None) -> tuple[int, int | None] | None:
    return None if trap is None else (trap.vector, trap.error)


# register, ring, selector -> None or (vector, error code). SDM vol. 3A §5.6, §5.7; vol. 2, MOV.
LOADS = [
    (DS, 0, KERNEL_SS, None),
    (DS, 0, KERNEL_SS | 3, (GP, KERNEL_SS)),
    (DS, 1, KERNEL_SS, (GP, KERNEL_SS)),
    (DS, 3, KERNEL_SS, (GP, KERNEL_SS)),
    (DS, 0, RING1_SS, None),
    (DS, 1, RING1_SS | 1, None),
    (DS, 1, RING1_SS, None),
    (DS, 3, RING1_SS, (GP, RING1_SS)),
    (DS, 3, USER_SS, None),
    (DS, 0, USER_SS, None),
    (DS, 3, USER_CS, None),
    (DS, 3, KERNEL_CS, (GP, KERNEL_CS)),
    (DS, 0, TSS_SELECTOR, (GP, TSS_SELECTOR)),
    (DS, 0, 0x44, (GP, 0x44)),
    (DS, 0, 0xFFF8, (GP, 0xFFF8)),
    (DS, 0, 0x14, (GP, 0x14)),
    (DS, 3, 0, None),
    (DS, 3, 3, None),
    (ES, 1, USER_SS, None),
    (FS, 3, USER_SS, None),
    (SS, 0, KERNEL_SS, None),
    (SS, 0, KERNEL_SS | 1, (GP, KERNEL_SS)),
    (SS, 0, USER_SS, (GP, USER_SS & ~3)),
    (SS, 0, KERNEL_CS, (GP, KERNEL_CS)),
    (SS, 1, RING1_SS | 1, None),
    (SS, 1, RING1_SS, (GP, RING1_SS)),
    (SS, 3, USER_SS, None),
    (SS, 3, RING1_SS | 3, (GP, RING1_SS)),
    (SS, 0, 0, None),
    (SS, 1, 1, None),
    (SS, 1, 0, (GP, 0)),
    (SS, 3, 3, (GP, 0)),
]


@pytest.mark.parametrize("way", ["mov", "pop"])
@pytest.mark.parametrize(("register", "ring", "selector", "expected"), LOADS)
def test_a_segment_load_checks_privilege(
    way: str, register: int, ring: int, selector: int, expected: tuple[int, int] | None
) -> None:
    bench = Bench(cpl=ring)
    before = bench.cpu.segments[register]
    if way == "mov":
        bench.cpu.regs[RAX] = selector
        trap = bench.do("mov", "sr", a=register, b=RAX)
    else:
        bench.put(STACK, selector)
        trap = bench.do("pop", "s", a=register)
        assert bench.cpu.regs[RSP] == (STACK + 8 if trap is None else STACK)
    assert outcome(trap) == expected
    now = bench.cpu.segments[register]
    assert now.selector == selector if expected is None else now == before


@pytest.mark.parametrize(
    ("register", "ring", "raw", "expected"),
    [
        (DS, 3, EXECUTE_ONLY, (GP, FREE)),
        (DS, 3, READ_ONLY, None),
        (SS, 3, READ_ONLY, (GP, FREE)),
        (DS, 3, CONFORMING0, None),
        (DS, 0, make_descriptor("data", 0) & ~PRESENT_BIT, (NP, FREE)),
        (SS, 0, make_descriptor("data", 0) & ~PRESENT_BIT, (SSF, FREE)),
        (DS, 3, make_descriptor("data", 0) & ~PRESENT_BIT, (GP, FREE)),
    ],
)
def test_a_segment_load_checks_the_type_before_presence(
    register: int, ring: int, raw: int, expected: tuple[int, int] | None
) -> None:
    bench = Bench(cpl=ring)
    bench.set_descriptor(FREE, raw)
    bench.cpu.regs[RAX] = FREE | ring
    assert outcome(bench.do("mov", "sr", a=register, b=RAX)) == expected


@pytest.mark.parametrize("number", [CS, 6, 15])
def test_cs_and_registers_that_do_not_exist_cannot_be_loaded(number: int) -> None:
    for mnemonic, form in (("mov", "sr"), ("pop", "s")):
        assert outcome(Bench().do(mnemonic, form, a=number)) == (UD, None)


@pytest.mark.parametrize("ring", [0, 1, 3])
def test_a_selector_shows_the_ring_that_the_program_runs_in(ring: int) -> None:
    bench = Bench(cpl=ring)
    bench.run(ins("mov", "rs", a=RAX, b=CS), ins("push", "s", a=CS))
    assert bench.cpu.regs[RAX] & 3 == bench.stack_words(1)[0] & 3 == ring


@pytest.mark.parametrize("load", [("mov", "sr"), ("pop", "s")])
def test_loading_ss_holds_interrupts_off_for_one_instruction(load: tuple[str, str]) -> None:
    bench = Bench()
    bench.put(STACK, KERNEL_SS)
    bench.cpu.regs[RBX] = KERNEL_SS
    bench.do(*load, a=SS, **({"b": RBX} if load[0] == "mov" else {}))
    assert bench.cpu.interrupt_shadow == 1
    bench.do("nop")
    assert bench.cpu.interrupt_shadow == 0


# Limits --------------------------------------------------------------------------------------

LIMIT = 0x80_FFFF  # code lies below it, DATA above


def limited(levels: int, ring: int = 1, efer: int = 0) -> Bench:
    bench = Bench(levels, "amd" if efer else "intel", cpl=ring)
    bench.cpu.msrs[MSR_EFER] |= efer
    bench.cpu.segments = [
        Segment(s.selector, s.dpl, LIMIT, s.code, s.readable, s.writable)
        for s in bench.cpu.segments
    ]
    return bench


def last_bytes(size: int) -> int:
    return LIMIT - size + 1


LIMITED_ACCESSES = {
    "load": (ins("mov", "rm", a=RAX, base=RBX), 8, 1),
    "store": (ins("mov", "mr", a=RAX, base=RBX), 8, 1),
    "byte load": (ins("mov", "rm", a=RAX, base=RBX, size=1), 1, 1),
    "through rsp": (ins("mov", "mr", a=RAX, base=RSP, size=4), 4, 1),
    "lgdt": (ins("lgdt", "m", base=RBX, size=1), 16, 0),
    "lidt": (ins("lidt", "m", base=RBX), 16, 0),
    "sgdt": (ins("sgdt", "m", base=RBX), 16, 1),
    "sidt": (ins("sidt", "m", base=RBX, size=1), 16, 1),
    "pop": (ins("pop", "r", a=RAX), 8, 1),
    "ret": (ins("ret"), 8, 1),
}


@pytest.mark.parametrize(
    ("one", "size", "ring"), LIMITED_ACCESSES.values(), ids=LIMITED_ACCESSES.keys()
)
def test_in_legacy_mode_no_byte_beyond_the_limit_is_touched(
    one: Instruction, size: int, ring: int
) -> None:
    vector = SSF if one.base == RSP or one.mnemonic in ("pop", "ret") else GP
    for beyond, expected in ((0, None), (1, (vector, 0)), (size, (vector, 0))):
        bench = limited(2, ring)
        bench.place(one)
        bench.cpu.regs[RBX] = bench.cpu.regs[RSP] = last_bytes(size) + beyond
        before = bench.state()
        assert outcome(bench.cpu.step()) == expected
        if expected:
            assert bench.state() == before


@pytest.mark.parametrize("one", [ins("jmpf", "m", base=RBX), ins("callf", "m", base=RBX)])
def test_a_far_pointer_is_within_the_limit_as_a_whole(one: Instruction) -> None:
    for beyond, expected in ((0, None), (1, (GP, 0)), (8, (GP, 0))):
        bench = limited(2)
        bench.place(one)
        at = last_bytes(16) & ~15
        bench.put(at, CODE, RING1_CS | 1)
        bench.cpu.regs[RBX] = at + beyond
        bench.cpu.regs[RSP] = CODE + 0x800
        assert outcome(bench.cpu.step()) == expected


@pytest.mark.parametrize(
    ("top", "expected"), [(LIMIT + 1, None), (LIMIT + 9, (SSF, 0)), (LIMIT + 2, (SSF, 0))]
)
def test_a_push_stays_within_the_stack_segment(top: int, expected: tuple[int, int] | None) -> None:
    bench = limited(2)
    bench.cpu.regs[RSP] = top
    assert outcome(bench.do("push", "r", a=RAX)) == expected


def test_a_far_call_whose_second_word_leaves_the_segment_pushes_neither() -> None:
    bench = limited(2, ring=0)
    bench.put(CODE + 0x800, CODE, KERNEL_CS)
    bench.cpu.regs[RSP] = 8  # the second word would wrap to the top of the address space
    bench.place(ins("callf", "m", disp=CODE + 0x800))
    before = bench.state()
    assert outcome(bench.cpu.step()) == (SSF, 0)
    assert bench.state() == before


@pytest.mark.parametrize("levels", [2, 4])
@pytest.mark.parametrize(
    ("one", "vector"),
    [
        (ins("push", "r", a=RAX), SSF),
        (ins("pop", "r", a=RAX), SSF),
        (ins("ret"), SSF),
        (ins("mov", "rm", a=RAX, base=RSP), SSF),
        (ins("mov", "rm", a=RAX, base=RBX), GP),
        (ins("mov", "mr", a=RAX, base=RBX), GP),
        (ins("jmp", "m", base=RBX), GP),
    ],
)
def test_an_address_that_is_not_canonical_is_a_stack_fault_only_on_the_stack(
    levels: int, one: Instruction, vector: int
) -> None:
    bench = Bench(levels)
    bench.cpu.regs[RSP] = bench.cpu.regs[RBX] = 1 << 60
    bench.place(one)
    before = bench.state()
    assert outcome(bench.cpu.step()) == (vector, 0)
    assert bench.state() == before


def test_code_beyond_the_limit_is_not_fetched() -> None:
    bench = limited(2)
    bench.cpu.rip = DATA
    assert outcome(bench.do("nop")) == (GP, 0)


@pytest.mark.parametrize(
    ("levels", "efer", "holds"), [(2, 0, True), (4, 0, False), (4, EFER_LMSLE, True)]
)
def test_limits_hold_in_legacy_mode_and_in_long_mode_only_with_lmsle(
    levels: int, efer: int, holds: bool
) -> None:
    bench = limited(levels, efer=efer)
    trap = bench.do("mov", "rm", a=RAX, disp=DATA)
    assert outcome(trap) == ((GP, 0) if holds else None)


def test_the_segment_override_adds_its_base_and_checks_its_own_limit() -> None:
    bench = limited(2)
    bench.cpu.segment_base[FS] = DATA
    bench.put(DATA + 8, 0x77)
    read = ins("mov", "rm", a=RAX, disp=8, segment="fs")
    assert outcome(bench.run(read)) == (GP, 0)
    bench.cpu.segments[FS] = bench.segment(USER_SS)
    assert outcome(bench.run(read)) is None
    assert bench.cpu.regs[RAX] == 0x77


# What lar, lsl, verr and verw may see -----------------------------------------------------------

# ring, selector, lar sees, lsl sees, readable, writable (SDM vol. 2; checked against another
# implementation of x86 in tests/oracle)
VISIBLE = [
    (0, KERNEL_CS, True, True, True, False),
    (0, KERNEL_SS, True, True, True, True),
    (1, KERNEL_SS, False, False, False, False),
    (3, KERNEL_SS, False, False, False, False),
    (0, KERNEL_SS | 3, False, False, False, False),
    (1, RING1_SS | 1, True, True, True, True),
    (1, RING1_CS | 1, True, True, True, False),
    (3, RING1_SS, False, False, False, False),
    (3, USER_SS, True, True, True, True),
    (3, USER_CS, True, True, True, False),
    (0, TSS_SELECTOR, True, True, False, False),
    (3, TSS_SELECTOR, False, False, False, False),
    (0, 0, False, False, False, False),
    (0, 0x7FF8, False, False, False, False),
    (0, 0x14, False, False, False, False),
]


def seen(bench: Bench, mnemonic: str, selector: int) -> bool:
    bench.cpu.regs[RBX] = selector
    fields = {"a": RBX} if mnemonic.startswith("ver") else {"a": RAX, "b": RBX}
    trap = bench.do(mnemonic, "r" * len(fields), **fields)
    assert trap is None
    return bool(bench.cpu.rflags & ZF)


@pytest.mark.parametrize(("ring", "selector", "lar", "lsl", "verr", "verw"), VISIBLE)
def test_the_answer_about_a_segment_depends_on_the_ring(
    ring: int, selector: int, lar: bool, lsl: bool, verr: bool, verw: bool
) -> None:
    bench = Bench(cpl=ring)
    answers = tuple(seen(bench, name, selector) for name in ("lar", "lsl", "verr", "verw"))
    assert answers == (lar, lsl, verr, verw)


@pytest.mark.parametrize(
    ("raw", "answers"),
    [
        (EXECUTE_ONLY, (True, True, False, False)),
        (READ_ONLY, (True, True, True, False)),
        (CONFORMING0, (True, True, True, False)),
        (make_descriptor("data", 3) & ~PRESENT_BIT, (True, True, True, True)),
        (LDT | 3 << 45, (True, True, False, False)),
        (CALL_GATE, (True, False, False, False)),
        (make_descriptor("tss", 3) & ~(15 << 40), (False, False, False, False)),
    ],
    ids=["execute-only", "read-only", "conforming", "absent", "ldt", "call gate", "type 0"],
)
def test_the_answer_about_a_segment_depends_on_its_type(
    raw: int, answers: tuple[bool, ...]
) -> None:
    bench = Bench(cpl=3)
    bench.set_descriptor(FREE, raw)
    got = tuple(seen(bench, name, FREE | 3) for name in ("lar", "lsl", "verr", "verw"))
    assert got == answers


def test_lar_and_lsl_leave_the_register_alone_when_they_may_not_tell() -> None:
    bench = Bench(cpl=3)
    bench.cpu.regs[RAX] = 0x1234
    for name in ("lar", "lsl"):
        assert not seen(bench, name, KERNEL_CS)
        assert bench.cpu.regs[RAX] == 0x1234


def test_lsl_scales_the_limit_and_lar_hides_its_bits() -> None:
    bench = Bench()
    bench.set_descriptor(FREE, make_descriptor("data", 0, limit=0xABC_DFFF))
    seen(bench, "lsl", FREE)
    assert bench.cpu.regs[RAX] == 0xABC_DFFF
    seen(bench, "lar", FREE)
    assert bench.cpu.regs[RAX] == 0x80_9200  # granularity; present, DPL 0, data, writable


# The task register and LDTR -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "expected"),
    [(TSS_SELECTOR, None), (KERNEL_SS, (GP, KERNEL_SS)), (0, (GP, 0)), (FREE, (GP, FREE))],
)
def test_ltr_takes_only_a_tss(selector: int, expected: tuple[int, int] | None) -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = selector
    assert outcome(bench.do("ltr", "r", a=RAX)) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (make_descriptor("tss", 0, base=DATA, limit=103), None),
        (make_descriptor("tss", 0, base=DATA, limit=102), (GP, FREE)),
        (make_descriptor("tss", 0, base=DATA, limit=103) & ~PRESENT_BIT, (NP, FREE)),
    ],
)
def test_a_tss_must_be_whole_and_present(raw: int, expected: tuple[int, int] | None) -> None:
    bench = Bench()
    bench.set_descriptor(FREE, raw)
    bench.cpu.regs[RAX] = FREE
    assert outcome(bench.do("ltr", "r", a=RAX)) == expected
    assert (bench.cpu.task_base == DATA) is (expected is None)


def test_lldt_takes_only_the_null_selector() -> None:
    bench = Bench()
    bench.cpu.regs[RAX], bench.cpu.regs[RBX] = 3, TSS_SELECTOR
    assert outcome(bench.do("lldt", "r", a=RAX)) is None
    assert outcome(bench.do("lldt", "r", a=RBX)) == (GP, TSS_SELECTOR)
    assert outcome(bench.do("sldt", "r", a=RBX)) is None
    assert bench.cpu.regs[RBX] == 3
