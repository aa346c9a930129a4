"""What a cache of page walks brings, from the entries that are read with and without it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.models import walks
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import record
from virtdocs.experiments.run import run
from virtdocs.experiments.uncertainty import DRAWS, spread

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
    def published(mix: object, params: object, nested: bool):
        return (opportunity,) * DRAWS, (factor if nested else 1.0,) * DRAWS, "BHARGAVA08"

    def read(entries: int, name: str, era: str) -> float:
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


@pytest.mark.parametrize(("mix", "entries"), [("tlb_walks", 513), ("walk_cache", 0)])
def test_a_wrong_size_is_refused(mix: str, entries: int) -> None:
    with pytest.raises(VirtdocsError, match=f"walk_cache={entries} is not between"):
        predict(mix, "hw_nested", ERA, {"walk_cache": entries})
