"""A value as text of one language: digits, sign, unit; words from the catalogue.

Formats of inline tags: none (as the exhibit shows it), ``int``, ``.N`` (N decimals),
``signed``, ``bare`` (no unit), ``hash`` (all digits), ``short`` (first digits of a
hash), joined by commas: ``{{ table_7_4.median|.1,bare }}``. ``is:KEY`` holds a sentence
to a run: it shows the mark of the value's basis when the value is that word, for example
``is:no``, and is a mistake when it is another.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from virtdocs.errors import BadValue, nearest
from virtdocs.render.catalogue import Catalogue
from virtdocs.views.model import Basis, Form, Label, Value

FORMATS = ("int", ".1", ".2", ".3", "signed", "bare", "hash", "short", "is:KEY")
HOLDS = "is:"  # begins the format that asserts
SHORT_HASH = 12
MINUS = "\u2212"
# Filled for what was observed, hollow for what was made of it.
MARKS = {
    Basis.RUN: "●",
    Basis.DERIVED: "○",
    Basis.MEASURED: "◆",
    Basis.SOURCED: "□",
    Basis.JUDGED: "△",
}


def value_text(value: Value, words: Catalogue, fmt: str = "") -> str:
    """``value`` as a reader sees it, for example ``+13.58%`` or ``하이퍼바이저``."""
    if fmt.startswith(HOLDS):
        return _checked(value, fmt.removeprefix(HOLDS))
    digits, signed, unit, whole_hash = value.digits, value.signed, value.unit, False
    for one in filter(None, (part.strip() for part in fmt.split(","))):
        if one == "int":
            digits = 0
        elif re.fullmatch(r"\.\d", one):
            digits = int(one[1])
        elif one == "signed":
            signed = True
        elif one == "bare":
            unit = ""
        elif one in ("hash", "short"):
            whole_hash = one == "hash"
        else:
            raise BadValue("format", f"no format {one!r}", nearest(one, FORMATS))
    if value.form is Form.TERM:
        return words.text(str(value.raw))
    if value.form is Form.TERMS:
        return " · ".join(words.text(key) for key in str(value.raw).split())
    if value.form is Form.HASH:
        return str(value.raw) if whole_hash else str(value.raw)[:SHORT_HASH]
    if isinstance(value.raw, str):
        return value.raw
    text = digits_text(value.raw, digits, signed=signed)
    return words.text(f"unit.{unit}", {"n": text}) if unit else text


def _checked(value: Value, expected: str) -> str:
    found = str(value.raw).rpartition(".")[2] if value.form is Form.TERM else raw_text(value)
    if found != expected:
        raise BadValue("value", f"the text says {expected!r}, the run says {found!r}")
    return MARKS[value.basis]


def label_text(label: Label, words: Catalogue) -> str:
    """The catalogue's text of a label, with its values in it."""
    return words.text(label.key, {name: value_text(value, words) for name, value in label.args})


def digits_text(raw: int | Fraction, digits: int, *, signed: bool = False) -> str:
    """A number with thousands separators and ``digits`` decimals, rounded half to even."""
    rounded = rounded_decimal(raw, digits)
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):,.{digits}f}"


def rounded_decimal(raw: int | Fraction, digits: int) -> Decimal:
    """``raw`` rounded to ``digits`` decimals, half to even, exactly."""
    scaled = Fraction(raw) * 10**digits
    with localcontext() as context:
        context.prec, context.rounding = 60, ROUND_HALF_EVEN
        return Decimal(round(scaled)).scaleb(-digits)


def raw_text(value: Value) -> str:
    """The machine-readable form: an integer, the shortest decimal, a key or a whole hash."""
    if isinstance(value.raw, Fraction):
        return repr(float(value.raw))
    return str(value.raw)
