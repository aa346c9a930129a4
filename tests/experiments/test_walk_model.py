"""What a cache of page walks brings, from the entries that are read with and without it."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from statistics import geometric_mean

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.mixes import mix
from virtdocs.experiments.models import walks
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import record
from virtdocs.experiments.run import run
from virtdocs.experiments.targets import targets
from virtdocs.experiments.uncertainty import DRAWS, spread
from virtdocs.experiments.validate import predicted

ERA = "kvm-2012"


@pytest.fixture(autouse=True)
def counted_anew():
    walks.read_with.cache_clear()
    yield
    walks.read_with.cache_clear()


def references(technique: str, entries: int) -> Fraction:
    params = {"ops": walks.OPS, "walk_cache": entries}
    events = run(walks.MISSES, technique, era=ERA, params=params).work.events
    return Fraction(events["walk_refs"]) / Fraction(events["tlb_miss"])


@pytest.mark.parametrize(
    ("technique", "without", "least"),
    [("native", 4, 1), ("hw_shadow", 4, 1), ("hw_nested", 24, 2)],
)
def test_a_walk_reads_what_the_literature_counts_and_with_a_cache_its_last_levels(
    technique: str, without: int, least: int
) -> None:
    assert references(technique, 0) == without
    assert references(technique, 512) == least
    share = walks.read_with(512, technique, ERA)
    assert share == pytest.approx(least / without)
    assert walks.read_with(0, technique, ERA) == 1


def test_more_entries_never_read_more() -> None:
    shares = [walks.read_with(n, "hw_nested", ERA) for n in (0, 1, 2, 8, 64)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize(
    ("technique", "entries", "opportunity", "factor", "share", "native_share", "ratio", "gain"),
    [
        # time without: 1 + 0.2 * 5 = 2 over 1.2 natively; a quarter of it left: 1.25 over 1.05
        ("hw_nested", 16, 0.2, 5.0, 0.25, 0.25, 1.25 / 1.05, 2 / 1.25),
        ("hw_nested", 16, 0.2, 5.0, 0.1, 0.25, 1.1 / 1.05, 2 / 1.1),
        # one table: as natively, and a cache brings both the same
        ("hw_shadow", 16, 0.2, 5.0, 0.25, 0.25, 1.0, 1.2 / 1.05),
    ],
)
def test_by_hand_on_made_up_walks(
    technique: str,
    entries: int,
    opportunity: float,
    factor: float,
    share: float,
    native_share: float,
    ratio: float,
    gain: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def published(mix: object, params: object, name: str, era: str):
        times = factor if name == "hw_nested" else 1.0
        return (((opportunity,) * DRAWS, (times,) * DRAWS),)

    def read(entries: int, name: str, era: str, nested_page: str = "4K") -> float:
        return native_share if name == "native" else share

    monkeypatch.setattr(walks, "_published", published)
    monkeypatch.setattr(walks, "read_with", read)
    asked = {"walk_cache": entries}
    assert spread(predict("tlb_walks", technique, ERA, asked).value).median == pytest.approx(ratio)
    assert spread(predict("walk_cache", technique, ERA, asked).value).median == pytest.approx(gain)


@pytest.mark.parametrize("program", ["IntCpu", "MiscServer"])
def test_without_a_cache_the_measured_walk_stands(program: str) -> None:
    found = predict("tlb_walks", "hw_nested", ERA, {"program": program})
    share = record(f"bhargava08.perfect.{program}").number(walks.NATIVE) / 100
    longer = record(f"bhargava08.walk.{program}").number()
    assert found.ratio is not None
    by_hand = (1 + share * longer) / (1 + share)
    assert spread(found.ratio).median == pytest.approx(by_hand, rel=0.01)
    assert "walk_caches" in found.limits


def test_with_a_cache_the_limit_is_that_references_are_alike() -> None:
    found = predict("tlb_walks", "hw_nested", ERA, {"walk_cache": 16})
    assert "alike_references" in found.limits
    assert "walk_caches" not in found.limits
    assert "alike_references" in predict("walk_cache", "hw_nested", ERA).limits


def test_a_cache_brings_more_to_two_dimensions_than_to_one() -> None:
    nested = predict("walk_cache", "hw_nested", ERA)
    one = predict("walk_cache", "hw_shadow", ERA)
    assert all(a > b > 1 for a, b in zip(nested.value, one.value, strict=True))
    assert nested.ratio is None


@pytest.mark.parametrize(
    ("mix", "asked", "said"),
    [
        ("tlb_walks", {"walk_cache": 513}, "walk_cache=513 is not between"),
        ("walk_cache", {"walk_cache": 0}, "walk_cache=0 is not between"),
        ("tlb_walks", {"walk_cache": "3d"}, "walk_cache='3d' is no integer and not 2d"),
        ("tlb_walks", {"nested_page": "2m"}, "nested_page '2m'. Did you mean 2M"),
        ("tlb_walks", {"program": "IntCPU"}, "program 'IntCPU'. Did you mean IntCpu"),
    ],
)
def test_a_wrong_value_is_refused(mix: str, asked: dict[str, str | int], said: str) -> None:
    with pytest.raises(VirtdocsError, match=re.escape(said)):
        predict(mix, "hw_nested", ERA, asked)


def test_large_pages_of_a_monitor_that_has_no_nested_tables_are_refused() -> None:
    with pytest.raises(VirtdocsError, match="hw_shadow has no nested tables"):
        predict("tlb_walks", "hw_shadow", ERA, {"nested_page": "2M"})


def test_nested_entries_of_2_mib_spare_one_entry_in_each_of_five_nested_walks() -> None:
    assert walks.read_with(0, "hw_nested", ERA, "2M") == pytest.approx((24 - 5) / 24)
    found = predict("tlb_walks", "hw_nested", ERA, {"program": "IntCpu", "nested_page": "2M"})
    share = record("bhargava08.perfect.IntCpu").number(walks.NATIVE) / 100
    longer = record("bhargava08.walk.IntCpu").number() * 19 / 24
    assert found.ratio is not None
    by_hand = (1 + share * longer) / (1 + share)
    assert spread(found.ratio).median == pytest.approx(by_hand, rel=0.01)
    assert found.limits == ("walk_caches", "alike_references")


def test_a_cache_named_without_a_size_is_the_one_of_the_mix_of_caches() -> None:
    named, sized = (
        predict("tlb_walks", "hw_nested", ERA, {"walk_cache": size}).value for size in ("2d", 16)
    )
    assert named == sized
    assert mix("walk_cache").params["walk_cache"][0] == 16


def test_of_no_program_in_particular_is_the_geometric_mean_of_all() -> None:
    together = predict("tlb_walks", "hw_nested", ERA).value
    each = [predict("tlb_walks", "hw_nested", ERA, {"program": p}).value for p in walks.PROGRAMS]
    assert len(each) == 5
    for mean, *row in zip(together, *each, strict=True):
        assert mean == pytest.approx(geometric_mean(row))


@pytest.mark.parametrize("change", [{"walk_cache": "2d"}, {"nested_page": "2M"}])
def test_its_own_rival_is_held_against_its_time_without_the_change_not_against_native_s(
    change: dict[str, str | int],
) -> None:
    [target] = [
        one
        for one in targets()
        if one.workload == "tlb_walks" and one.rival and one.params == change
    ]
    samples, fitted, sources = predicted(target)
    times = [predict("tlb_walks", "hw_nested", ERA, params).time for params in ({**change}, {})]
    assert not fitted
    assert sources == ("BHARGAVA08",)
    assert times[0] is not None
    assert times[1] is not None
    expected = [one / other for one, other in zip(*times, strict=True)]
    assert list(samples) == pytest.approx(expected)
    assert all(0 < one < 1 for one in samples)


def test_a_technique_that_is_its_own_rival_wants_something_that_differs() -> None:
    [target] = [one for one in targets() if one.id == "bhargava08.large"]
    with pytest.raises(VirtdocsError, match="with and without what is compared"):
        predicted(replace(target, params={"program": "IntCpu"}))
