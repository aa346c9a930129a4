"""The record of builds, and the targets beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from virtdocs.errors import BadValue
from virtdocs.experiments import builds as module
from virtdocs.experiments.builds import (
    CASES,
    DRAWING,
    OWN,
    PICTURES,
    PLAIN,
    Builds,
    builds,
    targets,
)

OTHERS = ("markdown-exec", "mkdocs-gen-files", "Sphinx plot_directive", "sphinx-gallery")


def made_up(**own: float) -> Builds:
    """A record in which everybody takes four seconds, and virtdocs what is given, or one."""
    seconds = dict.fromkeys(CASES, 4.0)
    tools = dict.fromkeys((*OTHERS, PLAIN, PICTURES), seconds)
    ours = {case: own.get(case, 1.0) for case in CASES}
    growth = {n: {"cold": 1 + n / 10, "unchanged": 1.0, "plain": 1.0} for n in (10, 50)}
    served = {OWN: own.get("serve", 1.0), PLAIN: 4.0}
    return Builds({}, {OWN: ours, **tools, DRAWING: {"example": 1.0}}, served, growth, {"cold": 9})


@pytest.fixture
def unread() -> Iterator[None]:
    builds.cache_clear()
    yield
    builds.cache_clear()


def test_the_record_has_every_tool_and_case() -> None:
    found = builds()
    assert set(found.others) == set(OTHERS)
    for who in (OWN, PLAIN, PICTURES, *OTHERS):
        assert set(found.tools[who]) == set(CASES), who
    assert set(found.serve) == {OWN, PLAIN}
    assert sorted(found.growth) == [10, 50, 200, 1000]
    assert set(found.whole) == {"cold", "unchanged", "sentence", "engine"}


def test_a_record_has_a_target_for_each_other_tool_and_case() -> None:
    found = targets(made_up())
    assert [one.of for one in found if one.name == "cold_over"] == list(OTHERS)
    assert [one.of for one in found if one.name == "example_over"] == list(OTHERS)
    assert len({(one.name, one.of) for one in found}) == len(found) == 2 * len(OTHERS) + 4
    assert all(one.met and one.at_most for one in found)


@pytest.mark.parametrize(
    ("case", "seconds", "missed"),
    [
        ("cold", 4.1, {"cold_over"}),
        ("unchanged", 4.6, set()),
        ("unchanged", 4.7, {"unchanged_over_plain"}),
        ("sentence", 4.7, {"sentence_over_plain"}),
        ("example", 4.1, {"example_over"}),
        ("example", 6.1, {"example_over", "example_over_plain"}),  # 1.2 times four and one
        ("serve", 4.7, {"serve_over_plain"}),
    ],
)
def test_a_build_that_takes_longer_misses_its_target(
    case: str, seconds: float, missed: set[str]
) -> None:
    found = targets(made_up(**{case: seconds}))
    assert {one.name for one in found if not one.met} == missed


def test_each_further_example_is_what_was_added() -> None:
    assert made_up().per_example(10, 50, "cold") == pytest.approx(0.1)
    assert made_up().per_example(10, 50, "plain") == 0


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("name", ["nowhere.toml", "speed.toml"])
def test_a_record_that_is_missing_or_of_another_kind_says_what_writes_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "FILE", ("data", "measured", name))
    with pytest.raises(BadValue, match="make bench-build"):
        builds()
