"""The source document's cells beside predictions and published figures, with verdicts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from virtdocs.experiments.source_claims import VERDICTS, Line
from virtdocs.experiments.validate import NOISE
from virtdocs.views.model import (
    Basis,
    Form,
    Inputs,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_value,
    term,
)
from virtdocs.views.workings import costs_only, inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtdocs.experiments.source_claims import Cell, Pair
    from virtdocs.experiments.workings import Working

MILLION: Final = 10**6
HUNDRED: Final = 100
FAR: Final = float("inf")
COMMAND: Final = "virtdocs validate"  # the same predictions, held against the same figures
T622: Final = "table_6_2_2"
FORMULAS: Final = ("claim",)
_S: Final = Basis.SOURCED
_D: Final = Basis.DERIVED


def cells_table(name: str, cells: Sequence[Cell], workings: Sequence[Working]) -> ViewBundle:
    """One row for each cell: the claim, what was published, what is predicted, the verdict."""
    rows = tuple(_cell_row(one, name) for one in cells)
    columns = ("source_says", "verdict", "as_ratio", "published", "published_met",
               "predicted_medians")  # fmt: skip
    return _bundle(
        Label("caption.table_6_2_2" if name == T622 else "caption.table_7_4_beside"),
        Table(
            Label("column.column"),
            tuple(Label(f"column.{key}") for key in columns),
            rows,
            (Label("note.claim_ratio"), _rule(), Label("note.claim_counts")),
            Label("column.row"),
        ),
        cells,
        costs_only(workings, FORMULAS),
    )


def lines_table(
    name: str, part: str, cells: Sequence[Cell], workings: Sequence[Working]
) -> ViewBundle:
    """Every published figure and prediction that is held against a cell with figures."""
    rows = tuple(
        _line_row(cell, one, name) for cell in cells for one in cell.lines if _answered(one)
    )
    columns = ("published", "predicted", "prediction_lies", "verdict", "figure_published")
    return _bundle(
        Label(f"caption.{name}_lines", (("row", term(_row_name(name, part), _S)),)),
        Table(
            Label("column.what_was_measured"),
            tuple(Label(f"column.{key}") for key in columns),
            rows,
            (_rule(), _left_out(cells)),
            Label("column.cell"),
        ),
        cells,
        inputs(workings, FORMULAS),
    )


def pairs_table(
    name: str, part: str, cells: Sequence[Cell], workings: Sequence[Working]
) -> ViewBundle:
    """Every pair of techniques that is held against the order that a row's words give."""
    # A pair belongs to both of its columns, and is shown once.
    pairs = {_key(one): one for cell in cells for one in cell.pairs if one.verdict != "no_cost"}
    rows = [_pair_row(one) for one in pairs.values()]
    columns = ("said_slower", "said_faster", "published_slower", "published_faster",
               "p_order", "verdict")  # fmt: skip
    return _bundle(
        Label(f"caption.{name}_pairs", (("row", term(_row_name(name, part), _S)),)),
        Table(
            Label("column.what_was_measured"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.claim_order"), _left_out(cells)),
        ),
        cells,
        inputs(workings, FORMULAS),
    )


def _bundle(caption: Label, view: Table, cells: Sequence[Cell], made: Inputs) -> ViewBundle:
    """What the tables share: a summary of the cells, their sources, the command."""
    values = _values(cells)
    return ViewBundle(
        caption=caption,
        alt=Label("alt.claimed_cells", _summary(values)),
        view=view,
        values=values,
        sources=_sources(cells),
        commands=(COMMAND,),
        priced=True,
        inputs=made,
    )


def _key(one: Pair) -> tuple[str, ...]:
    a, b = one.slower, one.faster
    return (_work(a), a.era, a.technique, a.target, b.technique, b.target)


def _cell_row(cell: Cell, name: str) -> Row:
    claimed: Value | Label = Label("answer.none")
    if cell.claimed is not None:
        claimed = _range(*cell.claimed, _D)
    met, missed = cell.count("confirmed"), cell.count("contradicted")
    counts: Value | Label = Label("answer.none")
    if met + missed:
        counts = Label("cell.met_of", (("n", number(met, _D)), ("of", number(met + missed, _D))))
    return Row(
        Label(f"claim_column.{cell.column}"),
        (
            _says(cell),
            term(f"claim.{cell.verdict}", _D, _where(cell)),
            claimed,
            _published_of(cell),
            counts,
            _predicted_of(cell),
        ),
        group=Label(_row_name(name, cell.row)),
        anchor=f"{cell.row}-{cell.column}",
    )


def _line_row(cell: Cell, one: Line, name: str) -> Row:
    lies = term(f"claim_lies.{one.inside}", _D) if one.inside else Label("answer.none")
    return Row(
        _what(one),
        (
            Label("answer.none") if one.published is None else _range(*one.published, _S),
            _predicted(one),
            lies,
            term(f"claim.{one.verdict}", _D),
            code(one.target, _S) if one.target else Label("answer.none"),
        ),
        one.technique,
        Label(
            "row.claimed_cell",
            (
                ("row", term(_row_name(name, cell.row), _S)),
                ("column", term(f"claim_column.{cell.column}", _S)),
                ("text", _says(cell)),
            ),
        ),
    )


def _pair_row(one: Pair) -> Row:
    slow, fast = one.slower, one.faster
    share = one.p_claimed
    chance: Value | Label = Label("answer.none")
    if share is not None:
        chance = number(_fraction(share) * HUNDRED, _D, "percent")
    published: tuple[Value | Label, ...] = (Label("answer.none"),) * 2
    if slow.published is not None and fast.published is not None:
        published = (_range(*slow.published, _S), _range(*fast.published, _S))
    args = (("work", code(_work(slow), _D)), ("era", code(slow.era, _S)))
    return Row(
        Label("row.work_era", args),
        (
            technique_value(slow.technique),
            technique_value(fast.technique),
            *published,
            chance,
            term(f"claim.{one.verdict}", _D),
        ),
    )


def _row_name(name: str, row: str) -> str:
    return f"compared.{row}" if name == T622 else f"benchmark.{row}"


def _says(cell: Cell) -> Value:
    """The cell as the source prints it."""
    if cell.unit:
        return number(int(cell.text), _S, cell.unit, where=_where(cell))
    return Value(cell.text, _S, Form.CODE, where=_where(cell))


def _what(one: Line) -> Label:
    return Label(
        "row.work_technique_era",
        (
            ("work", code(_work(one), _D)),
            ("technique", technique_value(one.technique)),
            ("era", code(one.era, _S)),
        ),
    )


def _work(one: Line) -> str:
    return " ".join([one.mix, *(f"{key}={value}" for key, value in one.params.items())])


def _answered(one: Line) -> bool:
    return one.published is not None or one.ratio is not None


def _predicted(one: Line) -> Value | Label:
    found = one.predicted
    if found is None:
        return Label("answer.none")
    median, low, high = (_ratio(x, _D) for x in (found.median, found.p5, found.p95))
    if low.raw == high.raw:
        return median
    return Label("cell.median_range", (("median", median), ("low", low), ("high", high)))


def _published_of(cell: Cell) -> Value | Label:
    found = [one.published for one in cell.lines if one.published is not None]
    if not found or cell.claimed is None:
        return Label("answer.none")
    return _range(min(low for low, _ in found), max(high for _, high in found), _S)


def _predicted_of(cell: Cell) -> Value | Label:
    found = [one.predicted.median for one in cell.lines if one.predicted is not None]
    if not found or cell.claimed is None:
        return Label("answer.none")
    return _range(min(found), max(found), _D)


def _range(low: float, high: float, basis: Basis) -> Value | Label:
    if high == FAR:
        return Label("bound.at_least", (("n", _ratio(low, basis)),))
    least, most = _ratio(low, basis), _ratio(high, basis)
    if least.raw == most.raw:
        return least
    return Label("cell.range", (("low", least), ("high", most)))


def _ratio(value: float, basis: Basis) -> Value:
    return number(_fraction(value), basis, digits=2)


def _values(cells: Sequence[Cell]) -> dict[str, Value]:
    """How many cells have which verdict, and each cell's own."""
    found: dict[str, Value] = {"cells": number(len(cells), _D)}
    for one in VERDICTS:
        found[one] = number(sum(cell.verdict == one for cell in cells), _D)
    held = [one for cell in cells for one in cell.lines if cell.claimed is not None]
    found["published"] = number(sum(one.published is not None for one in held), _D)
    found["published_inside"] = number(sum(one.verdict == "confirmed" for one in held), _D)
    found["noise"] = number(_fraction(NOISE) * HUNDRED, Basis.JUDGED, "percent")
    for cell in cells:
        key = f"{cell.row}.{cell.column}"
        found[key] = term(f"claim.{cell.verdict}", _D)
        found[f"{key}.says"] = _says(cell)
        for one in VERDICTS:
            found[f"{key}.{one}"] = number(cell.count(one), _D)
        found |= _ends(key, cell)
    return found


def _ends(key: str, cell: Cell) -> dict[str, Value]:
    """Least and greatest of what a cell with figures is held against."""
    if cell.claimed is None:
        return {}
    published = [x for one in cell.lines if one.published for x in one.published if x != FAR]
    predicted = [one.predicted.median for one in cell.lines if one.predicted is not None]
    return {
        f"{key}.{kind}_{end}": _ratio(pick(found), basis)
        for kind, found, basis in (("published", published, _S), ("predicted", predicted, _D))
        if found
        for end, pick in (("low", min), ("high", max))
    }


def _summary(values: dict[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple((key, values[key]) for key in ("cells", *VERDICTS))


def _rule() -> Label:
    noise = number(_fraction(NOISE) * HUNDRED, Basis.JUDGED, "percent")
    return Label("note.claim_rule", (("noise", noise),))


def _left_out(cells: Sequence[Cell]) -> Label:
    """How many questions have neither a prediction nor a published figure."""
    missing = sum(cell.count("no_cost") for cell in cells)
    return Label("note.claim_left_out", (("n", number(missing, _D)),))


def _sources(cells: Sequence[Cell]) -> tuple[str, ...]:
    found = {key for cell in cells for one in cell.lines for key in one.sources}
    return ("SRC", *sorted(found))


def _where(cell: Cell) -> tuple[str, ...]:
    return (f"SRC {cell.id} L{cell.line}",)


def _fraction(value: float) -> Fraction:
    return Fraction(round(value * MILLION), MILLION)
