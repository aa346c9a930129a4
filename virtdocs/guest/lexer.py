"""Tokens of a guest program: one line of text at a time, each token with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from virtdocs.errors import AssemblyError

ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", "'": "'", '"': '"'}
MAX_DIGITS: Final = 80  # the longest literal that can mean 64 bits is 66 characters of binary

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\f\v]+)
      | (?P<comment>[;#].*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<char>'(?:[^'\\]|\\.)')
      | (?P<number>[0-9][0-9A-Za-z_]*)
      | (?P<name>\.?[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<mark><<|>>|[][()+\-*/%|&^~,:$])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of text stands, 1-based."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is name, number, string, mark or end; ``value`` holds a number's value."""

    kind: str
    text: str
    place: Place
    value: int = 0
    data: bytes = b""


# The kernel's files are read again for each set of constants: they are cut into tokens once.
@lru_cache(maxsize=1 << 14)
def tokenize(line: str, file: str, number: int) -> tuple[Token, ...]:
    """The tokens of one line, closed by an ``end`` token; AssemblyError on anything else."""
    tokens: list[Token] = []
    position = 0
    while position < len(line):
        place = Place(file, number, position + 1)
        match = _TOKEN.match(line, position)
        if match is None:
            raise AssemblyError(str(place), f"unexpected character {line[position]!r}")
        kind, text = match.lastgroup or "", match.group()
        if kind == "string":
            tokens.append(Token("string", text, place, data=_unescape(text, place)))
        elif kind == "char":
            code = _unescape(text, place)
            if len(code) != 1:
                raise AssemblyError(str(place), f"{text} is not one byte")
            tokens.append(Token("number", text, place, value=code[0]))
        elif kind == "number":
            tokens.append(Token("number", text, place, value=_value(text, place)))
        elif kind not in ("space", "comment"):
            tokens.append(Token(kind, text, place))
        position = match.end()
    tokens.append(Token("end", "", Place(file, number, len(line.rstrip()) + 1)))
    return tuple(tokens)


def _value(text: str, place: Place) -> int:
    digits = text.lower().replace("_", "")
    base = {"0x": 16, "0b": 2}.get(digits[:2], 10)
    try:
        if len(digits) > MAX_DIGITS:
            raise ValueError
        value = int(digits[2:] if base != 10 else digits, base)
    except ValueError:
        raise AssemblyError(str(place), f"{text[:MAX_DIGITS]!r} is no number") from None
    return value


def _unescape(quoted: str, place: Place) -> bytes:
    out: list[str] = []
    letters = iter(quoted[1:-1])
    for letter in letters:
        if letter == "\\":
            escaped = next(letters)
            if escaped not in ESCAPES:
                raise AssemblyError(str(place), f"unknown escape \\{escaped}")
            letter = ESCAPES[escaped]
        out.append(letter)
    try:
        return "".join(out).encode()
    except UnicodeEncodeError:
        raise AssemblyError(str(place), "text that is no Unicode") from None
