"""The source's table of paravirtualization's weaknesses (its section 5.5), and its note."""

from __future__ import annotations

from typing import Final

from virtdocs.experiments.comparisons.columns import FULL, MIXED, PARA
from virtdocs.experiments.comparisons.costs import from_costs, interfaces
from virtdocs.experiments.comparisons.images import changed_lines, devices, unmodified
from virtdocs.experiments.comparisons.model import (
    SURE,
    Cell,
    Cells,
    Figure,
    Question,
    Verdict,
    degree,
    near,
    probability,
)
from virtdocs.experiments.comparisons.said import said
from virtdocs.experiments.priced_work import NATIVE, p_faster, ratio

TABLE: Final = "para_weaknesses"
KINDS: Final = (*PARA, MIXED)  # of paravirtualization: of the kernel, of the drivers
IN_TREE: Final = ("said.upkeep_in_tree",)
DISK: Final = "disk_write"
ALL: Final = 100  # percent


def modified(cells: Cells) -> Verdict:
    """Every kind of paravirtualization changes lines of the kernel."""
    return degree(cells[name].number("removed") + cells[name].number("added") > 0 for name in KINDS)


def limited(cells: Cells) -> Verdict:
    """Under every kind some image does not run."""
    return degree(cells[name].number("runs") < cells[name].number("of") for name in KINDS)


def upkeep(name: str) -> Cell:
    """The technique's own lines in the kernel; for PV, who keeps them, as its sources say."""
    return said(TABLE, "r3", name) if name in KINDS else changed_lines(name)


def rework(cells: Cells) -> Verdict:
    """Somebody has to port anew; outdated if what still exists comes with the stock kernel."""
    alive = [name for name in KINDS if cells[name].words("word") != ("said.upkeep_removed",)]
    if alive and all(cells[name].words("word") == IN_TREE for name in alive):
        return Verdict.OUTDATED
    return degree(cells[name].words("word") != IN_TREE for name in KINDS)


def complexity(cells: Cells) -> Verdict:
    """Every kind needs calls that no other technique has."""
    plain = all(not cells[name].number("calls") for name in FULL)
    return degree(plain and cells[name].number("calls") > 0 for name in KINDS)


def both_strengths(name: str) -> Cell:
    """Images that run as they are, and a disk write's time over native's; for what has PV, in how
    many draws it is faster than the quickest without."""
    images, found = unmodified(name), ratio(DISK, name)
    figures = {
        "runs": images.figures["runs"],
        "of": images.figures["of"],
        "disk": Figure(near(found.median), "times"),
    }
    if name in FULL:
        return from_costs("images_and_disk", figures, (DISK,), name, NATIVE)
    faster = min(p_faster(DISK, name, other) for other in FULL)
    more = {**figures, "faster": probability(faster)}
    return from_costs("both_strengths", more, (DISK,), name, NATIVE, *FULL)


def combined(cells: Cells) -> Verdict:
    """Every image as it is, and disk writes faster than under all full virtualization."""
    mixed = cells[MIXED]
    return degree(
        (mixed.number("runs") == mixed.number("of"), mixed.number("faster") >= SURE * ALL)
    )


QUESTIONS: Final = (
    Question("r1", changed_lines, modified),
    Question("r2", devices, limited),
    Question("r3", upkeep, rework),
    Question("r4", interfaces, complexity),
    Question("note", both_strengths, combined),
)
