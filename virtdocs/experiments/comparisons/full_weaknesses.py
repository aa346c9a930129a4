"""The source's table of full virtualization's weaknesses (its section 4.4), and its note."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from virtdocs.experiments.comparisons.columns import FIRST_ASSIST, FULL, NESTED, TRANSLATION
from virtdocs.experiments.comparisons.costs import (
    from_costs,
    monitored,
    order,
    priced_in,
    slower,
    sources,
    stepped,
)
from virtdocs.experiments.comparisons.guests import translated
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

NOISE: Final = Fraction(102, 100)  # less is no slowdown
ALL: Final = 100  # percent
FIRST_ERA: Final = "p4-2006"  # the first processors with VT-x
WORK: Final = ("syscall", "page_fault")


def overhead(cells: Cells) -> Verdict:
    """Slower than native under translation whatever the guest does, in 95 % of the draws."""
    bt = cells[TRANSLATION]
    return degree(bt.number(f"{work}_low") > NOISE for work in ("cpu", *WORK))


def every_instruction(cells: Cells) -> Verdict:
    """All instructions of a program and of the kernel are translated, and into others."""
    bt = cells[TRANSLATION]
    return degree(bt.number(part) == ALL for part in ("program", "call", "changed"))


def latency(cells: Cells) -> Verdict:
    """Every privileged operation takes more steps, under every technique; partly if some do."""
    longer = [cells[name].number("longer") for name in FULL]
    if all(cells[name].number("of") == one for name, one in zip(FULL, longer, strict=True)):
        return Verdict.HOLDS
    return Verdict.PARTLY if any(longer) else Verdict.NOT


def consumption(cells: Cells) -> Verdict:
    """The monitor has a part in both operations under each technique."""
    parts = ("page_fault_low", "timer_tick_low")
    return degree(cells[name].number(part) > 0 for name in FULL for part in parts)


def against_translation(name: str) -> Cell:
    """In how many draws a technique is faster than translation, and was in the first era."""
    if name == TRANSLATION:
        return Cell("itself", {"none": Figure(("answer.none",))}, DERIVED)
    now = order(name, TRANSLATION, WORK)
    if name != FIRST_ASSIST:
        return from_costs("faster_than_bt", now, WORK, name, TRANSLATION)
    then = order(name, TRANSLATION, WORK, FIRST_ERA)
    both = {**now, **{f"{work}_then": figure for work, figure in then.items()}}
    cell = from_costs("faster_than_bt_then", both, WORK, name, TRANSLATION)
    costs = {*cell.costs, *sources(WORK, name, TRANSLATION, era=FIRST_ERA)}
    work = (*cell.work, *priced_in(WORK, name, TRANSLATION, era=FIRST_ERA))
    return replace(cell, costs=tuple(sorted(costs)), work=work)


def improved(cells: Cells) -> Verdict:
    """Hardware assistance beats translation: at first, later, and with nested paging."""
    first = cells[FIRST_ASSIST]
    won = [first.number(f"{work}_then") for work in WORK]
    won += [first.number(work) for work in WORK] + [cells[NESTED].number(work) for work in WORK]
    return degree(one >= SURE * ALL for one in won)


QUESTIONS: Final = (
    Question("r1", slower, overhead),
    Question("r2", translated, every_instruction),
    Question("r3", stepped, latency),
    Question("r4", monitored, consumption),
    Question("note", against_translation, improved),
)
