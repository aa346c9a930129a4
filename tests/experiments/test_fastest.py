"""The map of the fastest technique: chances that sum to one, and winners that follow from costs."""

from __future__ import annotations

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import build
from virtdocs.experiments import fastest
from virtdocs.experiments.exits import orders
from virtdocs.experiments.fastest import compared, native_walk, place, walk_factor
from virtdocs.experiments.uncertainty import spread


def test_only_what_an_era_has_costs_for_is_compared() -> None:
    for era in ("xen-2003", "p4-2006"):
        found = compared(era)
        assert len(found.found) >= 2
        assert not {one.technique for one in found.found} & set(found.left)
        assert all(set(one.cycles) == set(found.axes) for one in found.found)


def test_a_guest_that_nobody_ported_runs_under_no_hypercall() -> None:
    found = compared("p4-2006", "unmodified")
    assert [one.technique for one in found.found] == ["bt", "hw_shadow"]


@pytest.mark.parametrize(
    ("calls", "writes", "winner"), [(10**6, 100, "hw_shadow"), (100, 10**6, "bt")]
)
def test_the_first_vt_x_wins_on_system_calls_and_loses_on_page_tables(
    calls: int, writes: int, winner: str
) -> None:
    found = place("p4-2006", {"syscalls": calls, "page_table_writes": writes}, "unmodified")
    assert found.winner == winner
    assert found.probability > 0.95
    assert sum(found.chances.values()) == pytest.approx(1)


def test_a_tie_is_shared() -> None:
    found = place("p4-2006", {"tlb_misses": 1000}, "unmodified")  # both walk one table, as natively
    assert found.chances == {"bt": 0.5, "hw_shadow": 0.5}


def test_only_the_ratios_of_rates_decide() -> None:
    few, many = (
        place("p4-2006", {"syscalls": 20 * n, "page_table_writes": n}, "unmodified")
        for n in (100, 10_000)
    )
    assert few.chances == pytest.approx(many.chances)


def test_a_nested_walk_costs_more_than_a_native_one() -> None:
    low, high = native_walk()
    least, most = walk_factor()
    assert 1 < least <= most
    extra = spread(fastest.nested_walk())
    assert low * (least - 1) < extra.median < high * (most - 1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"across": "syscalls", "up": "syscalls"}, "across and up are both syscalls"),
        ({"across": "syscall"}, "Did you mean syscalls"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_one_clear_line(params: dict[str, str], message: str) -> None:
    with pytest.raises(VirtdocsError, match=message):
        build("fastest", params)


def test_cheaper_exits_turned_the_order_on_page_tables_around_and_not_on_system_calls() -> None:
    found = {(one.era, one.work): one.p_hardware for one in orders()}
    assert found["p4-2006", "pte_churn"] < 0.05
    assert found["p4-2006", "pte_churn"] < found["kvm-2012", "pte_churn"]
    assert found["kvm-2012", "pte_churn"] < found["kvm-2020", "pte_churn"]
    assert {found[era, "syscall"] for era, work in found if work == "syscall"} == {1.0}
