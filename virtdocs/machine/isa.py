"""The instruction set: operand forms, encoding, and the table that everything reads.

One declaration (``@instruction`` on a handler) fills the interpreter's dispatch,
the assembler's mnemonics, the listing and the table on the site. Mnemonics and
meanings are x86's; the encoding is ours: every instruction takes 16 bytes, at an
address that is a multiple of 16.

    word 0   0-7 opcode, 8-15 form, 16-19 register a, 20-23 register b,
             24-27 base, 28 has base, 32-35 index, 36 has index, 37-38 scale,
             40-41 access size, 42-43 segment override, the rest zero
    word 1   immediate (64 bits), or displacement (32 bits, signed) with the
             immediate (32 bits, signed) above it when a form has both
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from virtdocs.machine.registers import WORD_MASK

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

INSTRUCTION_BYTES: Final = 16

# Operand letters: r general register, i immediate, m memory, s segment register,
# c control register, a accumulator of a given width (al, ax, eax: port I/O only).
FORMS: Final = (
    "", "r", "i", "m", "rr", "ri", "rm", "mr", "mi",
    "s", "sr", "rs", "cr", "rc", "ar", "ai", "ra", "ia",
)  # fmt: skip
FORM_NUMBER: Final[Mapping[str, int]] = MappingProxyType({f: n for n, f in enumerate(FORMS)})
NO_REGISTER: Final = -1
SEGMENT_OVERRIDES: Final = ("", "fs", "gs")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction; register fields are numbers, sizes are bytes."""

    spec: Spec
    form: str
    a: int = 0
    b: int = 0
    base: int = NO_REGISTER
    index: int = NO_REGISTER
    scale: int = 1
    size: int = 8
    segment: str = ""
    disp: int = 0
    imm: int = 0

    @property
    def mnemonic(self) -> str:
        """The x86 name."""
        return self.spec.mnemonic


Handler = Callable[["Cpu", Instruction], None]


@dataclass(frozen=True, slots=True)
class Spec:
    """An instruction of the set. ``name`` is unique; ``mov`` is the mnemonic of three."""

    name: str
    mnemonic: str
    opcode: int
    forms: tuple[str, ...]
    group: str
    execute: Handler

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.execute.__doc__ or "").strip().splitlines()[0]


class Declared:
    """Collects the declarations of one module of instructions."""

    def __init__(self, group: str, first_opcode: int) -> None:
        self.group = group
        self._next = first_opcode
        self.specs: list[Spec] = []

    def instruction(self, mnemonic: str, *forms: str) -> Callable[[Handler], Handler]:
        """Declare the handler of ``mnemonic`` with its operand forms."""

        def declare(handler: Handler) -> Handler:
            name = handler.__name__.removesuffix("_n")
            spec = Spec(name, mnemonic, self._next, forms or ("",), self.group, handler)
            self.specs.append(spec)
            self._next += 1
            return handler

        return declare


def encode(ins: Instruction) -> tuple[int, int]:
    """The two 64-bit words of an instruction."""
    w0 = ins.spec.opcode | FORM_NUMBER[ins.form] << 8 | ins.a << 16 | ins.b << 20
    if "m" in ins.form:
        if ins.base != NO_REGISTER:
            w0 |= ins.base << 24 | 1 << 28
        if ins.index != NO_REGISTER:
            w0 |= ins.index << 32 | 1 << 36 | (ins.scale.bit_length() - 1) << 37
        w0 |= SEGMENT_OVERRIDES.index(ins.segment) << 42
        w1 = ins.disp & 0xFFFF_FFFF
        if "i" in ins.form:
            w1 |= (ins.imm & 0xFFFF_FFFF) << 32
    else:
        w1 = ins.imm & WORD_MASK
    if "m" in ins.form or "a" in ins.form:
        w0 |= (ins.size.bit_length() - 1) << 40
    return w0, w1


def _signed32(value: int) -> int:
    return value - (1 << 32) if value & 0x8000_0000 else value


class Undecodable(Exception):
    """These 16 bytes are no instruction; the CPU raises #UD."""


@lru_cache(maxsize=1 << 16)
def decode(w0: int, w1: int) -> Instruction:
    """The instruction in two words; Undecodable when no declaration fits exactly."""
    from virtdocs.machine.instructions import BY_OPCODE

    spec = BY_OPCODE.get(w0 & 0xFF)
    form_number = w0 >> 8 & 0xFF
    if spec is None or form_number >= len(FORMS) or FORMS[form_number] not in spec.forms:
        raise Undecodable
    form = FORMS[form_number]
    if w0 & _unused_fields(form) or (w1 and not ("m" in form or "i" in form)):
        raise Undecodable
    size = 1 << (w0 >> 40 & 3) if ("m" in form or "a" in form) else 8
    base = index = NO_REGISTER
    scale = 1
    segment = ""
    disp = imm = 0
    if "m" in form:
        if w0 >> 28 & 1:
            base = w0 >> 24 & 15
        if w0 >> 36 & 1:
            index, scale = w0 >> 32 & 15, 1 << (w0 >> 37 & 3)
        override = w0 >> 42 & 3
        if override >= len(SEGMENT_OVERRIDES):
            raise Undecodable
        segment = SEGMENT_OVERRIDES[override]
        disp = _signed32(w1 & 0xFFFF_FFFF)
        if "i" in form:
            imm = _signed32(w1 >> 32) & WORD_MASK
    else:
        imm = w1
    ins = Instruction(
        spec, form, w0 >> 16 & 15, w0 >> 20 & 15, base, index, scale, size, segment, disp, imm
    )
    # Reserved bits must be zero, so that each instruction has one encoding.
    if encode(ins) != (w0, w1) or ("a" in form and size == 8):
        raise Undecodable
    return ins


def _unused_fields(form: str) -> int:
    """The bits of the register fields that this form does not use."""
    registers = sum(letter in "rsc" for letter in form)
    return (0xFF << 16, 0xF << 20, 0)[registers]
