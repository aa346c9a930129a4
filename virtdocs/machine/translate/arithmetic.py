"""Arithmetic and logic: results now, flags as expressions for whoever will look."""

from __future__ import annotations

from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CF,
    OF,
    RAX,
    RDX,
    SF,
    SIGN_BIT,
    WORD_MASK,
    ZF,
)
from virtdocs.machine.translate.data import second
from virtdocs.machine.translate.flags import (
    KEPT,
    Flags,
    after_add,
    after_compare,
    after_logic,
    after_multiply,
    after_shift,
    after_step,
    after_sub,
)
from virtdocs.machine.translate.memory_access import (
    SMALL,
    address,
    load,
    read_then_write,
    write_back,
)
from virtdocs.machine.translate.source import Source
from virtdocs.machine.translate.steps import Step

LOGIC = {"and": "&", "or": "|", "xor": "^"}


def _finish(source: Source, ins: Instruction, result: str) -> str:
    """Write the first operand; the name that holds the result afterwards."""
    if ins.form[0] == "r":
        source.put(ins.a, result)
        return f"r{ins.a}"
    name = source.temporary()
    source.line(f"{name} = {result}")
    write_back(source, name, ins.size)
    return name


def _first(source: Source, ins: Instruction, write: bool) -> str:
    if ins.form[0] == "r":
        return source.get(ins.a)
    where = address(source, ins)
    if write:
        return read_then_write(source, where, ins.size)
    return load(source, where, ins.size)


def _stable(source: Source, ins: Instruction, value: str) -> str:
    """The second operand under a name that the instruction itself does not overwrite."""
    fixed = ins.form[1] == "i" or (
        value.startswith("r") and value.isalnum() and not (ins.form == "rr" and ins.a == ins.b)
    )
    if fixed:
        return value
    name = source.temporary()
    source.line(f"{name} = {value}")
    return name


def add_or_subtract(source: Source, step: Step) -> None:
    """add, sub."""
    ins = step.ins
    adding = ins.mnemonic == "add"
    if ins.form[0] == "m":
        first = _first(source, ins, write=True)
        other = second(source, ins)
    else:
        first = source.get(ins.a)
        other = _stable(source, ins, second(source, ins))
    # The flags before this instruction are gone after it: nothing of them is worth a copy.
    sign = "+" if adding else "-"
    safe = adding and ins.form == "ri" and ins.a in source.bounded and ins.imm < SMALL
    mask = "" if safe else f" & {WORD_MASK}"
    result = _finish(source, ins, f"{_grouped(first)} {sign} {other}{mask}")
    source.flags = (after_add if adding else after_sub)(result, other)


def _grouped(text: str) -> str:
    return text if text.isalnum() else f"({text})"


def compare(source: Source, step: Step) -> None:
    """cmp."""
    ins = step.ins
    first = _first(source, ins, write=False)
    if not first.isalnum():
        name = source.temporary()
        source.line(f"{name} = {first}")
        first = name
    other = second(source, ins)
    if not other.isalnum():
        name = source.temporary()
        source.line(f"{name} = {other}")
        other = name
    source.flags = after_compare(first, other)


def logic(source: Source, step: Step) -> None:
    """and, or, xor."""
    ins = step.ins
    if ins.form == "rr" and ins.a == ins.b and ins.mnemonic == "xor":
        source.put(ins.a, "0")
        source.flags = Flags("0", "1", "0", "0", "0")
        return
    first = _first(source, ins, write=True)
    other = second(source, ins)
    result = _finish(source, ins, f"{_grouped(first)} {LOGIC[ins.mnemonic]} {_grouped(other)}")
    source.flags = after_logic(result)


def test(source: Source, step: Step) -> None:
    """test: and without a result."""
    ins = step.ins
    if ins.form == "rr" and ins.a == ins.b:
        source.flags = after_logic(source.get(ins.a))
        return
    name = source.temporary()
    first = _first(source, ins, write=False)
    source.line(f"{name} = {_grouped(first)} & {_grouped(second(source, ins))}")
    source.flags = after_logic(name)


def step_by_one(source: Source, step: Step) -> None:
    """inc, dec: CF stays."""
    ins = step.ins
    up = ins.mnemonic == "inc"
    first = _first(source, ins, write=True)
    before = _grouped(first)
    text = f"{before} + 1 & {WORD_MASK}" if up else f"{before} - 1 if {before} else {WORD_MASK}"
    result = _finish(source, ins, text)
    source.flags = after_step(result, source.flags, SIGN_BIT if up else SIGN_BIT - 1)


def negate(source: Source, step: Step) -> None:
    """neg, not."""
    ins = step.ins
    first = _first(source, ins, write=True)
    if ins.mnemonic == "not":
        _finish(source, ins, f"{_grouped(first)} ^ {WORD_MASK}")
        return
    result = _finish(source, ins, f"-{_grouped(first)} & {WORD_MASK}")
    source.flags = Flags(
        f"{result} != 0", f"{result} == 0", f"{result} >> 63", f"{result} == {SIGN_BIT}"
    )


SHIFTED = {
    "shl": "{v} << {n} & " + str(WORD_MASK),
    "shr": "{v} >> {n}",
    "sar": "({v} ^ " + str(SIGN_BIT) + ") - " + str(SIGN_BIT) + " >> {n} & " + str(WORD_MASK),
}
CARRY = {
    "shl": "{v} >> 64 - {n} & 1",
    "shr": "{v} >> {n} - 1 & 1",
    "sar": "({v} ^ " + str(SIGN_BIT) + ") - " + str(SIGN_BIT) + " >> {n} - 1 & 1",
}


def shift(source: Source, step: Step) -> None:
    """shl, shr, sar; a count of zero changes nothing at all."""
    ins = step.ins
    name = ins.mnemonic
    if ins.form == "rr":
        _shift_by_register(source, ins)
        return
    count = ins.imm & 63
    if count == 0:
        return
    value = source.get(ins.a)
    if source.result_flags_seen:
        old = source.temporary()
        source.line(f"{old} = {value}")
        value = old
    source.put(ins.a, SHIFTED[name].format(v=value, n=count))
    overflow = f"({value} ^ r{ins.a}) & {SIGN_BIT}" if count == 1 else "0"
    source.flags = after_shift(f"r{ins.a}", CARRY[name].format(v=value, n=count), overflow)


def _shift_by_register(source: Source, ins: Instruction) -> None:
    """The count is known only now, and with it whether flags change: they are settled here."""
    source.settle_flags()
    source.line(f"v = {source.get(ins.a)}; c = {source.get(ins.b)} & 63")
    source.block("if c:")
    result = f"r{ins.a}"
    source.line(f"{result} = {SHIFTED[ins.mnemonic].format(v='v', n='c')}")
    carry = CARRY[ins.mnemonic].format(v="v", n="c")
    source.line(
        f"cpu.rflags = cpu.rflags & {~ARITHMETIC_FLAGS} | ({CF} if {carry} else 0)"
        f" | ({ZF} if {result} == 0 else 0) | ({SF} if {result} >> 63 else 0)"
        f" | ({OF} if c == 1 and (v ^ {result}) & {SIGN_BIT} else 0)"
    )
    source.end()
    source.mark_written(ins.a)
    source.flags = KEPT


def _signed(text: str) -> str:
    return f"(({text} ^ {SIGN_BIT}) - {SIGN_BIT})"


def signed_multiply(source: Source, step: Step) -> None:
    """imul: the low word is the same for signed and unsigned factors."""
    ins = step.ins
    first, other = source.get(ins.a), second(source, ins)
    if not source.result_flags_seen:
        source.put(ins.a, f"{first} * {_grouped(other)} & {WORD_MASK}")
        source.flags = KEPT
        return
    product = source.temporary()
    source.line(f"v = {other}")
    source.line(f"{product} = {_signed(first)} * {_signed('v')}")
    source.put(ins.a, f"{product} & {WORD_MASK}")
    result = f"r{ins.a}"
    source.flags = after_multiply(result, f"{product} != {_signed(result)}")


def multiply(source: Source, step: Step) -> None:
    """mul: rdx:rax; ZF and SF follow rax."""
    ins = step.ins
    other = _first(source, ins, write=False)
    source.line(f"v = {source.get(RAX)} * {_grouped(other)}")
    source.put(RAX, f"v & {WORD_MASK}")
    source.put(RDX, "v >> 64")
    high = source.temporary()
    source.line(f"{high} = r{RDX}")
    result = source.temporary()
    source.line(f"{result} = r{RAX}")
    source.flags = after_multiply(result, high)


def divide(source: Source, step: Step) -> None:
    """div: where it would fault, the reference interpreter runs it."""
    ins = step.ins
    source.line(f"v = {_first(source, ins, write=False)}")
    high, low = source.get(RDX), source.get(RAX)
    source.line(f"if {high} >= v: raise Leave")
    source.line(f"p, i = divmod({high} << 64 | {low}, v)")
    source.put(RAX, "p")
    source.put(RDX, "i")


EMIT = {
    **dict.fromkeys(("add", "sub"), add_or_subtract),
    "cmp": compare,
    **dict.fromkeys(LOGIC, logic),
    "test": test,
    **dict.fromkeys(("inc", "dec"), step_by_one),
    **dict.fromkeys(("neg", "not"), negate),
    **dict.fromkeys(SHIFTED, shift),
    "imul": signed_multiply,
    "mul": multiply,
    "div": divide,
}
