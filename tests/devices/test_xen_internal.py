"""Xen 1.x: the same rings, served by the hypervisor; dom0 is on no path."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.xen_blk import XenBlk
from virtdocs.devices.xen_ring import BackEnd, DriverDomain
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique
from virtdocs.machine.board import Board
from virtdocs.machine.memory import Page
from virtdocs.trace import EventKind, Party

WORKLOADS = {
    "disk_read": {"depth": 4}, "disk_write": {"size": 65_536}, "disk_flush": {},
    "net_tx": {}, "net_pingpong": {"size": 1_512}, "net_burst": {},
}  # fmt: skip


def both(workload: str, **params: str | int) -> tuple[ResultSet, ResultSet]:
    """The run of then, and the one with split drivers."""
    given: dict[str, str | int] = {"ops": 8, **params}
    then = run(workload, "xen_pv32", params=given, era="xen-2003", record=True)
    return then, run(workload, "xen_pv32", params=given, record=True)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_work_is_the_same_and_the_guest_signals_as_often(workload: str) -> None:
    then, split = both(workload, **WORKLOADS[workload])
    assert (then.axes["io"], split.axes["io"]) == ("xen_internal", "xen_ring")
    assert then.outcome == "halted"
    assert then.result_hash == split.result_hash
    # How many packets of net_tx share an interrupt depends on the driver's own length.
    signals = ("hypercall", "device_irq", "event_channel")
    for key in signals if workload != "net_tx" else signals[:1]:
        assert then.counts_per_op[key] == split.counts_per_op[key]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_no_domain_is_switched_to(workload: str) -> None:
    then, split = both(workload, **WORKLOADS[workload])
    assert Party.DOM0 not in {event.party for event in then.events}
    assert Party.DOM0 in {event.party for event in split.events}
    backend = [event for event in then.events if event.kind is EventKind.BACKEND]
    assert {event.party for event in backend} == {Party.HYPERVISOR, Party.DEVICE}
    assert "grant" not in {event.key for event in backend}


def test_a_request_goes_from_the_hypervisor_to_the_device() -> None:
    then, split = both("disk_write")
    ways = []
    for result in (then, split):
        events = [e for e in result.events if e.kind is EventKind.BACKEND]
        ways.append([e.party for e in events if e.key == "request"][:2])
    assert ways == [[Party.DEVICE, Party.DEVICE], [Party.DOM0, Party.DEVICE]]


def test_both_cores_agree() -> None:
    preset: Mapping[str, str | int] = {"ops": 16}
    found = [
        run(workload, "xen_pv32", params=preset, era="xen-2003", core=core)
        for workload in ("disk_read", "net_pingpong")
        for core in ("fast", "reference")
    ]
    for one, other in (found[:2], found[2:]):
        assert (one.state_hash, one.counts) == (other.state_hash, other.counts)


def test_other_eras_have_split_drivers() -> None:
    for era in (None, "p4-2006", "kvm-2012"):
        assert technique("xen_pv32", era_name=era).io == "xen_ring"
    then = technique("xen_pv32", era_name="xen-2003")
    assert device_for(then, "disk", None).drivers[0] == "drivers/xen_internal.s"


def test_a_frame_of_somebody_elses_is_refused_without_grants_too(board: Board) -> None:
    def frame(number: int) -> Page | None:
        return board.memory.page(number) if number != 4095 else None

    told: list[int] = []
    format_disk(board)
    domain = DriverDomain(board, frame, told.append, Party.HYPERVISOR, grants=False)
    back_end: BackEnd = XenBlk(domain, Disk(board, 0))
    board.dma.store(0x2D000, 8, 4)
    board.dma.store(0x2D008, 8, 4095)  # the ring: a frame that is not the guest's
    back_end.event(3)
    assert (back_end.connected, back_end.refused) == (False, True)
