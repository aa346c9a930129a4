"""What one exit becomes when the hypervisor below the guest is a guest itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from virtdocs.experiments.uncertainty import spread
from virtdocs.views.model import Basis, Label, Row, Table, Value, ViewBundle, code, number
from virtdocs.views.workings import cycles_value, events, made_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from virtdocs.experiments.cost_model import Priced
    from virtdocs.experiments.nested_exits import NestedExit
    from virtdocs.experiments.workings import Counted

SOURCES: Final = ("LX-KVM34", "LX-KVM510")
SHOWN: Final = "cpuid"  # the exit of which the description speaks


def exits_table(
    ways: Mapping[str, Sequence[NestedExit]],
    prices: Mapping[str, Sequence[Priced]],
    counts: Mapping[str, Sequence[Sequence[Counted]]],
) -> ViewBundle:
    """``ways`` by column; by era ``prices`` at depth 2 and the ``counts`` that they are made of."""
    values: dict[str, Value] = {}
    rows = []
    names = [one.name for one in next(iter(ways.values()))]
    for place, name in enumerate(names):
        cells: list[Value | Label] = []
        for column, found in ways.items():
            way = found[place]
            total = number(way.of_the_guest + way.of_its_hypervisor, Basis.RUN)
            values[f"{name}.{column}"] = total
            values[f"{name}.{column}_own"] = number(way.of_the_guest, Basis.RUN)
            for reason in ("vmread", "vmwrite", "vmresume", "msr_write"):
                values[f"{name}.{column}_{reason}"] = number(way.by_reason(reason), Basis.RUN)
            cells.append(total)
        for era, priced in prices.items():
            drawn = spread(priced[place].total)
            median, low, high = (
                cycles_value(x, Basis.DERIVED) for x in (drawn.median, drawn.p5, drawn.p95)
            )
            values[f"{name}.{_key(era)}_cycles"] = median
            cells.append(
                Label("cell.median_range", (("median", median), ("low", low), ("high", high)))
            )
        rows.append(Row(Label(f"nested_exit.{name}"), tuple(cells)))
    columns = tuple(Label(f"column.exits_{column}") for column in ways)
    heads = tuple(
        Label("column.cycles_depth_2", (("era", code(era, Basis.SOURCED)),)) for era in prices
    )
    first, *_, last = ways
    old = next(column for column in ways if column not in (first, last))
    used = [
        (era, cost) for era, found in prices.items() for p in found for n in p.lines
        for cost in n.costs
    ]  # fmt: skip
    return ViewBundle(
        caption=Label("caption.nested_exits"),
        alt=Label(
            "alt.nested_exits",
            (
                ("plain", values[f"{SHOWN}.{first}"]),
                ("old", values[f"{SHOWN}.{old}"]),
                ("new", values[f"{SHOWN}.{last}"]),
            ),
        ),
        view=Table(
            Label("column.exit"),
            (*columns, *heads),
            tuple(rows),
            (Label("note.nested_exits"), Label("note.nested_prices")),
        ),
        values=values,
        sources=tuple(sorted({*SOURCES, *(cost.source for _, cost in used)})),
        priced=True,
        inputs=made_of(("steps",), _counts(names, counts), used),
    )


def _counts(names: Sequence[str], counts: Mapping[str, Sequence[Sequence[Counted]]]) -> Table:
    """What is priced, exit by exit."""
    rows = tuple(
        Row(Label(f"nested_exit.{name}"), (code(era, Basis.SOURCED), events(found[place])))
        for place, name in enumerate(names)
        for era, found in counts.items()
    )
    return Table(Label("column.exit"), (Label("column.era"), Label("ui.counts")), rows)


def _key(era: str) -> str:
    return era.replace("-", "_")
