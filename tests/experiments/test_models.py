"""Models by their limits and by hand: queues, links, walks, fits, notifications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.mixes import mixes, read
from virtdocs.experiments.models.queueing import closed
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import record
from virtdocs.experiments.uncertainty import spread


def test_one_request_waits_for_nobody() -> None:
    assert closed(1, [2.0, 3.0], 5.0).response == pytest.approx(10)


def test_two_requests_at_one_station_wait_for_each_other() -> None:
    assert closed(2, [4.0]).response == pytest.approx(8)
    # By hand: R(1) = 6, Q(1) = 4/6; R(2) = 4 * (1 + 4/6) + 2 = 26/3.
    assert closed(2, [4.0], 2.0).response == pytest.approx(26 / 3)


@given(
    st.integers(1, 40),
    st.lists(st.floats(0.1, 50), min_size=1, max_size=4),
    st.floats(0, 100),
)
def test_no_queue_beats_its_bottleneck_nor_little_s_law(
    requests: int, services: list[float], delay: float
) -> None:
    flow = closed(requests, services, delay)
    assert flow.throughput <= 1 / max(services) * (1 + 1e-9)
    assert flow.throughput * flow.response == pytest.approx(requests)
    assert flow.response >= (sum(services) + delay) * (1 - 1e-9)


def test_a_queue_without_requests_is_refused() -> None:
    with pytest.raises(VirtdocsError, match="at least one request"):
        closed(0, [1.0])


def test_a_fitted_row_comes_out_as_published_in_every_draw_and_is_marked() -> None:
    found = predict("large_ram", "bt", "p4-2006")
    assert found.fitted
    assert found.ratio is not None
    assert {round(r, 9) for r in found.ratio} == {round(335.44 / 175, 9)}
    assert not predict("large_ram", "hw_shadow", "p4-2006").fitted


def test_a_page_fault_under_xen_costs_what_its_calibration_says() -> None:
    found = predict("lmbench.page_fault", "xen_pv32", "xen-2003")
    native = record("xen03.lmbench.vm.page_fault.L-UP").number()
    extra = record("xen03.lmbench.vm.page_fault.Xen").number() - native
    assert spread(found.value).median == pytest.approx(native + extra, rel=0.05)


def test_walks_by_hand() -> None:
    found = predict("tlb_walks", "hw_nested", "kvm-2012", {"program": "IntCpu"})
    assert found.ratio is not None
    assert spread(found.ratio).median == pytest.approx((1 + 0.114 * 4.57) / 1.114, rel=0.01)
    shadow = predict("tlb_walks", "hw_shadow", "kvm-2012", {"program": "IntCpu"})
    assert shadow.ratio is not None
    assert set(shadow.ratio) == {1.0}


def test_a_fast_path_spares_what_it_was_measured_to_spare() -> None:
    slow = predict("tsc_deadline", "hw_nested", "kvm-2020", {"fastpath": 0})
    fast = predict("tsc_deadline", "hw_nested", "kvm-2020", {"fastpath": 1})
    saved = spread(slow.value).median - spread(fast.value).median
    assert saved == pytest.approx(4238 - 3543, rel=0.05)


def test_xen_reaches_the_link_and_a_hosted_monitor_does_not() -> None:
    assert spread(predict("ttcp", "xen_pv32", "xen-2003").value).median == pytest.approx(897)
    assert spread(predict("ttcp", "workstation", "xen-2003").value).median < 897


def test_a_device_that_is_told_nothing_new_notifies_once_round_the_index() -> None:
    assert set(predict("event_index", "kvm_virtio", "kvm-2020").value) == {1 << 16}


def test_every_mix_says_what_it_leaves_out() -> None:
    assert [name for name, one in mixes().items() if not one.limits] == ["event_index"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("forkwat", "bt", "p4-2006", {}), "unknown mix 'forkwat'. Did you mean forkwait?"),
        (("forkwait", "bt", "p4-2007", {}), "unknown era 'p4-2007'. Did you mean p4-2006?"),
        (("forkwait", "btt", "p4-2006", {}), "unknown technique 'btt'. Did you mean bt?"),
        (("forkwait", "hw_nested", "p4-2006", {}), "p4-2006 has no nested paging"),
        (("forkwait", "bt", "ws-2001", {}), "has a native time in kvm-2012, kvm-2020, p4-2006"),
        (("ttcp", "xen_pv32", "xen-2003", {"mtu": "15"}), "mtu=15 is not between 576 and 9000"),
        (("ttcp", "xen_pv32", "xen-2003", {"mtuu": "15"}), "Did you mean mtu?"),
        (("cpuid", "bt", "p4-2006", {}), "bt has no VM exit"),
        (("netperf_rr", "kvm_virtio", "kvm-2020", {}), "kvm-2020 has no published clock"),
        (("netperf_stream", "kvm_virtio", "kvm-2012", {}), "no published native cost"),
    ],
)
def test_what_cannot_be_predicted_is_said_in_one_line(
    asked: tuple[str, str, str, dict[str, str]], message: str
) -> None:
    with pytest.raises(VirtdocsError) as wrong:
        predict(*asked)
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_wrong_mix_is_refused() -> None:
    with pytest.raises(VirtdocsError, match=r"mixes\.toml: x: basis is missing"):
        read({"x": {"model": "link", "limits": []}})
    with pytest.raises(VirtdocsError, match=r"unknown model 'linc'\. Did you mean link"):
        read({"x": {"model": "linc", "basis": "judged", "limits": []}})
