"""Values worked out from published records: ``adams06.nano.in.vt - adams06.nano.in.native``.

Numbers, ids of records (``id#part`` for one of several values) and names of costs of the
same era (``cost:EVENT``), joined by ``+ - * /`` with the usual precedence; every token
stands apart, by spaces.
"""

from __future__ import annotations

from collections.abc import Callable

from virtdocs.errors import BadValue
from virtdocs.experiments.published import Record, figure, record

Named = Callable[[str], float]


def _no_names(name: str) -> float:
    raise BadValue(name, "has no cost that could be used here")


def records_in(text: str) -> tuple[Record, ...]:
    """The records that a formula uses; UnknownName for an id that no record has."""
    words = text.split()[::2]
    ids = [w.partition("#")[0] for w in words if not _is_number(w) and not w.startswith("cost:")]
    return tuple(record(one) for one in ids)


def value(text: str, where: str, named: Named = _no_names) -> float:
    """What the formula gives; BadValue when it is malformed."""
    words = text.split()
    signs = words[1::2]
    if len(words) % 2 == 0 or any(sign not in "+-*/" for sign in signs):
        raise BadValue(where, f"{text!r} is no formula")
    total, product, sign = 0.0, _term(words[0], named), 1
    for operator, word in zip(signs, words[2::2], strict=True):
        term = _term(word, named)
        if operator == "*":
            product *= term
        elif operator == "/":
            product /= term
        else:
            total, product, sign = total + sign * product, term, 1 if operator == "+" else -1
    return total + sign * product


def _term(word: str, named: Named) -> float:
    if _is_number(word):
        return float(word)
    if word.startswith("cost:"):
        return named(word.removeprefix("cost:"))
    return figure(word)[1]


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()
