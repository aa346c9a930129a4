"""Jumps, calls and returns: the recorded way goes on, every other one is an exit."""

from __future__ import annotations

from virtdocs.machine.registers import RCX, RSP
from virtdocs.machine.translate.flags import condition, with_carry
from virtdocs.machine.translate.memory_access import address, load, push, top
from virtdocs.machine.translate.source import Source
from virtdocs.machine.translate.steps import Step, conditional


def emit(source: Source, step: Step) -> bool:
    """Translate a control-flow instruction; False when it is none."""
    ins = step.ins
    if conditional(ins):
        _branch(source, step, condition(ins.mnemonic[1:], source.flags))
        return True
    found = EMIT.get(ins.spec.name)
    if found is not None:
        found(source, step)
    return found is not None


def _branch(source: Source, step: Step, taken: str) -> None:
    done = source.index + 1
    if step.ins.imm == step.after:
        return
    if step.target == step.ins.imm:
        other, leaves = step.after, f"not ({taken})"
        if taken.startswith("not (") and taken.endswith(")") and taken.count("(") == 1:
            leaves = taken[5:-1]
    else:
        other, leaves = step.ins.imm, taken
    source.line(f"if {leaves}: {source.exit(str(other), done)}")


def jrcxz(source: Source, step: Step) -> None:
    """A branch on rcx."""
    _branch(source, step, f"{source.get(RCX)} == 0")


def _arrive(source: Source, step: Step, target: str) -> None:
    """Go on where the recording went, or leave with the instruction complete."""
    source.line(f"if {target} != {step.target}: {source.exit(target, source.index + 1)}")


def jmp(source: Source, step: Step) -> None:
    """jmp: a direct one costs nothing."""
    ins = step.ins
    if ins.form == "r":
        _arrive(source, step, source.get(ins.a))
    elif ins.form == "m":
        source.line(f"t = {load(source, address(source, ins), ins.size)}")
        _arrive(source, step, "t")


def call(source: Source, step: Step) -> None:
    """call: the target is read before the return address is pushed."""
    ins = step.ins
    if ins.form == "i":
        push(source, str(step.after))
        return
    if ins.form == "r":
        source.line(f"t = {source.get(ins.a)}")
    else:
        source.line(f"t = {load(source, address(source, ins), ins.size)}")
    push(source, str(step.after))
    _arrive(source, step, "t")


def ret(source: Source, step: Step) -> None:
    """ret."""
    source.line(f"t = {top(source)}")
    source.advance(RSP, 8)
    _arrive(source, step, "t")


def nop(source: Source, step: Step) -> None:
    """Nothing."""


def set_carry(source: Source, step: Step) -> None:
    """stc, clc."""
    source.flags = with_carry(source.flags, "1" if step.ins.mnemonic == "stc" else "0")


EMIT = {
    "jrcxz": jrcxz, "jmp": jmp, "call": call, "ret": ret, "nop": nop,
    "stc": set_carry, "clc": set_carry,
}  # fmt: skip
