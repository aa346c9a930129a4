"""Constant expressions: + - * / % << >> & ^ | ~ ( ) over numbers, labels and ``$``.

Parsed once into reverse Polish order, evaluated without recursion, so that no text,
however long, can exhaust the stack. Every intermediate value must fit into 65 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from virtdocs.errors import AssemblyError
from virtdocs.guest.lexer import Place, Token

# From loosest to tightest, as in C.
PRECEDENCE: Final = ({"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"})
PRODUCT: Final = len(PRECEDENCE) - 1
MAX_DEPTH: Final = 32
LIMIT: Final = 1 << 64

Lookup = Callable[[Token], int | None]


class TokenStream:
    """A cursor over the tokens of one statement."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def next(self) -> Token:
        """The token at the cursor, without taking it."""
        return self.tokens[self.position]

    def take(self) -> Token:
        """The token at the cursor; the end token stays."""
        token = self.next
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, mark: str) -> bool:
        """Take the mark if it is next."""
        if self.next.kind == "mark" and self.next.text == mark:
            self.position += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        """Take the mark or raise."""
        if not self.accept(mark):
            raise unexpected(self.next, repr(mark))

    def expect_end(self) -> None:
        """Raise unless the statement ends here."""
        if self.next.kind != "end":
            raise unexpected(self.next, "the end of the line")


def unexpected(token: Token, wanted: str) -> AssemblyError:
    """The error for a token that does not fit."""
    found = repr(token.text) if token.kind != "end" else "the end of the line"
    return AssemblyError(str(token.place), f"expected {wanted}, found {found}")


@dataclass(frozen=True, slots=True)
class Expression:
    """Operands and operators in reverse Polish order; unary ones are written u- and u~."""

    items: tuple[Token, ...]
    place: Place

    def evaluate(self, lookup: Lookup, here: int) -> int | None:
        """The value, or None when ``lookup`` does not know a name yet."""
        stack: list[int] = []
        for token in self.items:
            if token.kind == "number":
                stack.append(token.value)
            elif token.kind == "name":
                known = lookup(token)
                if known is None:
                    return None
                stack.append(known)
            elif token.text == "$":
                stack.append(here)
            elif token.kind == "unary":
                stack.append(-stack.pop() if token.text == "-" else ~stack.pop())
            else:
                right = stack.pop()
                stack.append(_binary(token, stack.pop(), right))
            if not -LIMIT < stack[-1] < LIMIT:
                raise AssemblyError(str(token.place), "a value does not fit into 64 bits")
        return stack[0]


def _binary(operator: Token, a: int, b: int) -> int:
    text = operator.text
    if text in ("/", "%") and b == 0:
        raise AssemblyError(str(operator.place), "division by zero")
    if text in ("<<", ">>") and not 0 <= b < 64:
        raise AssemblyError(str(operator.place), f"cannot shift by {b}")
    return {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a // b,
        "%": lambda: a % b,
        "<<": lambda: a << b,
        ">>": lambda: a >> b,
        "&": lambda: a & b,
        "^": lambda: a ^ b,
        "|": lambda: a | b,
    }[text]()


def parse_expression(
    stream: TokenStream, reserved: Callable[[str], bool], level: int = 0
) -> Expression:
    """An expression of operators from ``level`` up; ``reserved`` names (registers) are refused."""
    items: list[Token] = []
    place = stream.next.place
    _parse_level(stream, reserved, level, items, 0)
    return Expression(tuple(items), place)


def _parse_level(
    stream: TokenStream, reserved: Callable[[str], bool], level: int, items: list[Token], depth: int
) -> None:
    if level == len(PRECEDENCE):
        _parse_primary(stream, reserved, items, depth)
        return
    _parse_level(stream, reserved, level + 1, items, depth)
    while stream.next.kind == "mark" and stream.next.text in PRECEDENCE[level]:
        operator = stream.take()
        _parse_level(stream, reserved, level + 1, items, depth)
        items.append(operator)


def _parse_primary(
    stream: TokenStream, reserved: Callable[[str], bool], items: list[Token], depth: int
) -> None:
    token = stream.take()
    unary: list[Token] = []
    while token.kind == "mark" and token.text in ("-", "~", "+"):
        if token.text != "+":
            unary.append(Token("unary", token.text, token.place))
        token = stream.take()
    if token.kind == "mark" and token.text == "(":
        if depth == MAX_DEPTH:
            raise AssemblyError(str(token.place), "parentheses nested too deep")
        _parse_level(stream, reserved, 0, items, depth + 1)
        stream.expect(")")
    elif token.kind == "number" or (token.kind == "mark" and token.text == "$"):
        items.append(token)
    elif token.kind == "name" and not token.text.startswith("."):
        if reserved(token.text):
            raise unexpected(token, "a number or label")
        items.append(token)
    else:
        raise unexpected(token, "a number or label")
    items.extend(reversed(unary))
