"""One disk write, path by path: who is on it, and how often."""

from __future__ import annotations

from functools import lru_cache

import pytest

from virtdocs.errors import UnknownName, VirtdocsError
from virtdocs.experiments.io_request import (
    PATHS,
    Act,
    IoRequest,
    Reader,
    fold,
    one_request,
    serving,
)
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.trace import Event, EventKind, Party

asked = lru_cache(maxsize=None)(one_request)
PV = ("xen_pv64", "xen_pvhvm", "xen_pvh")


@pytest.mark.parametrize("path", PATHS)
def test_a_request_begins_in_the_application_and_comes_back_to_it(path: str) -> None:
    acts = asked(path).acts
    assert acts[0] == Act(Party.APPLICATION, "system_call")
    assert acts[-1] == Act(Party.APPLICATION, "program")
    assert Party.DEVICE in asked(path).handovers


@pytest.mark.parametrize("path", PV)
def test_under_pv_drivers_dom0_is_given_the_request_once_each_way(path: str) -> None:
    dom0 = asked(path).handovers[Party.DOM0]
    assert (dom0.there, dom0.back) == (1, 1)
    assert Party.DEVICE_MODEL not in asked(path).handovers


def test_an_emulated_disk_under_xen_takes_dom0_once_for_each_register() -> None:
    request = asked("xen_hvm")
    registers = sum(act.what == "register" for act in request.acts)
    assert request.handovers[Party.DOM0].all == registers + 1  # and once for the device's end
    assert registers > 20


def test_kvm_emulated_and_xen_hvm_differ_in_where_the_model_runs_and_not_in_what_it_is_asked() -> (
    None
):
    kvm, xen = (asked(path).handovers for path in ("kvm_emulated", "xen_hvm"))
    assert kvm[Party.DEVICE_MODEL] == xen[Party.DOM0]
    assert kvm[Party.HYPERVISOR] == xen[Party.HYPERVISOR]
    assert Party.DOM0 not in kvm
    assert Party.DEVICE_MODEL not in xen


def test_vhost_takes_user_space_off_the_path_and_nothing_else() -> None:
    virtio, vhost = (asked(path).handovers for path in ("kvm_virtio", "kvm_vhost"))
    assert virtio[Party.DEVICE_MODEL].all == 2
    assert Party.DEVICE_MODEL not in vhost
    others = [party for party in virtio if party is not Party.DEVICE_MODEL]
    assert [virtio[party] for party in others] == [vhost[party] for party in others]


def test_only_paths_through_xen_have_a_dom0_and_only_hyper_v_a_root_partition() -> None:
    on = {path: set(asked(path).handovers) for path in PATHS}
    assert {path for path in on if Party.DOM0 in on[path]} == {*PV, "xen_hvm"}
    assert {path for path in on if Party.ROOT_PARTITION in on[path]} == {"hyperv"}


def test_an_assigned_device_is_reached_without_the_hypervisor() -> None:
    acts = asked("passthrough").acts
    to_device = [n for n, act in enumerate(acts) if act.what == "register"]
    assert all(acts[n - 1].party is Party.GUEST_KERNEL for n in to_device)
    assert "inject" not in {act.what for act in acts}


def test_an_assigned_device_has_the_shortest_path_of_all_under_a_hypervisor() -> None:
    totals = {path: sum(one.all for one in asked(path).handovers.values()) for path in PATHS}
    assert sorted(totals, key=totals.__getitem__)[:2] == ["native", "passthrough"]
    assert totals["passthrough"] < min(
        totals[path] for path in PATHS if path not in ("native", "passthrough")
    )


def test_a_native_request_has_no_monitor_on_it() -> None:
    assert set(asked("native").handovers) == {
        Party.APPLICATION, Party.GUEST_KERNEL, Party.DEVICE,
    }  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_folding_tells_the_same_acts(path: str) -> None:
    request = asked(path)
    assert sum(act.times for act in request.folded) == len(request.acts)
    assert {(act.party, act.what) for act in request.folded} == {
        (act.party, act.what) for act in request.acts
    }
    assert len(request.folded) < 35


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        ("", ""),
        ("abc", "a1 b1 c1"),
        ("ababab", "a3 b3"),
        ("xababy", "x1 a2 b2 y1"),
        ("aaab", "a3 b1"),
        ("abcabd", "a1 b1 c1 a1 b1 d1"),
    ],
)
def test_what_repeats_in_a_row_is_told_once(letters: str, told: str) -> None:
    acts = [Act(Party.CPU, letter) for letter in letters]
    assert " ".join(f"{act.what}{act.times}" for act in fold(acts)) == told


def test_the_beginning_and_the_device_s_own_end_are_nobody_s_handover() -> None:
    acts = (
        Act(Party.APPLICATION, "system_call"),
        Act(Party.GUEST_KERNEL, "run"),
        Act(Party.DEVICE, "work"),
        Act(Party.GUEST_KERNEL, "run"),
        Act(Party.DEVICE, "done"),
        Act(Party.GUEST_KERNEL, "interrupt"),
    )
    found = IoRequest("native", "native", "nvme", acts).handovers
    assert (found[Party.APPLICATION].there, found[Party.APPLICATION].back) == (0, 0)
    assert (found[Party.DEVICE].there, found[Party.DEVICE].back) == (1, 0)
    assert (found[Party.GUEST_KERNEL].there, found[Party.GUEST_KERNEL].back) == (2, 1)


@pytest.mark.parametrize(
    ("technique", "bus", "vhost", "party"),
    [
        ("native", "pc", False, Party.DEVICE),
        ("passthrough", "pc", False, Party.DEVICE),
        ("kvm_virtio", "pc", False, Party.DEVICE_MODEL),
        ("kvm_virtio", "pc", True, Party.HOST_KERNEL),
        ("xen_hvm", "pc", False, Party.DOM0),
        ("xen_pv64", "xen", False, Party.DOM0),
        ("hyperv", "vmbus", False, Party.ROOT_PARTITION),
        ("esxi", "pc", False, Party.HYPERVISOR),
    ],
)
def test_who_answers_for_a_device(technique: str, bus: str, vhost: bool, party: Party) -> None:
    assert serving(TECHNIQUES[technique], bus, vhost=vhost) is party


def test_a_guest_cannot_tell_who_serves_its_ring() -> None:
    virtio, vhost = (
        run("disk_write", "kvm_virtio", params={"ops": 4, **params})
        for params in ({}, {"backend": "vhost"})
    )
    assert (virtio.state_hash, virtio.instructions) == (vhost.state_hash, vhost.instructions)


def test_an_unknown_path_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="kvm_vhost"):
        one_request("kvm_vhots")


def test_an_event_that_nobody_reads_is_a_mistake_and_not_left_out() -> None:
    reader = Reader(Party.DEVICE, assisted=False, posted=False)
    with pytest.raises(VirtdocsError, match="no act for an event of kind translate"):
        list(reader.acts([Event(EventKind.TRANSLATE, "", Party.CPU)]))
