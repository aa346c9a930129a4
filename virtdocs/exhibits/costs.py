"""Exhibits of published costs and of predictions that are made of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.costs import era_costs
from virtdocs.experiments.eras import DEFAULT_ERA, ERAS
from virtdocs.experiments.exits import orders as exit_orders
from virtdocs.experiments.exits import transitions, whole_exits
from virtdocs.experiments.targets import Target
from virtdocs.experiments.validate import Verdict, orders, summary, validate
from virtdocs.experiments.worked import CELLS
from virtdocs.experiments.worked import worked as by_hand
from virtdocs.experiments.workings import Asked, working, workings
from virtdocs.views import costs as view
from virtdocs.views import exit_order as order_view
from virtdocs.views import validation as verdicts_view
from virtdocs.views.model import ViewBundle

ERA: Final = Parameter(DEFAULT_ERA, tuple(ERAS))
KIND: Final = Parameter("summary", ("summary", "micro", "macro", "orders"))
CELL: Final = Parameter(next(iter(CELLS)), tuple(CELLS))


def costs(era: str) -> ViewBundle:
    """Every cost of an era, with its spread and its source."""
    return view.cost_table(era_costs(era))


def exit_cost() -> ViewBundle:
    """What leaving a guest costs, by processor and by era."""
    return view.exit_chart(transitions(), whole_exits())


def exit_order() -> ViewBundle:
    """What binary translation and hardware assistance add, and who is ahead in which era."""
    return order_view.order_table(exit_orders())


def worked(cell: str) -> ViewBundle:
    """One prediction worked out by hand."""
    asked = CELLS[cell]
    made = working(Asked(asked.workload, asked.technique, asked.era))
    return view.worked_table(by_hand(cell), made)


def validation(kind: str) -> ViewBundle:
    """Published beside predicted: rows of one scale, pairs of techniques, or how many are met."""
    found = _verdicts()
    if kind == "orders":
        pairs = orders(found)
        sides = [one for pair in pairs for one in (pair.slower, pair.faster)]
        asked = [asked for one in sides for asked in _asked(one)]
        return verdicts_view.orders_table(found, pairs, workings(asked))
    if kind == "summary":
        made = workings(asked for one in found for asked in _asked(one.target))
        return verdicts_view.summary_table(summary(found), found, made)
    some = [one.target for one in found if one.target.scale == kind]
    made = workings(asked for target in some for asked in _asked(target))
    return verdicts_view.rows_table(kind, found, made)


def _asked(target: Target) -> tuple[Asked, ...]:
    """What is predicted for it; twice where only the device tells the rival apart."""
    sides = dict.fromkeys((tuple(target.own_params.items()), tuple(target.rival_params.items())))
    return tuple(Asked(target.workload, target.technique, target.era, one) for one in sides)


@lru_cache(maxsize=1)
def _verdicts() -> tuple[Verdict, ...]:
    """Predicted once for all kinds: the runs behind them are nearly all of the work."""
    return validate()


EXHIBITS = (
    Exhibit("costs", costs, (("era", ERA),)),
    Exhibit("exit_cost", exit_cost),
    Exhibit("exit_order", exit_order),
    Exhibit("validation", validation, (("kind", KIND),)),
    Exhibit("worked", worked, (("cell", CELL),)),
)
