"""The directives: .org .align .byte .quad .zero .ascii .equ .result .if .else .endif."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from virtdocs.errors import AssemblyError, nearest
from virtdocs.guest.expressions import Expression, TokenStream, parse_expression, unexpected
from virtdocs.guest.lexer import Place, Token
from virtdocs.guest.operands import is_register
from virtdocs.guest.symbols import Symbols
from virtdocs.machine.firmware import MAPPED_BYTES

# (size in bytes, place, what gives the bytes in the second pass).
Emit = Callable[[int, Place, Callable[[], bytes]], None]


@dataclass(slots=True)
class Condition:
    """An open .if: whether its lines count, and whether .else has come."""

    place: Place
    active: bool
    outer: bool
    in_else: bool = False


class Directives:
    """Runs directives; ``location`` is the address of the next byte."""

    def __init__(self, symbols: Symbols, emit: Emit) -> None:
        self.symbols = symbols
        self.emit = emit
        self.location = 0
        self.conditions: list[Condition] = []
        self.result: tuple[Expression, Expression, Place] | None = None

    @property
    def active(self) -> bool:
        """Whether lines here count."""
        return not self.conditions or self.conditions[-1].active

    def run(self, token: Token, stream: TokenStream) -> None:
        """One directive whose name is already taken from the stream."""
        name = token.text.lower()
        if name not in DIRECTIVES:
            raise AssemblyError(
                str(token.place), f"unknown directive {token.text!r}", nearest(name, DIRECTIVES)
            )
        DIRECTIVES[name](self, token, stream)
        stream.expect_end()

    def finish(self) -> None:
        """At the end of the text every .if must be closed."""
        if self.conditions:
            raise AssemblyError(str(self.conditions[-1].place), ".if without .endif")

    def evaluate_result(self) -> tuple[int, int] | None:
        """The declared result region, when there is one."""
        if self.result is None:
            return None
        start, length, place = self.result
        address = start.evaluate(self.symbols.lookup, self.location) or 0
        count = length.evaluate(self.symbols.lookup, self.location) or 0
        if address < 0 or count <= 0 or address + count > MAPPED_BYTES:
            raise AssemblyError(
                str(place), f"the result region does not lie in the first {MAPPED_BYTES >> 20} MiB"
            )
        return address, count

    def _expression(self, stream: TokenStream) -> Expression:
        return parse_expression(stream, is_register)

    def _known(self, stream: TokenStream) -> tuple[int, Place]:
        """A value that must be known here, as the layout depends on it."""
        expression = self._expression(stream)
        value = expression.evaluate(self.symbols.lookup, self.location)
        if value is None:
            name = next(t.text for t in expression.items if t.kind == "name")
            raise AssemblyError(
                str(expression.place), f"{name!r} must be defined before this line uses it"
            )
        return value, expression.place

    def org(self, token: Token, stream: TokenStream) -> None:
        """.org ADDRESS: what follows goes there."""
        value, place = self._known(stream)
        if not 0 <= value < MAPPED_BYTES:
            raise AssemblyError(
                str(place), f"address {value:#x} is outside the first {MAPPED_BYTES >> 20} MiB"
            )
        self.location = value

    def align(self, token: Token, stream: TokenStream) -> None:
        """.align N: go on at the next multiple of N, a power of two."""
        value, place = self._known(stream)
        if value <= 0 or value & value - 1 or value > MAPPED_BYTES:
            raise AssemblyError(str(place), f"{value} is no power of two to align to")
        self.location = self.location + value - 1 & ~(value - 1)

    def zero(self, token: Token, stream: TokenStream) -> None:
        """.zero N: N zero bytes."""
        value, place = self._known(stream)
        if not 0 <= value <= MAPPED_BYTES:
            raise AssemblyError(str(place), f"cannot reserve {value} bytes")
        if value:
            self.emit(value, token.place, lambda: bytes(value))

    def ascii(self, token: Token, stream: TokenStream) -> None:
        """.ascii "TEXT", …: the bytes of the text, without a zero after them."""
        data = b""
        while True:
            text = stream.take()
            if text.kind != "string":
                raise unexpected(text, 'a "text"')
            data += text.data
            if not stream.accept(","):
                break
        if data:
            self.emit(len(data), token.place, lambda: data)

    def byte(self, token: Token, stream: TokenStream) -> None:
        """.byte VALUE, …: one byte each."""
        self._values(token, stream, 1)

    def quad(self, token: Token, stream: TokenStream) -> None:
        """.quad VALUE, …: eight bytes each."""
        self._values(token, stream, 8)

    def _values(self, token: Token, stream: TokenStream, size: int) -> None:
        values = [self._expression(stream)]
        while stream.accept(","):
            values.append(self._expression(stream))
        here = self.location

        def emit() -> bytes:
            return b"".join(self._packed(value, here, size) for value in values)

        self.emit(size * len(values), token.place, emit)

    def _packed(self, value: Expression, here: int, size: int) -> bytes:
        number = value.evaluate(self.symbols.lookup, here) or 0
        bits = 8 * size
        if not -(1 << bits - 1) <= number < 1 << bits:
            raise AssemblyError(str(value.place), f"{number:#x} does not fit into {bits} bits")
        return struct.pack("<Q", number & (1 << bits) - 1)[:size]

    def equ(self, token: Token, stream: TokenStream) -> None:
        """.equ NAME, VALUE: a constant; it may use labels that come later."""
        name = stream.take()
        if name.kind != "name":
            raise unexpected(name, "a name")
        self.symbols.declare(name)
        stream.expect(",")
        self.symbols.equate(name.text, self._expression(stream), self.location)

    def declare_result(self, token: Token, stream: TokenStream) -> None:
        """.result ADDRESS, LENGTH: the region that equal ports must fill equally."""
        if self.result is not None:
            raise AssemblyError(str(token.place), f".result is already at {self.result[2]}")
        start = self._expression(stream)
        stream.expect(",")
        self.result = (start, self._expression(stream), token.place)

    def if_(self, token: Token, stream: TokenStream) -> None:
        """.if VALUE: the lines up to .else or .endif count when VALUE is not zero."""
        outer = self.active
        condition = Condition(token.place, outer, outer)
        self.conditions.append(condition)
        if outer:
            expression = self._expression(stream)
            for name in expression.items:
                if name.kind == "name" and self.symbols.lookup(name) is None:
                    raise self.symbols.undefined(name)
            condition.active = bool(expression.evaluate(self.symbols.lookup, self.location))
        else:
            stream.position = len(stream.tokens) - 1

    def else_(self, token: Token, stream: TokenStream) -> None:
        """.else: the other lines."""
        if not self.conditions or self.conditions[-1].in_else:
            raise AssemblyError(str(token.place), ".else without .if")
        condition = self.conditions[-1]
        condition.in_else = True
        condition.active = condition.outer and not condition.active

    def endif(self, token: Token, stream: TokenStream) -> None:
        """.endif: closes .if."""
        if not self.conditions:
            raise AssemblyError(str(token.place), ".endif without .if")
        self.conditions.pop()


DIRECTIVES: Final[dict[str, Callable[[Directives, Token, TokenStream], None]]] = {
    ".org": Directives.org,
    ".align": Directives.align,
    ".zero": Directives.zero,
    ".ascii": Directives.ascii,
    ".byte": Directives.byte,
    ".quad": Directives.quad,
    ".equ": Directives.equ,
    ".result": Directives.declare_result,
    ".if": Directives.if_,
    ".else": Directives.else_,
    ".endif": Directives.endif,
}
CONDITIONALS: Final = frozenset({".if", ".else", ".endif"})
# These put nothing anywhere: a label before them waits for what comes next.
WITHOUT_PLACE: Final = CONDITIONALS | {".equ", ".result"}
