"""Operands: registers, numbers, memory — and the form letters of the instruction set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.errors import AssemblyError
from virtdocs.guest.expressions import PRODUCT, Expression, TokenStream, parse_expression
from virtdocs.guest.lexer import Place, Token
from virtdocs.machine.isa import NO_REGISTER
from virtdocs.machine.registers import CONTROL_NAMES, GPR_NAMES, RDX, SEGMENT_NAMES

SIZES: Final = {"byte": 1, "word": 2, "dword": 4, "qword": 8}
ACCUMULATORS: Final = {"al": 1, "ax": 2, "eax": 4}
PORT_REGISTER: Final = "dx"
KINDS: Final = {
    "r": "register",
    "i": "number",
    "m": "memory",
    "s": "segment register",
    "c": "control register",
    "a": "al/ax/eax",
}
_REGISTERS: Final[dict[str, tuple[str, int]]] = {
    **{name: ("r", n) for n, name in enumerate(GPR_NAMES)},
    **{name: ("s", n) for n, name in enumerate(SEGMENT_NAMES)},
    **{name: ("c", n) for n, name in CONTROL_NAMES.items()},
    **{name: ("a", size) for name, size in ACCUMULATORS.items()},
    PORT_REGISTER: ("r", RDX),
}


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand. ``number`` is a register's number or an accumulator's size in bytes."""

    kind: str
    place: Place
    number: int = 0
    name: str = ""
    value: Expression | None = None  # an immediate, or a memory operand's displacement
    base: int = NO_REGISTER
    index: int = NO_REGISTER
    scale: Expression | None = None
    size: int = 8
    segment: str = ""


def is_register(name: str) -> bool:
    """Whether ``name`` is a register, in any case."""
    return name.lower() in _REGISTERS


def parse_operand(stream: TokenStream) -> Operand:
    """One operand, up to the comma or the end."""
    token = stream.next
    word = token.text.lower() if token.kind == "name" else ""
    if word in _REGISTERS and not _is_override(stream):
        stream.take()
        kind, number = _REGISTERS[word]
        return Operand(kind, token.place, number, word)
    if word in SIZES or _is_override(stream) or (token.kind == "mark" and token.text == "["):
        return _parse_memory(stream)
    return Operand("i", token.place, value=parse_expression(stream, is_register))


def _is_override(stream: TokenStream) -> bool:
    first = stream.next
    if first.kind != "name" or first.text.lower() not in SEGMENT_NAMES:
        return False
    second = stream.tokens[stream.position + 1]
    return second.kind == "mark" and second.text == ":"


def _parse_override(stream: TokenStream) -> str:
    if not _is_override(stream):
        return ""
    token = stream.take()
    stream.take()
    name = token.text.lower()
    if name not in ("fs", "gs"):
        raise AssemblyError(str(token.place), f"{name} has no base of its own; only fs: and gs:")
    return name


def _parse_memory(stream: TokenStream) -> Operand:
    place = stream.next.place
    size = 8
    if stream.next.kind == "name" and stream.next.text.lower() in SIZES:
        size = SIZES[stream.take().text.lower()]
    segment = _parse_override(stream)
    stream.expect("[")
    segment = segment or _parse_override(stream)
    terms = _AddressTerms(stream)
    stream.expect("]")
    return Operand(
        "m",
        place,
        value=terms.displacement(),
        base=terms.base,
        index=terms.index,
        scale=terms.scale,
        size=size,
        segment=segment,
    )


class _AddressTerms:
    """base + index*scale + displacement, in any order."""

    def __init__(self, stream: TokenStream) -> None:
        self.base = NO_REGISTER
        self.index = NO_REGISTER
        self.scale: Expression | None = None
        self.items: list[Token] = []
        self.place = stream.next.place
        if not self._registers_ahead(stream):
            self.items.extend(parse_expression(stream, is_register).items)
            return
        sign: Token | None = None
        while True:
            self._term(stream, sign)
            if stream.next.kind != "mark" or stream.next.text not in ("+", "-"):
                return
            sign = stream.take()

    @staticmethod
    def _registers_ahead(stream: TokenStream) -> bool:
        for token in stream.tokens[stream.position :]:
            if token.text == "]":
                return False
            if token.kind == "name" and is_register(token.text):
                return True
        return False

    def _term(self, stream: TokenStream, sign: Token | None) -> None:
        token = stream.next
        if token.kind == "name" and is_register(token.text):
            stream.take()
            scale = None
            if stream.accept("*"):
                scale = parse_expression(stream, is_register, PRODUCT + 1)
            self._register(token, scale, sign)
            return
        value = parse_expression(stream, is_register, PRODUCT + 1)
        if self._is_scaled_register(stream):
            stream.take()
            self._register(stream.take(), value, sign)
            return
        items = list(value.items)
        while stream.next.kind == "mark" and stream.next.text in ("*", "/", "%"):
            operator = stream.take()
            items += [*parse_expression(stream, is_register, PRODUCT + 1).items, operator]
        self._displace(items, sign)

    @staticmethod
    def _is_scaled_register(stream: TokenStream) -> bool:
        if stream.next.text != "*" or stream.next.kind != "mark":
            return False
        after = stream.tokens[stream.position + 1]
        return after.kind == "name" and is_register(after.text)

    def _displace(self, items: list[Token], sign: Token | None) -> None:
        if self.items:
            self.items += items
            if sign is not None:
                self.items.append(sign)
        else:
            self.items += items
            if sign is not None and sign.text == "-":
                self.items.append(Token("unary", "-", sign.place))

    def _register(self, token: Token, scale: Expression | None, sign: Token | None) -> None:
        kind, number = _REGISTERS[token.text.lower()]
        if kind != "r" or token.text.lower() == PORT_REGISTER:
            raise AssemblyError(str(token.place), f"{token.text} cannot be part of an address")
        if sign is not None and sign.text == "-":
            raise AssemblyError(str(sign.place), "a register cannot be subtracted")
        if scale is None and self.base == NO_REGISTER:
            self.base = number
        elif self.index == NO_REGISTER:
            self.index, self.scale = number, scale
        else:
            raise AssemblyError(str(token.place), "too many registers in an address")

    def displacement(self) -> Expression | None:
        """The sum of all terms without a register, None when there is none."""
        return Expression(tuple(self.items), self.place) if self.items else None
