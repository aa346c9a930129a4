"""Verdicts over the source document's cells follow from their rules, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.predict import predict
from virtdocs.experiments.source_claims import (
    COLUMNS_7_4,
    ENTRIES,
    VERDICTS,
    Cell,
    Line,
    Pair,
    Range,
    belongs,
    cells_6_2_2,
    cells_7_4,
)
from virtdocs.experiments.source_document import COLUMNS, ComparedRow, table_6_2_2, table_7_4
from virtdocs.experiments.targets import targets
from virtdocs.experiments.techniques import technique

ROW = ComparedRow("cpu", "T6.2.2-r1", 411, "overhead", "cpu", {"bt": "10~30%"}, ())


def a_line(published: Range | None = None, ratio: float | None = None, **more: Any) -> Line:
    samples = None if ratio is None else (ratio,) * 4
    target = "x" if published else ""
    line = Line("spec_cpu", {}, "bt", "p4-2006", samples, "", published, target, ("AA06",))
    given: dict[str, Any] = {"claimed": (1.1, 1.3), **more}
    return replace(line, **given)


@pytest.mark.parametrize(
    ("reads", "text", "ratio"),
    [
        ("overhead", "10~30%", (Fraction(110, 100), Fraction(130, 100))),
        ("of_native", "70~80%", (Fraction(100, 80), Fraction(100, 70))),
    ],
)
def test_a_cell_is_read_as_a_ratio_of_times(
    reads: str, text: str, ratio: tuple[Fraction, Fraction]
) -> None:
    assert replace(ROW, reads=reads, cells={"bt": text}).ratio("bt") == ratio


def test_a_cell_that_is_no_range_is_one_clear_line() -> None:
    with pytest.raises(VirtdocsError, match=r"T6\.2\.2-r1: '10%' is no range of percentages"):
        replace(ROW, cells={"bt": "10%"}).ratio("bt")


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (a_line((1.2, 1.2)), "confirmed"),
        (a_line((1.31, 1.5)), "confirmed"),  # within what figures can't tell apart
        (a_line((1.4, 1.5)), "contradicted"),
        (a_line((1.0, 1.0), ratio=1.2), "contradicted"),  # a prediction saves no cell
        (a_line(ratio=1.2), "unsupported"),
        (a_line(ratio=9.0), "unsupported"),  # and breaks none
        (a_line(), "no_cost"),
    ],
)
def test_the_verdict_of_a_line(line: Line, verdict: str) -> None:
    assert line.verdict == verdict


@pytest.mark.parametrize(
    ("ratio", "lies"), [(1.2, "inside"), (1.0, "outside"), (None, ""), (1.31, "inside")]
)
def test_where_a_prediction_lies(ratio: float | None, lies: str) -> None:
    assert a_line(ratio=ratio).inside == lies


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([a_line((1.2, 1.2)), a_line((1.4, 1.4))], "contradicted"),
        ([a_line((1.2, 1.2)), a_line(ratio=2.0)], "confirmed"),
        ([a_line(ratio=2.0), a_line()], "unsupported"),
        ([a_line()], "no_cost"),
        ([], "no_cost"),
    ],
)
def test_one_figure_outside_contradicts_a_cell(lines: list[Line], verdict: str) -> None:
    assert Cell("cpu", "bt", "T", 1, "10~30%", (1.1, 1.3), tuple(lines)).verdict == verdict


@pytest.mark.parametrize(
    ("slow", "fast", "verdict"),
    [
        ((2.0, 2.0), (1.0, 1.0), "confirmed"),
        ((1.0, 1.0), (2.0, 2.0), "contradicted"),
        ((1.01, 1.01), (1.0, 1.0), "contradicted"),  # a claimed difference that nobody measured
        ((2.0, 2.0), None, "unsupported"),
    ],
)
def test_a_pair_is_judged_by_the_published_order(
    slow: Range, fast: Range | None, verdict: str
) -> None:
    pair = Pair(a_line(slow, ratio=1.0), a_line(fast, ratio=3.0))
    assert pair.verdict == verdict
    assert pair.p_claimed == 0.0


@pytest.mark.parametrize(
    ("name", "era", "axis", "column"),
    [
        ("kvm_virtio", "kvm-2012", "cpu", "hw"),  # virtio changes the devices, not the CPU
        ("kvm_virtio", "kvm-2012", "io", "para"),
        ("kvm_emulated", "kvm-2012", "io", "hw"),
        ("workstation", "xen-2003", "cpu", "bt"),
        ("xen_pv32", "xen-2003", "io", "para"),
        ("hw_shadow", "p4-2006", "cpu", "hw"),
    ],
)
def test_a_technique_stands_in_one_column(name: str, era: str, axis: str, column: str) -> None:
    preset = technique(name, era_name=era)
    assert [one for one in COLUMNS if belongs(preset, one, axis)] == [column]


def test_every_cell_of_both_tables_is_there_with_its_place_in_the_source() -> None:
    cells = {(cell.id, cell.column) for cell in cells_6_2_2()}
    assert cells == {(row.id, column) for row in table_6_2_2() for column in COLUMNS}
    cells = {(cell.id, cell.column) for cell in cells_7_4()}
    assert cells == {(row.id, column) for row in table_7_4().rows for column, *_ in COLUMNS_7_4}
    assert {cell.verdict for cell in (*cells_6_2_2(), *cells_7_4())} <= set(VERDICTS)


def test_every_published_figure_is_one_of_the_frozen_list() -> None:
    known = {target.id for target in targets()}
    used = {line.target for cell in cells_6_2_2() for line in cell.lines if line.target}
    assert used
    assert used <= known


def test_nothing_stands_beside_a_cell_whose_entries_into_the_monitor_have_no_cost() -> None:
    cells = (*cells_6_2_2(), *cells_7_4())
    asked = [line for cell in cells for line in cell.lines if not line.target]
    assert asked
    for line in asked:
        if line.ratio is None:
            assert line.missing
            continue
        unpriced = predict(line.mix, line.technique, line.era, line.params).unpriced
        assert not [one for one in unpriced if one.partition(".")[0] in ENTRIES]
