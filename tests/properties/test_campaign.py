"""A campaign that was cut off goes on where it was, and says so."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.properties.campaign import EVERY, Campaign

COUNT = 4 * EVERY + 7


class Cut(Exception):
    """The power went."""


def one(seed: int) -> tuple[Counter[str], list[str]]:
    return Counter({"guests": 1, "sum": seed}), [f"seed {seed}"] if seed == 60 else []


def until_cut(seed: int) -> tuple[Counter[str], list[str]]:
    if seed == 2 * EVERY + 10:
        raise Cut
    return one(seed)


def test_after_a_cut_it_goes_on_and_counts_nothing_twice(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(Cut):
        Campaign("c", COUNT, until_cut, "k", tmp_path).run(said.append)
    again = Campaign("c", COUNT, one, "k", tmp_path)
    again.run(said.append)
    assert f"c: going on at seed {2 * EVERY}" in said
    assert again.tally == {"guests": COUNT, "sum": sum(range(COUNT))}
    assert again.wrong == ["seed 60"]


def test_another_engine_starts_anew(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(Cut):
        Campaign("c", COUNT, until_cut, "old", tmp_path).run(said.append)
    again = Campaign("c", COUNT, one, "new", tmp_path)
    again.run(said.append)
    assert "c: engine or generator changed, starting anew" in said
    assert again.tally["guests"] == COUNT


def test_at_the_end_the_figures_stay_and_the_next_run_is_a_whole_one(tmp_path: Path) -> None:
    Campaign("c", COUNT, one, "k", tmp_path).run(lambda _: None)
    kept = json.loads((tmp_path / "c.done.json").read_text())
    assert (kept["done"], kept["tally"]["guests"]) == (COUNT, COUNT)
    again = Campaign("c", COUNT, one, "k", tmp_path)
    assert again.done == 0
    again.run(lambda _: None)
    assert again.tally["guests"] == COUNT


def test_progress_says_how_far_how_wrong_and_how_long(tmp_path: Path) -> None:
    said: list[str] = []
    Campaign("c", COUNT, one, "k", tmp_path).run(said.append)
    assert said[0].startswith(f"c: {EVERY} of {COUNT} seeds, 0 wrong, ")
    assert f"c: {2 * EVERY} of {COUNT} seeds, 1 wrong" in said[1]
