"""Page walks counted entry by entry, for every depth of the guest's and the nested tables."""

from __future__ import annotations

import pytest

from virtdocs.experiments.walk_grid import DEPTHS, native_walk, nested_walk

PAIRS = [(n, m) for n in DEPTHS for m in DEPTHS]


@pytest.mark.parametrize(("guest", "nested"), PAIRS)
def test_a_cold_walk_reads_n_plus_1_times_m_plus_1_less_1_entries(guest: int, nested: int) -> None:
    assert nested_walk(guest, nested).count == (guest + 1) * (nested + 1) - 1


@pytest.mark.parametrize("levels", DEPTHS)
def test_without_nesting_a_walk_reads_one_entry_a_level(levels: int) -> None:
    assert native_walk(levels) == levels


@pytest.mark.parametrize(("guest", "nested"), PAIRS)
def test_each_guest_table_is_found_by_a_whole_nested_walk_and_so_is_the_page(
    guest: int, nested: int
) -> None:
    down = list(range(nested, 0, -1))
    expected = [(own, level) for own in range(guest) for level in (*down, 0)]
    expected += [(guest, level) for level in down]
    assert list(nested_walk(guest, nested).references) == expected


SIDES = [(True, False), (False, True), (True, True)]
LARGE_PAIRS = [(n, m) for n, m in PAIRS if n > 1 and m > 1]


@pytest.mark.parametrize(("guest_large", "nested_large"), SIDES)
@pytest.mark.parametrize(("guest", "nested"), LARGE_PAIRS)
def test_a_large_page_takes_a_level_from_its_side_and_the_rest_is_walked_as_ever(
    guest: int, nested: int, guest_large: bool, nested_large: bool
) -> None:
    walk = nested_walk(guest, nested, guest_large=guest_large, nested_large=nested_large)
    n, m = guest - guest_large, nested - nested_large
    assert (walk.guest_levels, walk.nested_levels) == (n, m)
    assert walk.count == (n + 1) * (m + 1) - 1
    assert walk.references == nested_walk(n, m).references


@pytest.mark.parametrize("levels", DEPTHS[1:])
def test_a_large_page_without_nesting_is_found_a_level_earlier(levels: int) -> None:
    assert native_walk(levels, large=True) == levels - 1
