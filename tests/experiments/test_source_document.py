"""The source document's own numbers, recomputed from the rows that it prints."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.experiments import means
from virtdocs.experiments.ethernet import tcp_payload_rate
from virtdocs.experiments.source_document import step_counts, table_7_4


@pytest.mark.parametrize(
    ("row", "gain"),
    [
        ("cpu", Fraction(200, 95)),
        ("memory", Fraction(400, 92)),
        ("network", Fraction(11000, 810)),
        ("disk", Fraction(170000, 7500)),
        ("mysql", Fraction(80000, 3800)),
    ],
)
def test_a_gain_is_para_over_full_in_percent(row: str, gain: Fraction) -> None:
    assert {one.key: one.gain for one in table_7_4().rows}[row] == gain


def test_the_stated_range_holds_for_no_row_and_includes_its_ends() -> None:
    table = table_7_4()
    assert [row.key for row in table.rows if table.in_claimed_range(row.gain)] == []
    assert table.in_claimed_range(Fraction(15))
    assert table.in_claimed_range(Fraction(20))
    assert not table.in_claimed_range(Fraction(2001, 100))


@pytest.mark.parametrize(
    ("mean", "shown"),
    [
        (means.arithmetic, "12.75"),
        (means.geometric, "12.44"),
        (means.harmonic, "12.12"),
        (means.median, "13.58"),
    ],
)
def test_no_mean_of_the_five_rows_lies_in_the_stated_range(mean: object, shown: str) -> None:
    ratios = [1 + row.gain / 100 for row in table_7_4().rows]
    assert callable(mean)
    assert f"{float(mean(ratios) - 1) * 100:.2f}" == shown


@pytest.mark.parametrize(
    ("ratios", "median"),
    [([3, 1, 2], 2), ([4, 1, 2, 3], Fraction(5, 2)), ([7], 7)],
)
def test_a_median_is_the_middle_or_the_mean_of_two(
    ratios: list[int], median: int | Fraction
) -> None:
    assert means.median([Fraction(one) for one in ratios]) == median


def test_means_of_unequal_numbers_keep_their_order() -> None:
    ratios = [Fraction(1), Fraction(2), Fraction(4)]
    assert means.geometric(ratios) == 2
    assert means.harmonic(ratios) < means.geometric(ratios) < means.arithmetic(ratios)


@pytest.mark.parametrize(
    ("timestamps", "payload", "shown"), [(False, 1460, "949.28"), (True, 1448, "941.48")]
)
def test_a_gigabit_link_carries_at_most_the_payload_share_of_full_frames(
    timestamps: bool, payload: int, shown: str
) -> None:
    rate = tcp_payload_rate(1000, timestamps=timestamps)
    assert rate == Fraction(1000 * payload, 1538)
    assert f"{float(rate):.2f}" == shown


@pytest.mark.parametrize(
    ("key", "boxes", "arrows", "claimed"),
    [
        ("flow_full", 8, 7, 7),
        ("flow_para", 6, 5, 5),
        ("list_full", 6, 5, None),
        ("list_para", 4, 3, None),
        ("chain_full", 5, 4, None),
        ("chain_para", 4, 3, None),
    ],
)
def test_the_document_counts_the_same_work_in_six_ways(
    key: str, boxes: int, arrows: int, claimed: int | None
) -> None:
    one = {one.key: one for one in step_counts()}[key]
    assert (one.boxes, one.arrows, one.claimed) == (boxes, arrows, claimed)
