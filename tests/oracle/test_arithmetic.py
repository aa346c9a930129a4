"""Arithmetic, logic, moves and conditional jumps against real x86-64 semantics."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.machine.bench import DATA, ins
from tests.oracle.model import Model
from tests.oracle.x86 import RealX86, Start
from virtdocs.machine.instructions.flow import CONDITIONS
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CF,
    FLAGS_ONE,
    OF,
    RAX,
    RBX,
    RCX,
    RDX,
    RSI,
    RSP,
    SF,
    ZF,
)

WORD = (1 << 64) - 1
EDGES = [0, 1, 2, 0x7F, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 1 << 32, (1 << 63) - 1, 1 << 63, WORD]
IMMEDIATES = [0, 1, 0x7FFF_FFFF, WORD, WORD - 0x7FFF_FFFF]


def operands(seed: str, count: int = 40) -> list[tuple[int, int]]:
    """Every pair of edges, and seeded random pairs."""
    rng = random.Random(seed)
    return [
        *itertools.product(EDGES, repeat=2),
        *((rng.getrandbits(64), rng.getrandbits(64)) for _ in range(count)),
    ]


# Flags that x86 leaves undefined, so nothing can be compared (SDM vol. 2, each instruction).
# PF and AF are not modelled at all: registers.py says so, and the comparison masks them.
UNDEFINED_FLAGS = {
    "mul": SF | ZF,
    "imul": SF | ZF,
    "div": ARITHMETIC_FLAGS,
}


def compare(
    real: RealX86, model: Model, code: str, one: Instruction, start: Start, undefined: int = 0
) -> None:
    theirs = real.run(bytes.fromhex(code), start)
    ours = model.run(one, start)
    theirs.flags &= ~undefined
    ours.flags &= ~undefined
    assert ours == theirs


# mnemonic -> opcode of "op r/m64, r64" (rax, rbx), of "op r64, r/m64" (rax, [rsi]) and the digit
# of "op r/m64, imm32"
TWO = {
    "add": ("01", "03", 0),
    "or": ("09", "0b", 1),
    "and": ("21", "23", 4),
    "sub": ("29", "2b", 5),
    "xor": ("31", "33", 6),
    "cmp": ("39", "3b", 7),
}


@pytest.mark.parametrize("name", TWO)
def test_two_operand_arithmetic_in_every_form(real: RealX86, model: Model, name: str) -> None:
    to_rm, to_register, digit = TWO[name]
    for a, b in operands(name):
        start = Start(regs={RAX: a, RBX: b, RSI: DATA}, data=(b,), flags=FLAGS_ONE | CF)
        compare(real, model, f"48{to_rm}d8", ins(name, "rr", a=RAX, b=RBX), start)
        compare(real, model, f"48{to_register}06", ins(name, "rm", a=RAX, base=RSI), start)
        compare(real, model, f"48{to_rm}06", ins(name, "mr", a=RAX, base=RSI), start)
    for a, imm in itertools.product(EDGES, IMMEDIATES):
        raw = (imm & 0xFFFF_FFFF).to_bytes(4, "little").hex()
        start = Start(regs={RAX: a, RSI: DATA}, data=(a,))
        register, memory = f"{0xC0 | digit << 3:02x}", f"{0x06 | digit << 3:02x}"
        compare(real, model, f"4881{register}{raw}", ins(name, "ri", a=RAX, imm=imm), start)
        compare(real, model, f"4881{memory}{raw}", ins(name, "mi", base=RSI, imm=imm), start)


# mnemonic, x86 bytes, our instruction: operands in rax, rbx, at DATA; rcx holds rbx's value too.
OTHERS = [
    ("test", "4885d8", ins("test", "rr", a=RAX, b=RBX)),
    ("test", "488506", ins("test", "mr", a=RAX, base=RSI)),
    ("inc", "48ffc0", ins("inc", "r", a=RAX)),
    ("inc", "48ff06", ins("inc", "m", base=RSI)),
    ("dec", "48ffc8", ins("dec", "r", a=RAX)),
    ("dec", "48ff0e", ins("dec", "m", base=RSI)),
    ("neg", "48f7d8", ins("neg", "r", a=RAX)),
    ("neg", "48f71e", ins("neg", "m", base=RSI)),
    ("not", "48f7d0", ins("not", "r", a=RAX)),
    ("not", "48f716", ins("not", "m", base=RSI)),
    ("imul", "480fafc3", ins("imul", "rr", a=RAX, b=RBX)),
    ("imul", "480faf06", ins("imul", "rm", a=RAX, base=RSI)),
    ("mul", "48f7e3", ins("mul", "r", a=RBX)),
    ("mul", "48f726", ins("mul", "m", base=RSI)),
    ("div", "48f7f3", ins("div", "r", a=RBX)),
    ("div", "48f736", ins("div", "m", base=RSI)),
    ("mov", "4889d8", ins("mov", "rr", a=RAX, b=RBX)),
    ("mov", "488b06", ins("mov", "rm", a=RAX, base=RSI)),
    ("mov", "8b06", ins("mov", "rm", a=RAX, base=RSI, size=4)),
    ("movzx", "480fb706", ins("mov", "rm", a=RAX, base=RSI, size=2)),
    ("movzx", "480fb606", ins("mov", "rm", a=RAX, base=RSI, size=1)),
    ("mov", "488906", ins("mov", "mr", a=RAX, base=RSI)),
    ("mov", "8906", ins("mov", "mr", a=RAX, base=RSI, size=4)),
    ("mov", "668906", ins("mov", "mr", a=RAX, base=RSI, size=2)),
    ("mov", "8806", ins("mov", "mr", a=RAX, base=RSI, size=1)),
    ("xchg", "4887d8", ins("xchg", "rr", a=RAX, b=RBX)),
    ("xchg", "488706", ins("xchg", "mr", a=RAX, base=RSI)),
    ("lea", "488d449e08", ins("lea", "rm", a=RAX, base=RSI, index=RBX, scale=4, disp=8)),
    ("lea", "488d44ddf8", ins("lea", "rm", a=RAX, base=5, index=RBX, scale=8, disp=-8)),
    ("stc", "f9", ins("stc")),
    ("clc", "f8", ins("clc")),
    ("nop", "90", ins("nop")),
    ("pause", "f390", ins("pause")),
    ("push", "50", ins("push", "r", a=RAX)),
    ("push", "ff36", ins("push", "m", base=RSI)),
    ("push", "68ffffff80", ins("push", "i", imm=WORD - 0x7F00_0000)),
    ("push", "54", ins("push", "r", a=RSP)),
    ("pop", "5b", ins("pop", "r", a=RBX)),
    ("pop", "5c", ins("pop", "r", a=RSP)),
    ("pop", "8f06", ins("pop", "m", base=RSI)),
    ("pop", "8f442408", ins("pop", "m", base=RSP, disp=8)),
]


@pytest.mark.parametrize(
    ("name", "code", "one"), OTHERS, ids=[f"{name} {code}" for name, code, _ in OTHERS]
)
def test_one_instruction_for_many_operands(
    real: RealX86, model: Model, name: str, code: str, one: Instruction
) -> None:
    for a, b in operands(code):
        for flags in (FLAGS_ONE, FLAGS_ONE | ARITHMETIC_FLAGS):
            regs = {RAX: a, RBX: b, RCX: b, RDX: a % (b or 1), RSI: DATA}
            start = Start(regs=regs, data=(b, a), stack=(b, a), flags=flags)
            compare(real, model, code, one, start, UNDEFINED_FLAGS.get(name, 0))


def test_dividing_by_zero_or_too_little_is_a_divide_error(real: RealX86, model: Model) -> None:
    for high, divisor in ((0, 0), (5, 5), (6, 5), (WORD, 1)):
        start = Start(regs={RAX: 1, RDX: high, RBX: divisor})
        theirs = real.run(bytes.fromhex("48f7f3"), start)
        assert model.run(ins("div", "r", a=RBX), start).vector == theirs.vector == 0


@pytest.mark.parametrize(
    ("name", "by_cl", "digit"), [("shl", "e0", "e0"), ("shr", "e8", "e8"), ("sar", "f8", "f8")]
)
def test_shifts(real: RealX86, model: Model, name: str, by_cl: str, digit: str) -> None:
    for value in [*EDGES, 0x1234_5678_9ABC_DEF0]:
        for count in (0, 1, 2, 31, 32, 63, 64, 65, 255):
            # OF is undefined for counts other than one; a count of zero leaves all flags alone.
            undefined = 0 if count & 63 in (0, 1) else OF
            for flags in (FLAGS_ONE, FLAGS_ONE | ARITHMETIC_FLAGS):
                start = Start(regs={RAX: value, RCX: count}, flags=flags)
                one = ins(name, "rr", a=RAX, b=RCX)
                compare(real, model, f"48d3{by_cl}", one, start, undefined)
                one = ins(name, "ri", a=RAX, imm=count)
                compare(real, model, f"48c1{digit}{count:02x}", one, start, undefined)


# x86's condition numbers, SDM vol. 1 appendix B.
CONDITION_NUMBERS = {
    "o": 0, "no": 1, "b": 2, "ae": 3, "e": 4, "ne": 5, "be": 6, "a": 7, "s": 8, "ns": 9,
    "l": 12, "ge": 13, "le": 14, "g": 15,
}  # fmt: skip


@pytest.mark.parametrize("condition", CONDITION_NUMBERS)
def test_conditional_jumps_for_every_combination_of_flags(
    real: RealX86, model: Model, condition: str
) -> None:
    code = bytes([0x70 | CONDITION_NUMBERS[condition], 0x10])
    for bits in itertools.product((0, 1), repeat=4):
        flags = FLAGS_ONE | sum(
            flag * bit for flag, bit in zip((CF, ZF, SF, OF), bits, strict=True)
        )
        taken = real.run(code, Start(flags=flags)).rip == 0x12
        ours = model.run(ins(f"j{condition}", "i", imm=DATA), Start(flags=flags))
        assert (ours.rip != 16) is taken


def test_every_condition_of_the_machine_is_compared() -> None:
    assert set(CONDITION_NUMBERS) == set(CONDITIONS)


@pytest.mark.parametrize("rcx", [0, 1, 1 << 32, 1 << 63])
def test_jrcxz_looks_at_all_of_rcx(real: RealX86, model: Model, rcx: int) -> None:
    start = Start(regs={RCX: rcx})
    taken = real.run(bytes.fromhex("e310"), start).rip == 0x12
    assert (model.run(ins("jrcxz", "i", imm=DATA), start).rip != 16) is taken
