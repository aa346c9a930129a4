"""The record of the engine's speed, and the targets beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments import speed as module
from virtdocs.experiments.asked import Target
from virtdocs.experiments.bench import BARE, KERNELS, VM, WORKLOADS
from virtdocs.experiments.speed import OWN, PEER, speed, targets


def test_the_record_has_what_bench_measures() -> None:
    found = speed()
    assert set(found.kernels[OWN]) == set(KERNELS)
    for technique in (BARE, VM):
        assert {one.name for one in found.workloads if one.technique == technique} == set(WORKLOADS)
    assert sum(found.exit_parts.values()) == pytest.approx(1, abs=0.01)
    assert list(found.exit_parts.values()) == sorted(found.exit_parts.values(), reverse=True)
    assert found.exhibits["count"] > 0


def test_a_target_is_met_on_its_own_side() -> None:
    cases = [(5, 5.1, False, True), (5, 4.9, False, False), (1.5, 1.4, True, True),
             (1.5, 1.6, True, False)]  # fmt: skip
    for asked, measured, at_most, met in cases:
        assert Target("x", asked, measured, "us", at_most).met is met


def test_targets_follow_the_record() -> None:
    found = speed()
    by_name = {one.name: one for one in targets(found)}
    assert by_name["alu_peer"].measured == found.kernels[OWN]["alu"] / found.kernels[PEER]["alu"]
    slower = replace(found, us_per_exit=found.us_per_exit * 2)
    assert {one.name: one for one in targets(slower)}["exit"].measured == 2 * found.us_per_exit


def test_a_workload_that_was_not_measured_is_named() -> None:
    with pytest.raises(UnknownName, match="tea"):
        speed().workload("tea", VM)


def test_a_record_that_is_missing_or_cut_short_says_what_writes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speed.cache_clear()
    monkeypatch.setattr(module, "FILE", ("data", "measured", "nowhere.toml"))
    with pytest.raises(BadValue, match="make bench"):
        speed()
    monkeypatch.setattr(module, "FILE", ("data", "presets.toml"))
    with pytest.raises(BadValue, match="make bench"):
        speed()
    speed.cache_clear()
