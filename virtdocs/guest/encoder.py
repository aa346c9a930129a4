"""From a mnemonic and its operands to an instruction of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.errors import AssemblyError, nearest
from virtdocs.guest.expressions import Expression, Lookup
from virtdocs.guest.lexer import Place, Token
from virtdocs.guest.operands import KINDS, PORT_REGISTER, Operand
from virtdocs.machine.instructions import BY_FORM, SPECS
from virtdocs.machine.isa import NO_REGISTER, Instruction, Spec
from virtdocs.machine.registers import RDX, WORD_MASK

ALIASES: Final = {
    "iretq": "iret", "sysretq": "sysret", "pushfq": "pushf", "popfq": "popf",
    "jz": "je", "jnz": "jne", "jc": "jb", "jnc": "jae", "jnae": "jb", "jnb": "jae",
    "jna": "jbe", "jnbe": "ja", "jnge": "jl", "jnl": "jge", "jng": "jle", "jnle": "jg",
}  # fmt: skip
MNEMONICS: Final = frozenset(spec.mnemonic for spec in SPECS)
PORT_INSTRUCTIONS: Final = ("in", "out")


@dataclass(frozen=True, slots=True)
class Statement:
    """An instruction whose operands are parsed but not yet evaluated."""

    spec: Spec
    form: str
    operands: tuple[Operand, ...]
    place: Place


def choose(mnemonic: Token, operands: list[Operand]) -> Statement:
    """The instruction that these operands select; AssemblyError says which forms exist."""
    written = mnemonic.text.lower()
    name = ALIASES.get(written, written)
    place = mnemonic.place
    if name not in MNEMONICS:
        known = sorted(MNEMONICS | set(ALIASES))
        raise AssemblyError(
            str(place), f"unknown instruction {mnemonic.text!r}", nearest(written, known)
        )
    for operand in operands:
        _check_port_register(name, operand)
    form = "".join(operand.kind for operand in operands)
    spec = BY_FORM.get((name, form))
    if spec is None:
        raise AssemblyError(
            str(place),
            f"{written} does not take {_spelled(form)}; its forms are: {_forms_of(name)}",
        )
    return Statement(spec, form, tuple(operands), place)


def _check_port_register(name: str, operand: Operand) -> None:
    if name in PORT_INSTRUCTIONS:
        if operand.kind == "r" and operand.number != RDX:
            raise AssemblyError(str(operand.place), "a port is a number or dx")
    elif operand.name == PORT_REGISTER:
        raise AssemblyError(str(operand.place), "dx names a port in in and out only", "rdx")


def _spelled(form: str) -> str:
    return ", ".join(KINDS[kind] for kind in form) if form else "no operands"


def _forms_of(name: str) -> str:
    forms = (form for mnemonic, form in BY_FORM if mnemonic == name)
    return " | ".join(_spelled(form) for form in forms)


def build(statement: Statement, lookup: Lookup, here: int) -> Instruction:
    """Evaluate the operands; AssemblyError where a value does not fit its field."""
    registers = [o.number for o in statement.operands if o.kind in "rsc"] + [0, 0]
    base = index = NO_REGISTER
    scale, size, segment, disp, imm = 1, 8, "", 0, 0
    for operand in statement.operands:
        if operand.kind == "m":
            base, index, segment, size = operand.base, operand.index, operand.segment, operand.size
            scale = _scale(operand, lookup, here)
            disp = _fitting(operand.value, lookup, here, -(1 << 31), 1 << 31, "a displacement")
        elif operand.kind == "a":
            size = operand.number
        elif operand.kind == "i":
            imm = _immediate(statement, operand, lookup, here)
    return Instruction(
        statement.spec,
        statement.form,
        registers[0],
        registers[1],
        base,
        index,
        scale,
        size,
        segment,
        disp,
        imm & WORD_MASK,
    )


def _immediate(statement: Statement, operand: Operand, lookup: Lookup, here: int) -> int:
    if "m" in statement.form:
        what = "a number beside a memory operand"
        return _fitting(operand.value, lookup, here, -(1 << 31), 1 << 31, what)
    name = statement.spec.mnemonic
    if name == "int":
        return _fitting(operand.value, lookup, here, 0, 256, "an interrupt vector")
    if name in PORT_INSTRUCTIONS:
        return _fitting(operand.value, lookup, here, 0, 1 << 16, "a port")
    return _fitting(operand.value, lookup, here, -(1 << 63), 1 << 64, "a number")


def _scale(operand: Operand, lookup: Lookup, here: int) -> int:
    if operand.scale is None:
        return 1
    scale = operand.scale.evaluate(lookup, here)
    if scale not in (1, 2, 4, 8):
        raise AssemblyError(
            str(operand.scale.place), f"an index is scaled by 1, 2, 4, 8, not {scale}"
        )
    return scale


def _fitting(
    value: Expression | None, lookup: Lookup, here: int, low: int, beyond: int, what: str
) -> int:
    if value is None:
        return 0
    number = value.evaluate(lookup, here) or 0
    if not low <= number < beyond:
        raise AssemblyError(
            str(value.place), f"{what} must be from {low:#x} to {beyond - 1:#x}, not {number:#x}"
        )
    return number
