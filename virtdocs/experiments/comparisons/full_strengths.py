"""The source's table of full virtualization's strengths (its section 4.3)."""

from __future__ import annotations

from typing import Final

from virtdocs.experiments.comparisons.columns import COLUMNS, FULL
from virtdocs.experiments.comparisons.guests import kept_in, noticed
from virtdocs.experiments.comparisons.images import changed_lines, kinds, unmodified
from virtdocs.experiments.comparisons.model import Cells, Question, Verdict, degree
from virtdocs.guest.images import IMAGES


def compatibility(cells: Cells) -> Verdict:
    """Every image as it is, one of another machine included; partly if only that one fails."""
    here = all(cells[name].number("runs") == cells[name].number("of") for name in FULL)
    elsewhere = all(cells[name].words("other") == ("answer.yes",) for name in FULL)
    return degree((here, elsewhere))


def generality(cells: Cells) -> Verdict:
    """Every kind of image runs under each."""
    return degree(cells[name].number("runs") == len(IMAGES) for name in FULL)


def upkeep(cells: Cells) -> Verdict:
    """Not a line of the kernel is the technique's."""
    return degree(not cells[name].number("removed") + cells[name].number("added") for name in FULL)


def transparency(cells: Cells) -> Verdict:
    """No probe tells anything, neither in the kernel nor in a program."""
    return degree(not cells[name].number("kernel") + cells[name].number("program") for name in FULL)


def isolation(cells: Cells) -> Verdict:
    """Nobody gets out; partly if nobody does either where software answers for no register."""
    inside = all(not cells[name].number("out") for name in FULL)
    bare = [name for name in COLUMNS if not cells[name].number("registers")]
    by_emulation = any(cells[name].number("out") for name in bare)
    return degree((inside, by_emulation))


QUESTIONS: Final = (
    Question("r1", unmodified, compatibility),
    Question("r2", kinds, generality),
    Question("r3", changed_lines, upkeep),
    Question("r4", noticed, transparency),
    Question("r5", kept_in, isolation),
)
