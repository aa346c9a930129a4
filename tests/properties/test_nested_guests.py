"""Two levels up, random guests end as on bare hardware, and hostile ones stay where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.properties.equality import differences, explain, run_under
from tests.properties.hostile_guest import hostile_guest
from tests.properties.isolation import attack, damage
from tests.properties.random_guest import random_guest
from virtdocs.experiments.machine_options import MachineOptions
from virtdocs.trace import EventKind

OLD = MachineOptions(depth=2, era="kvm-2012")
NEW = MachineOptions(depth=2, era="kvm-2020")
GUESTS = 60
HOSTILE = 40


@pytest.mark.parametrize("core", ["", "+fast"])
@pytest.mark.parametrize("options", [OLD, NEW], ids=["old", "new"])
def test_a_random_guest_cannot_tell_that_its_hypervisor_is_a_guest(
    options: MachineOptions, core: str
) -> None:
    reflected = 0
    for seed in range(GUESTS):
        guest = random_guest(seed)
        if guest.vendor != "intel":
            continue
        native = run_under(guest, "native")
        wrong = differences(guest, native, f"hw_nested{core}", options)
        assert not wrong, explain(guest, wrong)
        found = run_under(guest, f"hw_nested{core}", options=options)
        reflected += found.machine.trace.total(EventKind.REFLECT)
    assert reflected > GUESTS


@pytest.mark.parametrize("options", [OLD, NEW], ids=["old", "new"])
def test_no_hostile_guest_leaves_its_hypervisor_s_hypervisor(options: MachineOptions) -> None:
    seeds = [seed for seed in range(6 * HOSTILE) if _fits(seed)][:HOSTILE]
    assert len(seeds) == HOSTILE
    for seed in seeds:
        attacked = attack(replace(hostile_guest(seed), technique="hw_nested"), options=options)
        assert damage(attacked.machine) == []


def _fits(seed: int) -> bool:
    guest = hostile_guest(seed)
    return guest.vendor == "intel" and not guest.technique.startswith("xen")
