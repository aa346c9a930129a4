"""Equivalence: a random guest ends in the same state, at the same time, under every monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.properties import figures
from tests.properties.campaign import Campaign, sources
from tests.properties.equality import FAST, MONITORS, differences, explain, run_under
from tests.properties.random_guest import RandomGuest, random_guest
from virtdocs.trace import EventKind

SAMPLE = 500
SOAK = 10_000
PARTS = 5
EMULATION_EVERY = 5  # full emulation and the fast core run some of the guests
FAST_EVERY = 10
MISSING = 4  # instructions that a part may leave out; all parts together, and soak, leave out none


def compare(seed: int) -> tuple[Counter[str], list[str]]:
    """One guest under all techniques: counts, and the seed with what differs."""
    guest = random_guest(seed)
    native = run_under(guest, "native")
    faults = native.faults()
    tally = Counter(
        {
            "guests": 1,
            "faults": faults,
            "faulting": int(faults > 0),
            "instructions": native.machine.board.retired,
            "interrupts": native.machine.trace.total(EventKind.IRQ),
            f"{figures.ENDED}{native.outcome.kind}": 1,
            **{figures.RAN + name: 1 for name in native.names},
        }
    )
    names = list(MONITORS)
    if seed % EMULATION_EVERY == 0:
        names.append("qemu_tcg")
    if seed % FAST_EVERY == 0:
        names.append(FAST[seed // FAST_EVERY % len(FAST)])
    wrong = [f"seed {seed}: {what}" for name in names for what in differences(guest, native, name)]
    tally["comparisons"] = len(names)
    return tally, wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_a_random_guest_cannot_tell_who_runs_it(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    total: Counter[str] = Counter()
    for seed in range(part * SAMPLE // PARTS, (part + 1) * SAMPLE // PARTS):
        tally, wrong = compare(seed)
        total.update(tally)
        assert not wrong, explain(random_guest(seed), wrong)
    record_property("random guests", dict(total))
    assert len(figures.missing(total)) <= MISSING
    assert total["faulting"] > 0.9 * total["guests"]
    assert {f"{figures.ENDED}{kind}" for kind in ("halted", "hung", "fault")} <= set(total)


@pytest.mark.soak
def test_ten_thousand_random_guests_cannot_tell(capsys: pytest.CaptureFixture[str]) -> None:
    campaign = Campaign("random_guests", SOAK, compare, sources())
    with capsys.disabled():
        campaign.run(print)
        print(*figures.of_random_guests(campaign.tally), sep="\n")
    assert not campaign.wrong, campaign.wrong[:20]
    assert figures.missing(campaign.tally) == []


def test_the_same_seed_gives_the_same_guest() -> None:
    assert random_guest(7) == random_guest(7)
    assert random_guest(7).program != random_guest(8).program


def test_a_shrunk_guest_keeps_what_is_wrong_and_little_else() -> None:
    """Wrong here: the guest executes wbinvd."""

    def wrong(guest: RandomGuest) -> bool:
        return "wbinvd" in run_under(guest, "native").names

    seed = next(seed for seed in range(100) if wrong(random_guest(seed)))
    shrunk = explain(random_guest(seed), [], wrong)
    assert "wbinvd" in shrunk
    assert shrunk.count("\n") < 40
