"""A row of a comparison of the source document's: what is counted, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

MILLION: Final = 1_000_000
RUN: Final = "run"
DERIVED: Final = "derived"
SOURCED: Final = "sourced"
JUDGED: Final = "judged"
# From the strongest ground to the weakest: a conclusion stands on the weakest that it needs.
GROUNDS: Final = (RUN, DERIVED, SOURCED, JUDGED)
# A difference of fewer than one draw in twenty the other way is a difference.
SURE: Final = Fraction(95, 100)


class Verdict(StrEnum):
    """What becomes of a claim."""

    HOLDS = "holds"
    PARTLY = "partly"  # only under a condition, or only one half of it
    NOT = "not"
    OUTDATED = "outdated"  # it held of techniques that have been replaced since


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in ``unit`` with ``digits`` decimals, catalogue keys (one, or several words), or
    text that is the same in every language."""

    raw: int | Fraction | tuple[str, ...] | str
    unit: str = ""
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What was found for one technique: ``form`` is the catalogue's entry, ``found.FORM``, that
    puts the figures into words; ``sources`` are citation keys where nothing was run, ``costs``
    those of published costs that went into the figures, ``unpriced`` the kinds of events that
    have none; ``work`` is what was priced: workload, technique, era."""

    form: str
    figures: Mapping[str, Figure]
    basis: str = RUN
    sources: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    work: tuple[tuple[str, str, str], ...] = ()

    def number(self, key: str) -> Fraction:
        """A figure of the cell; TypeError for words."""
        raw = self.figures[key].raw
        if isinstance(raw, tuple | str):
            raise TypeError(f"{key} of {self.form} is no number")
        return Fraction(raw)

    def words(self, key: str) -> tuple[str, ...]:
        """The words of a figure, by key; TypeError for anything else."""
        raw = self.figures[key].raw
        if not isinstance(raw, tuple):
            raise TypeError(f"{key} of {self.form} is not words")
        return raw


Cells: TypeAlias = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Question:
    """One row: how a cell is found for a technique, and the rule that reads the cells."""

    row: str
    measure: Callable[[str], Cell]
    rule: Callable[[Cells], Verdict]


@dataclass(frozen=True, slots=True)
class Finding:
    """One answered row."""

    row: str
    cells: Cells
    verdict: Verdict

    @property
    def basis(self) -> str:
        """What the verdict stands on: a formula over the cells, or something weaker in them."""
        return max((DERIVED, *(one.basis for one in self.cells.values())), key=GROUNDS.index)


def answer(questions: Iterable[Question], techniques: Iterable[str]) -> tuple[Finding, ...]:
    """Measure every cell, then apply each row's rule to what was found."""
    names = tuple(techniques)
    found = []
    for one in questions:
        cells = {name: one.measure(name) for name in names}
        found.append(Finding(one.row, cells, one.rule(cells)))
    return tuple(found)


def degree(held: Iterable[bool]) -> Verdict:
    """Holds when all do, not when none does."""
    every = tuple(held)
    if all(every):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(every) else Verdict.NOT


def count(number: int | Fraction) -> Figure:
    """A count per operation, without decimals when it is whole."""
    return Figure(number, "", 0 if Fraction(number).denominator == 1 else 1)


def near(value: float) -> Fraction:
    """A computed figure as a fraction, to a millionth."""
    return Fraction(round(value * MILLION), MILLION)


def percent(share: float | Fraction) -> Figure:
    """A share as a whole percentage."""
    return Figure(near(float(share) * 100), "percent")


def probability(share: float) -> Figure:
    """A share of draws in percent, with a decimal unless it is whole: nearly all is not all."""
    shown = percent(share)
    return shown if shown.raw in (0, 100) else replace(shown, digits=1)
