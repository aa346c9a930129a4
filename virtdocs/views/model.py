"""What an exhibit shows: tables, flows, rings and charts made of keys and numbers.

No sentence and no markup lives here: a `Label` names an entry of the catalogue, a
`Value` carries a number with its unit and with the ground it stands on (`Basis`).
Renderers turn both into one language and one format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

from virtdocs.trace import EventKind, Party

ANCHOR: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Basis(StrEnum):
    """What a cell stands on; a reader sees the mark of each."""

    RUN = "run"  # simulated here
    DERIVED = "derived"  # a formula or threshold over other cells
    MEASURED = "measured"  # recorded on a real computer
    SOURCED = "sourced"  # quoted, with citation and locator
    JUDGED = "judged"  # an editor's opinion


class Form(StrEnum):
    """How a value is to be read."""

    NUMBER = "number"  # an int or a Fraction, in `unit`
    TERM = "term"  # a catalogue key: a word, translated
    TERMS = "terms"  # several catalogue keys, separated by spaces, in order
    CODE = "code"  # a mnemonic or a command line: never translated
    HASH = "hash"  # hexadecimal digits of a digest


@dataclass(frozen=True, slots=True)
class Value:
    """One cell: what it is, in which unit, and on what it stands.

    ``digits`` is the number of decimals to show of a NUMBER; ``where`` names
    citation keys or parts of the source document.
    """

    raw: int | Fraction | str
    basis: Basis
    form: Form = Form.NUMBER
    unit: str = ""
    digits: int = 0
    signed: bool = False
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A catalogue key, with the values that its text asks for in braces."""

    key: str
    args: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its head, its cells, the technique that gives it a colour ("" for none).

    Rows of the same ``group`` follow one another under its label; ``shades`` (0 to 1, one
    for each cell) say how strongly a cell is tinted. ``anchor`` is the end of the row's id on a
    page ("" for none): lower-case letters, digits and hyphens, a letter first; ValueError else.
    """

    head: Label | Value
    cells: tuple[Value | Label, ...]
    technique: str = ""
    group: Label | None = None
    shades: tuple[Fraction, ...] = ()
    anchor: str = ""

    def __post_init__(self) -> None:
        if self.anchor and not ANCHOR.fullmatch(self.anchor):
            raise ValueError(f"{self.anchor!r} is no anchor of a row")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; ``corner`` heads the row heads, ``groups`` the rows' groups.

    ``dense``: many short cells, set close.
    """

    corner: Label
    columns: tuple[Label, ...]
    rows: tuple[Row, ...]
    notes: tuple[Label, ...] = ()
    groups: Label | None = None
    dense: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flow: who acts, what happens, and whether control changed sides to get here."""

    party: Party
    kind: EventKind
    label: Label
    crossing: bool
    cpl: int | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Steps in order over the parties that act in them, in lane order."""

    technique: str
    parties: tuple[Party, ...]
    steps: tuple[Step, ...]
    notes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Occupant:
    """Who really runs at which privilege level; ``root`` is VMX root or SVM host mode."""

    party: Party
    cpl: int
    root: bool = False
    basis: Basis = Basis.RUN

    def mode(self, two_modes: bool) -> str:
        """The catalogue key of the CPU mode in which it runs."""
        if not two_modes:
            return "mode.only"
        return "mode.host" if self.root else "mode.guest"


@dataclass(frozen=True, slots=True)
class Rings:
    """Who really runs in which ring; two modes when the CPU has guest and host mode."""

    technique: str
    occupants: tuple[Occupant, ...]
    two_modes: bool
    facts: tuple[tuple[Label, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One mark of a chart: its head, its value, the technique that colours it.

    ``parts`` say what the value is made of, one for each of the chart's ``parts``;
    ``spread`` is the least and the greatest that it may be.
    """

    head: Label
    value: Value
    technique: str = ""
    parts: tuple[Value, ...] = ()
    spread: tuple[Value, Value] | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A range of the value axis that a chart marks, for example a claimed range."""

    low: Value
    high: Value
    label: Label


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over one value axis; ``log`` says that the axis is logarithmic."""

    axis: Label
    bars: tuple[Bar, ...]
    band: Band | None = None
    log: bool = False
    parts: tuple[Label, ...] = ()
    notes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Panels:
    """Charts of the same heads side by side, so that their orders can be compared."""

    charts: tuple[Chart, ...]
    notes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart: a value for each place on the axis.

    Several ``heads`` share a line that is the same for all of them.
    """

    heads: tuple[Label, ...]
    values: tuple[Value, ...]
    technique: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over ``places``, which stand evenly spaced; ``log``: the value axis is logarithmic."""

    place: Label
    axis: Label
    places: tuple[Value, ...]
    curves: tuple[Curve, ...]
    log: bool = False
    notes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class WalkGrid:
    """A two-dimensional page walk: (row, column) of each reference, in the order of reading.

    Row r translates the guest's r-th table, the last row the final address; the columns
    are the nested levels, and column ``nested_levels`` is the guest's own entry.
    """

    technique: str
    guest_levels: int
    nested_levels: int
    references: tuple[tuple[int, int], ...]
    notes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Winner:
    """Who is ahead at one place of a map, and with what chance in percent."""

    technique: str
    chance: Value
    toss: bool = False  # too close to call


@dataclass(frozen=True, slots=True)
class WinnerMap:
    """A winner for each place of two axes; ``rows`` from the lowest place of ``up``."""

    across: Label
    up: Label
    across_places: tuple[Value, ...]
    up_places: tuple[Value, ...]
    techniques: tuple[str, ...]
    rows: tuple[tuple[Winner, ...], ...]
    notes: tuple[Label, ...] = ()


class Mark(StrEnum):
    """What a line of a listing is."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    PLACE = "place"  # where in the file the next lines stand


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines of a text with what became of each: a diff."""

    lines: tuple[tuple[Mark, str], ...]
    notes: tuple[Label, ...] = ()


View: TypeAlias = Table | Flow | Rings | Chart | Panels | Curves | WalkGrid | WinnerMap | Listing


@dataclass(frozen=True, slots=True)
class Inputs:
    """What priced numbers are made of: formulas in words, tables of counts and of costs.

    Each table stands under its heading.
    """

    formulas: tuple[Label, ...]
    tables: tuple[tuple[Label, Table], ...] = ()


@dataclass(frozen=True, slots=True)
class ViewBundle:
    """An exhibit without language: caption, the view, values for sentences, provenance."""

    caption: Label
    alt: Label
    view: View
    values: dict[str, Value]
    sources: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    priced: bool = False  # published costs went into it
    inputs: Inputs | None = None  # of whatever is priced


def number(
    raw: int | Fraction,
    basis: Basis,
    unit: str = "",
    digits: int = 0,
    *,
    signed: bool = False,
    where: tuple[str, ...] = (),
) -> Value:
    """A count or a ratio, in ``unit``, shown with ``digits`` decimals."""
    return Value(raw, basis, Form.NUMBER, unit, digits, signed, where)


def trimmed(raw: int | Fraction, basis: Basis, unit: str = "", digits: int = 2) -> Value:
    """A number with ``digits`` decimals, none when it is whole."""
    return number(raw, basis, unit, 0 if Fraction(raw).denominator == 1 else digits)


def shortest(raw: int | Fraction, basis: Basis, unit: str = "", digits: int = 3) -> Value:
    """A number with as few decimals as it needs, at most ``digits``."""
    scaled = (Fraction(raw) * 10**few for few in range(digits))
    needed = next((few for few, one in enumerate(scaled) if one.denominator == 1), digits)
    return number(raw, basis, unit, needed)


def term(key: str, basis: Basis, where: tuple[str, ...] = ()) -> Value:
    """A word of the catalogue, such as an outcome or yes and no."""
    return Value(key, basis, Form.TERM, where=where)


def terms(keys: tuple[str, ...], basis: Basis) -> Value:
    """Several words of the catalogue, in order."""
    return Value(" ".join(keys), basis, Form.TERMS)


def code(text: str, basis: Basis) -> Value:
    """Literal text that is the same in every language."""
    return Value(text, basis, Form.CODE)


def digest(hexadecimal: str, basis: Basis) -> Value:
    """A hash, shown shortened and kept whole."""
    return Value(hexadecimal, basis, Form.HASH)


def yes_no(truth: bool, basis: Basis) -> Value:
    """The answer of a test, as a word."""
    return term("answer.yes" if truth else "answer.no", basis)


def plain_label(text: str) -> Label:
    """Literal text as a head: the name of a device."""
    return Label("row.name", (("name", code(text, Basis.RUN)),))


def technique_label(technique: str) -> Label:
    """The name of a technique as a row or column head."""
    return Label(f"technique.{technique}")


def tied(raw: Mapping[str, int | Fraction], end: int | Fraction) -> Value:
    """The names of all techniques whose number is ``end``, inside a sentence."""
    return terms(tuple(f"technique.{name}" for name, one in raw.items() if one == end), Basis.RUN)


def technique_value(technique: str) -> Value:
    """The name of a technique inside a sentence."""
    return term(f"technique.{technique}", Basis.RUN)
