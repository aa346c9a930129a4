"""The balloon's course, read from events, agrees with who owns the host's frames."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from virtdocs.experiments.balloon import timeline
from virtdocs.experiments.devices import attach, device_for
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.trace import Trace
from virtdocs.vmm.exit_loop import run as run_engines
from virtdocs.vmm.host import GUEST

TECHNIQUES = ("kvm_virtio", "hw_shadow", "esxi", "xen_pv32", "xen_pv64", "xen_pvh", "xen_pvhvm")


@pytest.mark.parametrize("name", TECHNIQUES)
def test_pages_go_by_batches_there_and_back(name: str) -> None:
    found = timeline(name, 600)
    batch = 256 if found.device == "virtio-balloon" else 512
    there = [min(600, batch * n) for n in range(-(-600 // batch) + 1)]
    assert [one.host for one in found.moments] == [*there, *(600 - pages for pages in there[1:])]
    assert all(one.guest + one.host == RAM_FRAMES for one in found.moments)
    assert found.full.host == 600
    for figure in ("time", "entries", "messages"):
        course = [getattr(one, figure) for one in found.moments]
        assert course == sorted(course)
    assert found.moments[0].entries == found.moments[0].messages == 0


@pytest.mark.parametrize(
    ("name", "there", "back"),
    [("xen_pv64", 600 + 2, 600 + 2), ("xen_pvh", 2, 2), ("esxi", 1 + 2, 1 + 2)],
)
def test_messages_are_those_of_the_drivers_protocol(name: str, there: int, back: int) -> None:
    found = timeline(name, 600)
    kinds = ("stack_switch", "sched_op", "iret", "set_timer_op")
    calls = found.result.counts["hypercall"]
    assert isinstance(calls, Mapping)
    other = sum(calls.get(kind, 0) for kind in kinds)
    assert found.full.messages == there
    assert there + back <= found.moments[-1].messages <= there + back + other


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_full_balloon_is_as_many_frames_fewer_in_the_hosts_books(name: str) -> None:
    preset, workload = technique(name), WORKLOADS["balloon"]
    device = device_for(preset, "balloon", None)
    params: dict[str, str | int] = {"pages": 64}
    program = build("balloon", preset.build, params, 64, preset.levels, device.drivers)
    machine = assemble(preset, program, "intel", Trace())
    attach(machine, preset, device, workload.constants(workload.checked_params(params)))
    assert str(run_engines(machine.board, machine.engines, 10**6, ()).kind) == "halted"
    assert machine.host is not None
    owners = list(machine.host.memory.owners.values())
    full = timeline(name, 64).full
    shared = owners.count(GUEST) - full.guest  # frames of the guest's that are no part of its RAM
    assert shared == (1 if name.startswith("xen_pv") and preset.mmu == "nested" else 0)
