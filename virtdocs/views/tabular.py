"""Every view as a table: the data behind a figure, for readers, spreadsheets and tests."""

from __future__ import annotations

from virtdocs.views.model import (
    Basis,
    Chart,
    Curves,
    Flow,
    Label,
    Listing,
    Panels,
    Rings,
    Row,
    Table,
    Value,
    View,
    WalkGrid,
    WinnerMap,
    code,
    number,
    technique_value,
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
    if isinstance(view, Panels):
        return _panels(view)
    if isinstance(view, Curves):
        return _curves(view)
    if isinstance(view, WalkGrid):
        return _walk(view)
    if isinstance(view, WinnerMap):
        return _map(view)
    if isinstance(view, Listing):
        return _listing(view)
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
    spread = any(bar.spread for bar in chart.bars)
    none = Label("answer.none")
    rows = tuple(
        Row(
            bar.head,
            (bar.value, *((bar.spread or (none, none)) if spread else ()), *bar.parts),
            bar.technique,
        )
        for bar in chart.bars
    )
    ends = (Label("column.least"), Label("column.greatest")) if spread else ()
    return Table(Label("column.what"), (chart.axis, *ends, *chart.parts), rows, chart.notes)


def _panels(panels: Panels) -> Table:
    rows = tuple(
        Row(bar.head, (bar.value,), bar.technique, chart.axis)
        for chart in panels.charts
        for bar in chart.bars
    )
    heads = (Label("column.value"),)
    return Table(Label("column.what"), heads, rows, panels.notes, Label("column.figure"))


def _curves(view: Curves) -> Table:
    rows = tuple(
        Row(head, curve.values, curve.technique) for curve in view.curves for head in curve.heads
    )
    heads = tuple(Label("column.place_is", (("place", place),)) for place in view.places)
    return Table(view.place, heads, rows, view.notes)


def _walk(grid: WalkGrid) -> Table:
    rows = tuple(
        Row(
            Label("row.step", (("n", number(order, Basis.RUN)),)),
            (_translated(grid, row), _read(grid, row, column)),
        )
        for order, (row, column) in enumerate(grid.references, start=1)
    )
    heads = (Label("column.translated"), Label("column.entry_read"))
    return Table(Label("column.reference"), heads, rows, grid.notes)


def _translated(grid: WalkGrid, row: int) -> Label:
    """What the walk is after in this row: one of the guest's tables, or the page itself."""
    if row == grid.guest_levels:
        return Label("walk.final")
    return Label("walk.guest_table", (("level", number(grid.guest_levels - row, Basis.RUN)),))


def _read(grid: WalkGrid, row: int, column: int) -> Label:
    nested = column < grid.nested_levels
    level = grid.nested_levels - column if nested else grid.guest_levels - row
    key = "walk.nested_entry" if nested else "walk.guest_entry"
    return Label(key, (("level", number(level, Basis.RUN)),))


def _map(view: WinnerMap) -> Table:
    """The highest place of ``up`` first, as in the drawing."""
    rows = tuple(
        Row(
            Label("row.name", (("name", place),)),
            tuple(
                Label(
                    "cell.winner",
                    (("technique", technique_value(one.technique)), ("chance", one.chance)),
                )
                for one in row
            ),
        )
        for place, row in reversed(list(zip(view.up_places, view.rows, strict=True)))
    )
    heads = tuple(Label("column.place_is", (("place", place),)) for place in view.across_places)
    axes = (("up", _axis_name(view.up)), ("across", _axis_name(view.across)))
    return Table(Label("column.up_by_across", axes), heads, rows, view.notes)


def _axis_name(label: Label) -> Value:
    return term(label.key, Basis.DERIVED)


def _listing(listing: Listing) -> Table:
    rows = tuple(
        Row(
            Label("row.step", (("n", number(order, Basis.RUN)),)),
            (term(f"mark.{mark}", Basis.RUN), code(text, Basis.RUN)),
        )
        for order, (mark, text) in enumerate(listing.lines, start=1)
    )
    heads = (Label("column.mark"), Label("column.text"))
    return Table(Label("column.line"), heads, rows, listing.notes)
