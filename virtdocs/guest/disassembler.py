"""Instructions back to text, and the listing of a program.

What ``text_of`` writes assembles to the same two words.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.guest.operands import ACCUMULATORS, PORT_REGISTER, SIZES
from virtdocs.guest.program import Program, SourceLine
from virtdocs.machine.isa import INSTRUCTION_BYTES, NO_REGISTER, Instruction, Undecodable, decode
from virtdocs.machine.registers import CONTROL_NAMES, GPR_NAMES, RDX, SEGMENT_NAMES, SIGN_BIT

SIZE_WORDS: Final = MappingProxyType({size: word for word, size in SIZES.items()})
ACCUMULATOR_OF: Final = MappingProxyType({size: name for name, size in ACCUMULATORS.items()})
NO_NAMES: Final[Mapping[int, str]] = MappingProxyType({})
BRANCHES: Final = ("jmp", "call")


def text_of(ins: Instruction, names: Mapping[int, str] = NO_NAMES) -> str | None:
    """Assembly text; ``names`` of addresses replace branch targets. None when no text says it."""
    operands: list[str | None] = []
    registers = iter((ins.a, ins.b))
    for kind in ins.form:
        if kind == "m":
            operands.append(_memory(ins))
        elif kind == "i":
            operands.append(_number(ins, names))
        elif kind == "a":
            operands.append(ACCUMULATOR_OF.get(ins.size))
        else:
            operands.append(_register(kind, next(registers), ins))
    if None in operands or any(registers):
        return None
    return " ".join((ins.mnemonic, ", ".join(text for text in operands if text))).rstrip()


def _register(kind: str, number: int, ins: Instruction) -> str | None:
    if kind == "s":
        return SEGMENT_NAMES[number] if number < len(SEGMENT_NAMES) else None
    if kind == "c":
        return CONTROL_NAMES.get(number)
    if "a" in ins.form:
        return PORT_REGISTER if number == RDX else None
    return GPR_NAMES[number]


def _number(ins: Instruction, names: Mapping[int, str]) -> str | None:
    if ins.mnemonic == "int" and ins.imm > 0xFF:
        return None
    if "a" in ins.form and ins.imm > 0xFFFF:
        return None
    if ins.imm in names and (ins.mnemonic in BRANCHES or ins.mnemonic.startswith("j")):
        return names[ins.imm]
    value = ins.imm - 2 * SIGN_BIT if ins.imm & SIGN_BIT else ins.imm
    return _hex(value)


def _hex(value: int) -> str:
    return str(value) if -10 < value < 10 else f"{value:#x}"


def _memory(ins: Instruction) -> str:
    terms = []
    if ins.base != NO_REGISTER:
        terms.append(GPR_NAMES[ins.base])
    if ins.index != NO_REGISTER:
        terms.append(f"{GPR_NAMES[ins.index]}*{ins.scale}")
    if ins.disp or not terms:
        terms.append(_hex(ins.disp))
    inside = " + ".join(terms).replace("+ -", "- ")
    size = "" if ins.size == 8 else SIZE_WORDS[ins.size] + " "
    segment = f"{ins.segment}:" if ins.segment else ""
    return f"{size}{segment}[{inside}]"


def instruction_at(program: Program, address: int) -> Instruction | None:
    """The instruction assembled at an address, None where there is none."""
    try:
        words = struct.unpack("<QQ", program.bytes_at(address, INSTRUCTION_BYTES))
        return decode(*words)
    except (KeyError, Undecodable):
        return None


def listing(program: Program) -> Iterator[tuple[int, str, str, SourceLine]]:
    """For each line of the source that put bytes somewhere: address, bytes, meaning, line."""
    names: dict[int, str] = {}
    for name, address in program.labels.items():
        names.setdefault(address, name)
    for address, line in sorted(program.lines.items()):
        data = program.bytes_at(address, line.length)
        shown = data[:INSTRUCTION_BYTES].hex() + ("…" if len(data) > INSTRUCTION_BYTES else "")
        ins = instruction_at(program, address) if line.instruction else None
        yield address, shown, (text_of(ins, names) or "") if ins is not None else "", line
