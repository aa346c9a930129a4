"""Moves: mov, lea, xchg, push, pop."""

from __future__ import annotations

from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import RSP
from virtdocs.machine.translate.memory_access import (
    address,
    load,
    offset,
    push,
    read_then_write,
    store,
    top,
    write_back,
)
from virtdocs.machine.translate.source import Source
from virtdocs.machine.translate.steps import Step


def second(source: Source, ins: Instruction) -> str:
    """The value of the second operand."""
    kind = ins.form[1]
    if kind == "i":
        return str(ins.imm)
    if kind == "m":
        return load(source, address(source, ins), ins.size)
    return source.get(ins.b if ins.form == "rr" else ins.a)


def mov(source: Source, step: Step) -> None:
    """Copy."""
    ins = step.ins
    if ins.form[0] == "m":
        value = second(source, ins)
        store(source, address(source, ins), value, ins.size)
    else:
        source.put(ins.a, second(source, ins))


def lea(source: Source, step: Step) -> None:
    """The effective address."""
    source.put(step.ins.a, offset(source, step.ins))


def xchg(source: Source, step: Step) -> None:
    """Exchange; the memory operand is read, then written."""
    ins = step.ins
    if ins.form == "rr":
        one, other = source.get(ins.a), source.get(ins.b)
        source.line(f"v = {one}")
        source.put(ins.a, other)
        source.put(ins.b, "v")
        return
    value = read_then_write(source, address(source, ins), ins.size)
    source.line(f"w = {value}")
    write_back(source, source.get(ins.a), ins.size)
    source.put(ins.a, "w")


def push_value(source: Source, step: Step) -> None:
    """push: the operand is read first, then stored."""
    ins = step.ins
    if ins.form == "r":
        push(source, source.get(ins.a))
    elif ins.form == "i":
        push(source, str(ins.imm))
    else:
        source.line(f"v = {load(source, address(source, ins), ins.size)}")
        push(source, "v")


def pop(source: Source, step: Step) -> None:
    """pop: rsp moves before a memory operand's address is computed."""
    ins = step.ins
    if ins.form == "r":
        if ins.a == RSP:
            source.put(RSP, top(source))
            return
        source.put(ins.a, top(source))
        source.advance(RSP, 8)
        return
    source.line(f"v = {top(source)}")
    store(source, address(source, ins, moved=8), "v", ins.size)
    source.advance(RSP, 8)


EMIT = {"mov": mov, "lea": lea, "xchg": xchg, "push": push_value, "pop": pop}
