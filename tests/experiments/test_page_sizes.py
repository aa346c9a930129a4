"""What a walk reads and how often the TLB misses, for each page size on either side."""

from __future__ import annotations

import pytest

from virtdocs.experiments.page_sizes import Sizes, page_sizes

OPS = 256
TECHNIQUES = ("native", "hw_shadow", "bt", "xen_pv64", "xen_pvh", "hw_nested")


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str, str | None], Sizes]:
    return {(one.technique, one.guest, one.nested): one for one in page_sizes(TECHNIQUES, OPS)}


@pytest.mark.parametrize(
    ("technique", "guest", "nested", "references", "misses"),
    [
        ("native", "4K", None, 4, True),
        ("native", "2M", None, 3, False),
        ("hw_shadow", "4K", None, 4, True),
        ("hw_shadow", "2M", None, 4, True),
        ("xen_pv64", "4K", None, 4, True),
        ("hw_nested", "4K", "4K", 24, True),
        ("hw_nested", "4K", "2M", 19, True),
        ("hw_nested", "2M", "4K", 19, True),
        ("hw_nested", "2M", "2M", 15, False),
    ],
)
def test_the_length_of_a_walk_follows_each_side_and_its_number_the_smaller_page(
    found: dict[tuple[str, str, str | None], Sizes],
    technique: str,
    guest: str,
    nested: str | None,
    references: int,
    misses: bool,
) -> None:
    one = found[technique, guest, nested]
    assert one.references == references
    assert (one.run.counts_per_op["tlb_miss"] >= 1) is misses


def test_each_choice_that_a_technique_leaves_is_measured_once(
    found: dict[tuple[str, str, str | None], Sizes],
) -> None:
    choices = {name: sum(key[0] == name for key in found) for name in TECHNIQUES}
    assert choices == {
        "native": 2, "hw_shadow": 2, "bt": 2, "xen_pv64": 1, "xen_pvh": 4, "hw_nested": 4,
    }  # fmt: skip


def test_every_choice_gives_the_same_answer(
    found: dict[tuple[str, str, str | None], Sizes],
) -> None:
    assert len({one.run.result_hash for one in found.values()}) == 1
