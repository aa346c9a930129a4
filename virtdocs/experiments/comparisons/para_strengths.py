"""The source's table of paravirtualization's strengths (its section 5.4)."""

from __future__ import annotations

from typing import Final

from virtdocs.experiments.comparisons.columns import BEST_PARA, FULL, NESTED, PARA, TRANSLATION
from virtdocs.experiments.comparisons.costs import entered, from_costs, order, used
from virtdocs.experiments.comparisons.guests import given_back
from virtdocs.experiments.comparisons.model import (
    DERIVED,
    SURE,
    Cell,
    Cells,
    Figure,
    Question,
    Verdict,
    degree,
)

WORK: Final = ("syscall", "page_fault", "disk_write")
ALL: Final = 100  # percent


def beaten(name: str) -> Cell:
    """In how many draws the quicker PV is faster than a technique, by workload."""
    if name == BEST_PARA:
        return Cell("itself", {"none": Figure(("answer.none",))}, DERIVED)
    return from_costs("beaten", order(BEST_PARA, name, WORK), WORK, BEST_PARA, name)


def performance(cells: Cells) -> Verdict:
    """Faster than each; outdated if than translation and not with nested paging."""
    won = {name: all(cells[name].number(work) >= SURE * ALL for work in WORK) for name in FULL}
    if won[TRANSLATION] and not won[NESTED]:
        return Verdict.OUTDATED
    return degree(won.values())


def latency(cells: Cells) -> Verdict:
    """Fewer entries into the monitor than under any other, for both operations and both ports."""
    return degree(
        cells[name].number(work) < min(cells[other].number(work) for other in FULL)
        for name in PARA
        for work in ("syscall", "disk_write")
    )


def efficiency(cells: Cells) -> Verdict:
    """Less memory of the monitor's, and less time, than under any other."""
    return degree(
        max(cells[name].number(what) for name in PARA)
        < min(cells[name].number(what) for name in FULL)
        for what in ("frames", "cpu")
    )


def cooperation(cells: Cells) -> Verdict:
    """A PV guest gives all pages that it is asked for."""
    return degree(cells[name].number("pages") == cells[name].number("of") for name in PARA)


QUESTIONS: Final = (
    Question("r1", beaten, performance),
    Question("r2", entered, latency),
    Question("r3", used, efficiency),
    Question("r4", given_back, cooperation),
)
