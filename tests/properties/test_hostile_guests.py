"""Resource control: no guest, however hostile, reaches what is not its own, and none stops a
monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.properties import figures
from tests.properties.campaign import Campaign, sources
from tests.properties.hostile_guest import TECHNIQUES, hostile_guest
from tests.properties.isolation import BUDGET, attack, damage
from virtdocs.trace import EventKind
from virtdocs.vmm.host import OracleViolation

SAMPLE = 200
SOAK = 2_000


def attempt(seed: int) -> tuple[Counter[str], list[str]]:
    """One hostile guest: counts, and what went wrong."""
    guest = hostile_guest(seed)
    tally = Counter({"guests": 1, f"on:{guest.technique}": 1})
    try:
        attacked = attack(guest)
    except (OracleViolation, AssertionError, LookupError, ValueError, TypeError) as error:
        return tally, [f"seed {seed}, {guest.technique}: {type(error).__name__} {error}"]
    board = attacked.machine.board
    tally["instructions"] = board.retired
    tally["faults"] = board.faults
    tally["hypercalls"] = attacked.machine.trace.total(EventKind.HYPERCALL)
    tally[f"{figures.ENDED}{attacked.outcome.kind}"] = 1
    wrong = damage(attacked.machine)
    if board.retired > BUDGET or board.faults > BUDGET:
        wrong.append(f"{board.retired} instructions and {board.faults} faults")
    return tally, [f"seed {seed}, {guest.technique}: {what}" for what in wrong]


def test_no_hostile_guest_leaves_and_none_stops_its_monitor(
    record_property: Callable[[str, object], None],
) -> None:
    total: Counter[str] = Counter()
    wrong = []
    for seed in range(SAMPLE):
        tally, found = attempt(seed)
        total.update(tally)
        wrong += found
    record_property("hostile guests", dict(total))
    assert wrong == []
    assert all(total[f"on:{name}"] >= SAMPLE // len(TECHNIQUES) for name in TECHNIQUES)
    assert {f"{figures.ENDED}{kind}" for kind in ("halted", "hung", "fault", "budget")} <= set(
        total
    )


@pytest.mark.soak
def test_two_thousand_hostile_guests_stay_in(capsys: pytest.CaptureFixture[str]) -> None:
    campaign = Campaign("hostile_guests", SOAK, attempt, sources())
    with capsys.disabled():
        campaign.run(print)
        print(*figures.of_hostile_guests(campaign.tally), sep="\n")
    assert campaign.wrong == []
