"""Names of a program: labels, .equ constants and the constants given from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from virtdocs.errors import AssemblyError, nearest
from virtdocs.guest.expressions import Expression
from virtdocs.guest.lexer import Place, Token
from virtdocs.guest.operands import is_register

MAX_CHAIN: Final = 64  # .equ constants that need one another


class Symbols:
    """``complete`` says that all labels are known: an unknown name is then an error."""

    def __init__(self, constants: Mapping[str, int]) -> None:
        self.given = dict(constants)
        self.labels: dict[str, int] = {}
        self.complete = False
        self._places: dict[str, Place] = {}
        self._equations: dict[str, tuple[Expression, int]] = {}
        self._values: dict[str, int] = {}
        self._evaluating: list[str] = []

    def declare(self, token: Token) -> None:
        """Claim a name; AssemblyError when it is taken or a register's."""
        name = token.text
        if is_register(name):
            raise AssemblyError(str(token.place), f"{name} is a register, it cannot be a label")
        if name.startswith("."):
            raise AssemblyError(str(token.place), f"a name cannot begin with a dot: {name}")
        if name in self._places:
            raise AssemblyError(
                str(token.place), f"{name!r} is already defined at {self._places[name]}"
            )
        self._places[name] = token.place

    def equate(self, name: str, value: Expression, here: int) -> None:
        """Give a declared name to an expression; it may use labels that come later."""
        self._equations[name] = (value, here)

    def lookup(self, token: Token) -> int | None:
        """The value of a name; None while it is not known yet."""
        name = token.text
        if name in self.labels:
            return self.labels[name]
        if name in self._values:
            return self._values[name]
        if name in self._equations:
            return self._evaluate(token)
        if name not in self._places and name in self.given:
            return self.given[name]
        if self.complete and name not in self._places:
            raise self.undefined(token)
        return None

    def undefined(self, token: Token) -> AssemblyError:
        """The error for a name that nothing defines."""
        known = [*self._places, *self.given]
        return AssemblyError(
            str(token.place), f"{token.text!r} is not defined", nearest(token.text, known)
        )

    def _evaluate(self, token: Token) -> int | None:
        name = token.text
        if name in self._evaluating or len(self._evaluating) >= MAX_CHAIN:
            raise AssemblyError(str(token.place), f"the value of {name!r} goes in a circle")
        expression, here = self._equations[name]
        self._evaluating.append(name)
        try:
            value = expression.evaluate(self.lookup, here)
        finally:
            self._evaluating.pop()
        if value is not None:
            self._values[name] = value
        return value

    def unevaluated(self) -> list[tuple[Expression, int]]:
        """The constants that nothing has used yet: they are checked all the same."""
        return [e for name, e in self._equations.items() if name not in self._values]
