"""Every view as a table: the data behind a figure, for readers, spreadsheets and tests."""

from __future__ import annotations

from virtdocs.views.model import (
    Basis,
    Chart,
    Flow,
    Label,
    Rings,
    Row,
    Table,
    View,
    number,
    term,
    yes_no,
)


def table_of(view: View) -> Table:
    """The data of ``view``, complete: nothing is in the figure that is not here."""
    if isinstance(view, Table):
        return view
    if isinstance(view, Flow):
        return _flow(view)
    if isinstance(view, Rings):
        return _rings(view)
    return _chart(view)


def _flow(flow: Flow) -> Table:
    absent = term("absent", Basis.RUN)
    rows = tuple(
        Row(
            Label("row.step", (("n", number(index, Basis.RUN)),)),
            (
                term(f"party.{step.party}", Basis.RUN),
                Label(step.label.key, step.label.args),
                absent if step.cpl is None else number(step.cpl, Basis.RUN),
                yes_no(step.crossing, Basis.RUN),
            ),
        )
        for index, step in enumerate(flow.steps, start=1)
    )
    columns = ("party", "what", "cpl", "crossing")
    return Table(Label("column.step"), tuple(Label(f"column.{key}") for key in columns), rows)


def _rings(rings: Rings) -> Table:
    rows = tuple(
        Row(
            Label(f"party.{one.party}"),
            (
                number(one.cpl, one.basis),
                term(one.mode(rings.two_modes), one.basis),
            ),
        )
        for one in rings.occupants
    )
    facts = tuple(Row(label, (value, term("absent", Basis.RUN))) for label, value in rings.facts)
    columns = (Label("column.real_cpl"), Label("column.mode"))
    return Table(Label("column.party"), columns, rows + facts)


def _chart(chart: Chart) -> Table:
    rows = tuple(Row(bar.head, (bar.value, *bar.parts), bar.technique) for bar in chart.bars)
    return Table(Label("column.what"), (chart.axis, *chart.parts), rows, chart.notes)
