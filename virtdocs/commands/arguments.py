"""Arguments that answer a mistake with one line and the nearest name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import NoReturn

from virtdocs.errors import BadValue, UnknownName, nearest
from virtdocs.render.catalogue import LANGUAGES


class Parser(argparse.ArgumentParser):
    """A parser that raises `BadValue` instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Missing or malformed arguments."""
        raise BadValue(self.prog.removeprefix("virtdocs").strip(), message)


def one_of(where: str, kind: str, known: Iterable[str]) -> Callable[[str], str]:
    """An argument with a fixed set of values; ``where`` is the option, ``kind`` what it takes."""
    names = tuple(known)

    def read(text: str) -> str:
        if text in names:
            return text
        if nearest(text, names):
            raise UnknownName(where, kind, text, names)
        raise BadValue(where, f"unknown {kind} {text!r}; it is one of {', '.join(names)}")

    return read


def count(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text) if text.isascii() and len(text) <= 18 else 0
    except ValueError:
        number = 0
    if number < 1:
        raise BadValue("--steps", f"{text!r} is not a whole number of at least 1")
    return number


def key_value(text: str) -> tuple[str, str]:
    """``k=v`` as a pair."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise BadValue("--param", f"{text!r} is not key=value")
    return key, value


def names(text: str) -> tuple[str, ...]:
    """``a,b,c`` as a tuple without empty parts."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise BadValue("--techniques", f"{text!r} is not a list of names such as bt,hw_nested")
    return found


def add_common(parser: argparse.ArgumentParser) -> None:
    """What every command takes."""
    parser.add_argument("--json", action="store_true", help="canonical JSON, sorted keys")
    parser.add_argument(
        "--lang",
        type=one_of("--lang", "language", LANGUAGES),
        default="en",
        metavar="|".join(LANGUAGES),
        help="language of the words (default en)",
    )
    parser.add_argument("--debug", action="store_true", help="a traceback with every error")


def add_params(parser: argparse.ArgumentParser) -> None:
    """``--param k=v``, any number of times."""
    parser.add_argument(
        "--param", type=key_value, action="append", default=[], metavar="K=V", help="a parameter"
    )


def params(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters by name; a name given twice is a mistake, not a choice."""
    found: dict[str, str] = {}
    for key, value in given:
        if key in found:
            raise BadValue("--param", f"{key!r} is given twice")
        found[key] = value
    return found
