"""What the price of a VM exit did to the order of techniques, era by era."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from virtdocs.experiments.exits import RIVALS
from virtdocs.experiments.uncertainty import spread
from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_value,
)
from virtdocs.views.workings import cycles_value, events, made_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtdocs.experiments.exits import Order

MILLION: Final = 10**6
EVEN: Final = 0.5


def order_table(found: Sequence[Order]) -> ViewBundle:
    """What binary translation and hardware assistance add to one op, era by era."""
    none = Label("answer.none")
    rows, values = [], dict[str, Value]()
    for one in found:
        share = number(
            Fraction(round(one.p_hardware * MILLION), MILLION) * 100, Basis.DERIVED, "percent"
        )
        cells: list[Value | Label] = []
        key = f"{one.era.replace('-', '_')}.{one.work}"
        for name in RIVALS:
            if name not in one.extras:
                cells.append(none)
                continue
            added = spread(one.extras[name].cycles)
            median, low, high = (
                cycles_value(x, Basis.DERIVED) for x in (added.median, added.p5, added.p95)
            )
            values[f"{key}.{name}"] = median
            ends = (("median", median), ("low", low), ("high", high))
            cells.append(median if low.raw == high.raw else Label("cell.median_range", ends))
        ahead = "hw_shadow" if one.p_hardware > EVEN else "bt"
        values |= {f"{key}.chance": share, f"{key}.ahead": technique_value(ahead)}
        rows.append(
            Row(
                code(one.work, Basis.RUN),
                (*cells, share, technique_value(ahead)),
                group=Label("row.name", (("name", code(one.era, Basis.SOURCED)),)),
            )
        )
    heads = [Label(f"technique.{name}") for name in RIVALS]
    used = [
        (one.era, cost)
        for one in found
        for some in one.extras.values()
        for line in some.counts
        for cost in line.costs
    ]
    sources = tuple(sorted({cost.source for _, cost in used}))
    counts = Table(
        Label("column.work"),
        (Label("column.era"), Label("column.technique"), Label("column.counts_less_native")),
        tuple(
            Row(
                code(one.work, Basis.RUN),
                (code(one.era, Basis.SOURCED), technique_value(name), events(some.counts)),
            )
            for one in found
            for name, some in one.extras.items()
        ),
    )
    parts = ("p4_2006.pte_churn.chance", "kvm_2020.pte_churn.chance")
    return ViewBundle(
        caption=Label("caption.exit_order"),
        alt=Label(
            "alt.exit_order",
            tuple((name, values[key]) for name, key in zip(("then", "now"), parts, strict=True)),
        ),
        view=Table(
            Label("column.work"),
            (*heads, Label("column.p_hardware"), Label("column.faster_of_two")),
            tuple(rows),
            (Label("note.exit_order"),),
            Label("column.era"),
        ),
        values=values,
        sources=sources,
        priced=True,
        inputs=made_of(("extra",), counts, used),
    )
