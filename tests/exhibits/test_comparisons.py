"""The source's five comparisons: every row answered, every cell with its ground, few opinions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.exhibits import Built, build
from virtdocs.experiments.comparisons import TABLES, Finding, findings
from virtdocs.experiments.comparisons.model import JUDGED
from virtdocs.experiments.cost_model import PRICED
from virtdocs.experiments.source_comparisons import claimed_rows
from virtdocs.render import page
from virtdocs.render.catalogue import load
from virtdocs.render.table import basis_of
from virtdocs.views.comparisons import VERDICTS
from virtdocs.views.model import Basis, Table

# Asked of the issue: cells that are run or derived, not quoted and not judged.
ENOUGH = Fraction(3, 4)
NOTES = {"full_weaknesses": "X281", "para_weaknesses": "X369"}
SECTIONS = {
    "type_comparison": "T3.3",
    "full_strengths": "T4.3",
    "full_weaknesses": "T4.4",
    "para_strengths": "T5.4",
    "para_weaknesses": "T5.5",
}
# What no run answers, and an editor has to say.
OPINIONS = {("type_comparison", "r4"), ("type_comparison", "r5")}

CellOf = tuple[str, str, str, str]  # table, row, column, basis


@cache
def shown(name: str) -> Built:
    return build(name, {})


@cache
def found(name: str) -> tuple[Finding, ...]:
    return findings(name)


def view(name: str) -> Table:
    table = shown(name).bundle.view
    assert isinstance(table, Table)
    return table


def cells() -> list[CellOf]:
    """Every cell of the five tables as a reader sees it, verdicts included."""
    return [
        (name, row.anchor, str(column), str(basis_of(cell)))
        for name in TABLES
        for row in view(name).rows
        for column, cell in enumerate(row.cells)
    ]


def share(some: Iterable[CellOf]) -> Fraction:
    """The part of the cells that was run here, or is a formula over such."""
    bases = Counter(basis for *_, basis in some)
    return Fraction(bases["run"] + bases["derived"], bases.total())


def judged(some: Iterable[CellOf]) -> set[tuple[str, str]]:
    return {(name, row) for name, row, _, basis in some if basis == JUDGED}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_comparison_renders_in_every_format(name: str, lang: str) -> None:
    renders_everywhere(shown(name), lang)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_the_source_is_answered_once_in_its_order(name: str) -> None:
    claims = claimed_rows(name)
    assert [one.row for one in found(name)] == [one.row for one in claims]
    expected = [
        NOTES[name] if one.row == "note" else f"{SECTIONS[name]}-{one.row}" for one in claims
    ]
    assert [one.id for one in claims] == expected
    lines = [one.line for one in claims]
    assert lines == sorted(set(lines))


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_shows_what_it_stands_on(name: str) -> None:
    assert {basis for *_, basis in cells()} <= set(Basis)
    without = [
        (row.anchor, column)
        for row in view(name).rows
        for column, cell in enumerate(row.cells)
        if basis_of(cell) is None
    ]
    assert without == []


@pytest.mark.parametrize("name", TABLES)
def test_what_is_quoted_names_its_source_and_day(name: str) -> None:
    for one in found(name):
        for cell in one.cells.values():
            assert bool(cell.sources) is (cell.basis == "sourced")
            assert ("as_of" in cell.figures) is bool(cell.sources)
            assert not cell.sources or cell.figures["as_of"].raw
    quoted = {key for one in found(name) for cell in one.cells.values() for key in cell.sources}
    assert quoted <= set(shown(name).bundle.sources)


def test_three_quarters_of_the_cells_are_run_or_derived_and_two_rows_judged() -> None:
    assert share(cells()) >= ENOUGH
    assert judged(cells()) == OPINIONS
    for name in TABLES:
        of_it = [one for one in cells() if one[0] == name]
        assert share(of_it) >= ENOUGH or name == "type_comparison"


def test_three_quarters_of_the_rows_stand_on_runs_alone() -> None:
    """Counted by row, as a table with more columns must not outweigh the others."""
    rows = [(name, one) for name in TABLES for one in found(name)]
    firm = [one for _, one in rows if one.basis == "derived"]
    assert Fraction(len(firm), len(rows)) >= ENOUGH
    weak = {(name, one.row): one.basis for name, one in rows if one.basis != "derived"}
    assert weak == {
        **dict.fromkeys(OPINIONS, JUDGED),
        ("type_comparison", "r7"): "sourced",
        ("para_weaknesses", "r3"): "sourced",
    }


def test_one_opinion_too_many_is_noticed() -> None:
    """Cell after cell becomes an opinion, until the share falls below what is asked."""
    seeded = cells()
    firm = [n for n, (*_, basis) in enumerate(seeded) if basis in ("run", "derived")]
    spare = len(firm) - -(-3 * len(seeded) // 4)
    assert spare > 0
    for n in firm[:spare]:
        seeded[n] = (*seeded[n][:3], JUDGED)
    assert share(seeded) >= ENOUGH
    seeded[firm[spare]] = (*seeded[firm[spare]][:3], JUDGED)
    assert share(seeded) < ENOUGH
    assert judged(seeded) != OPINIONS


@pytest.mark.parametrize("name", TABLES)
def test_a_verdict_stands_on_the_weakest_of_its_cells(name: str) -> None:
    for one in found(name):
        bases = {cell.basis for cell in one.cells.values()}
        expected = next((b for b in ("judged", "sourced") if b in bases), "derived")
        assert one.basis == expected
        opinion = {key: replace(cell, basis=JUDGED) for key, cell in one.cells.items()}
        assert replace(one, cells=opinion).basis == JUDGED


@pytest.mark.parametrize("name", TABLES)
def test_a_row_can_be_linked_to_in_both_languages(name: str) -> None:
    for lang in ("ko", "en"):
        markup = page.exhibit_html(shown(name), lang, 1, "figure")
        assert all(f'<tr id="figure-{one.row}"' in markup for one in found(name))


@pytest.mark.parametrize("name", TABLES)
def test_the_source_is_quoted_in_its_own_words_in_both_languages(name: str) -> None:
    for lang in ("ko", "en"):
        markup = page.exhibit_html(shown(name), lang, 1, "figure")
        for claim in claimed_rows(name):
            assert all(f"“{saying}”" in markup for saying in claim.says)


def test_the_summary_counts_every_row_once() -> None:
    for name in TABLES:
        values = shown(name).values
        counted = [values[verdict].raw for verdict in VERDICTS]
        assert sum(int(raw) for raw in counted) == values["rows"].raw == len(found(name))


def test_every_verdict_is_named_in_both_languages() -> None:
    for lang in ("ko", "en"):
        assert {f"claim_verdict.{one}" for one in VERDICTS} <= set(load(lang).words)


def test_whatever_has_no_cost_can_be_named_in_both_languages() -> None:
    for lang in ("ko", "en"):
        assert {f"left_out.{kind}" for kind in PRICED} <= set(load(lang).words)


VERDICTS_TODAY = {
    "type_comparison": "partly partly partly partly partly not outdated",
    "full_strengths": "partly holds holds not partly",
    "full_weaknesses": "partly not partly partly partly",
    "para_strengths": "outdated partly partly holds",
    "para_weaknesses": "partly partly outdated partly holds",
}


@pytest.mark.parametrize("name", TABLES)
def test_the_verdicts_are_those_that_the_pages_explain(name: str) -> None:
    assert " ".join(one.verdict for one in found(name)) == VERDICTS_TODAY[name]
