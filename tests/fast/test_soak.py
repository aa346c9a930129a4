"""The random guests of ``tests/properties`` on both cores, all of them: seeded and resumable."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.fast.compare import SOON, ran, unequal
from tests.properties.campaign import Campaign, sources
from tests.properties.random_guest import random_guest
from virtdocs.experiments.techniques import technique

TECHNIQUES = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested")
GUESTS = 10_000
BUDGET = 3_000
LEAST_TRANSLATED = 0.2  # of all instructions: else equality says nothing


def compare(seed: int) -> tuple[Counter[str], list[str]]:
    """One guest under all techniques: counts, and what the cores do not agree on."""
    guest = random_guest(seed)
    tally, wrong = Counter({"guests": 1}), []
    for name in TECHNIQUES:
        preset = replace(technique(name, guest.vendor), levels=guest.levels)
        one, other = (
            ran(preset, guest.program, hot=hot, vendor=guest.vendor, budget=BUDGET)
            for hot in (None, SOON)
        )
        wrong += [f"seed {seed} under {name}: {key}" for key in unequal(one, other)]
        tally["comparisons"] += 1
        tally["instructions"] += other.board.retired
        tally["translated"] += other.board.translated
    return tally, wrong


def test_a_guest_that_differs_would_be_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign finds a core that loses an instruction."""
    from virtdocs.machine.board import Board

    def forgetful(board: Board, count: int) -> None:
        board.retired += count
        board.agenda.now += count - 1

    assert compare(3)[1] == []
    monkeypatch.setattr(Board, "retire_translated", forgetful)
    assert any("virtual time" in line for line in compare(3)[1])


@pytest.mark.soak
def test_ten_thousand_random_guests(capsys: pytest.CaptureFixture[str]) -> None:
    campaign = Campaign("fast_core", GUESTS, compare, sources())
    with capsys.disabled():
        campaign.run(print)
        print(dict(campaign.tally))
    assert not campaign.wrong, campaign.wrong[:20]
    assert campaign.tally["translated"] > LEAST_TRANSLATED * campaign.tally["instructions"]
