"""A comparison of the source document's, row by row: what it says, what was found, the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

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
    technique_label,
    technique_value,
    term,
    terms,
)
from virtdocs.views.workings import events, made_of

if TYPE_CHECKING:
    from virtdocs.experiments.comparisons import Finding
    from virtdocs.experiments.comparisons.model import Cell, Figure
    from virtdocs.experiments.source_comparisons import ClaimedRow
    from virtdocs.experiments.workings import Counted

SAYINGS = ("first", "second")  # of a row, in the order of the source's columns
VERDICTS = ("holds", "partly", "not", "outdated")


def table(
    name: str,
    found: Sequence[Finding],
    claimed: Sequence[ClaimedRow],
    limits: Mapping[str, Fraction],
    kinds: Mapping[str, str],
    eras: Mapping[str, str],
    work: Mapping[tuple[str, str, str], Sequence[Counted]],
) -> ViewBundle:
    """A row for each of the source's, a column for each technique.

    ``limits``: percentages that the rules name; ``kinds``: what the source files a technique
    under, empty where it does not; ``eras``: those of the costs; ``work``: the events of what
    was priced, by workload, technique and era.
    """
    by_row = {one.row: one for one in claimed}
    techniques = tuple(found[0].cells)
    rows = tuple(_row(name, one, by_row[one.row], limits) for one in found)
    summary = _summary(found)
    cells = [cell for one in found for cell in one.cells.values()]
    costs = sorted({key for cell in cells for key in cell.costs})
    notes = [Label("note.claim_types" if kinds else "note.claim_sides")]
    if costs:
        notes.append(Label("note.claim_priced", (("era", code(eras["era"], Basis.DERIVED)),)))
        if any(key.endswith("_then") for cell in cells for key in cell.figures):
            then = ("first_era", code(eras["first_era"], Basis.DERIVED))
            notes.append(Label("note.claim_first_era", (then,)))
        left = sorted({kind for cell in cells for kind in cell.unpriced})
        if left:
            events = terms(tuple(f"left_out.{kind}" for kind in left), Basis.DERIVED)
            notes.append(Label("note.claim_unpriced", (("events", events),)))
    return ViewBundle(
        caption=Label(f"caption.{name}"),
        alt=Label("alt.comparison", tuple(summary.items())),
        view=Table(
            Label("column.claim"),
            (*(_column(one, kinds) for one in techniques), Label("column.claim_verdict")),
            rows,
            tuple(notes),
            dense=True,
        ),
        values={**_values(found), **summary},
        sources=tuple(dict.fromkeys(("SRC", *(k for cell in cells for k in cell.sources), *costs))),
        priced=bool(costs),
        inputs=_inputs(work) if work else None,
    )


def _inputs(work: Mapping[tuple[str, str, str], Sequence[Counted]]) -> Inputs:
    """Formula, counts of one operation, and each cost that went in."""
    rows = tuple(
        Row(
            code(workload, Basis.DERIVED),
            (technique_value(technique), code(era, Basis.SOURCED), events(counts)),
        )
        for (workload, technique, era), counts in work.items()
    )
    columns = tuple(Label(f"column.{key}") for key in ("technique", "era", "counts_of_one"))
    counts = Table(Label("column.work"), columns, rows)
    costs = ((era, cost) for (*_, era), some in work.items() for one in some for cost in one.costs)
    return made_of(("operation",), counts, costs)


def _column(technique: str, kinds: Mapping[str, str]) -> Label:
    if technique not in kinds:
        return technique_label(technique)
    return Label(f"column.{kinds[technique]}", (("technique", technique_value(technique)),))


def _row(name: str, one: Finding, claim: ClaimedRow, limits: Mapping[str, Fraction]) -> Row:
    said = zip(SAYINGS, claim.says, strict=False)
    quotes = tuple(
        (key, Value(text, Basis.SOURCED, Form.CODE, where=(claim.where,))) for key, text in said
    )
    basis = Basis(one.basis)
    verdict = (
        ("verdict", term(f"claim_verdict.{one.verdict}", basis)),
        *((key, number(limit, basis, "percent")) for key, limit in limits.items()),
    )
    return Row(
        Label(f"claim.{name}.{one.row}", quotes),
        (
            *(_cell(cell) for cell in one.cells.values()),
            Label(f"claim_rule.{name}.{one.row}", verdict),
        ),
        anchor=one.row,
    )


def _cell(cell: Cell) -> Label:
    """The figures in the words of the cell's form."""
    args = tuple((key, _value(figure, cell)) for key, figure in cell.figures.items())
    return Label(f"found.{cell.form}", args)


def _value(figure: Figure, cell: Cell) -> Value:
    basis = Basis(cell.basis)
    if isinstance(figure.raw, str):
        return code(figure.raw, basis)
    if not isinstance(figure.raw, tuple):
        return number(figure.raw, basis, figure.unit, figure.digits, where=cell.sources)
    if len(figure.raw) == 1:
        return term(figure.raw[0], basis, cell.sources)
    return terms(figure.raw, basis)


def _values(found: Sequence[Finding]) -> dict[str, Value]:
    """Every figure as ROW.TECHNIQUE.FIGURE, and every verdict as ROW.verdict."""
    values = {
        f"{one.row}.{technique}.{key}": _value(figure, cell)
        for one in found
        for technique, cell in one.cells.items()
        for key, figure in cell.figures.items()
    }
    return values | {
        f"{one.row}.verdict": term(f"claim_verdict.{one.verdict}", Basis(one.basis))
        for one in found
    }


def _summary(found: Sequence[Finding]) -> dict[str, Value]:
    """How many rows there are, and how many of each verdict."""
    counts = Counter(str(one.verdict) for one in found)
    return {
        "rows": number(len(found), Basis.DERIVED),
        **{verdict: number(counts[verdict], Basis.DERIVED) for verdict in VERDICTS},
    }
