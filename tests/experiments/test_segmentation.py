"""Packets, buffers and segments of the wire: who counts which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.devices.registry import DEVICES, NET
from virtdocs.errors import VirtdocsError
from virtdocs.experiments.costs import era_costs
from virtdocs.experiments.eras import ERAS, era
from virtdocs.experiments.mixes import mix
from virtdocs.experiments.models import link
from virtdocs.experiments.models.extra_cycles import Extra
from virtdocs.experiments.models.segmentation import (
    DIRECTIONS,
    HEADERS,
    LARGEST_PACKET,
    buffer,
    takes_segments,
)
from virtdocs.experiments.predict import predict
from virtdocs.experiments.uncertainty import DRAWS, spread
from virtdocs.guest.workloads import WORKLOADS


@pytest.mark.parametrize(
    ("mtu", "several", "segments", "payload", "wire", "handed"),
    [
        (1500, False, 1, 1448, 1500, 1500),
        (1500, True, 45, 45 * 1448, 45 * 1500, 45 * 1448 + 52),  # 65,160 of 65,483 bytes
        (9000, True, 7, 7 * 8948, 7 * 9000, 7 * 8948 + 52),
        (576, True, 124, 124 * 524, 124 * 576, 124 * 524 + 52),
    ],
)
def test_one_buffer(
    mtu: int, several: bool, segments: int, payload: int, wire: int, handed: int
) -> None:
    found = buffer(mtu, several)
    assert (found.segments, found.payload) == (segments, payload)
    assert (found.wire_bytes(), found.handed_bytes()) == (wire, handed)


@given(st.integers(576, 9000))
def test_a_buffer_is_a_packet_that_ip_can_name_and_one_more_segment_is_not(mtu: int) -> None:
    found = buffer(mtu, True)
    assert found.handed_bytes() <= LARGEST_PACKET
    assert found.handed_bytes() + mtu - HEADERS > LARGEST_PACKET
    assert found.payload == found.segments * buffer(mtu, False).payload


@pytest.mark.parametrize(
    ("device", "directions"),
    [
        ("virtio-net", {"tx", "rx"}), ("xen-net", {"tx", "rx"}), ("vmxnet3", {"tx", "rx"}),
        ("vmxnet2", {"tx", "rx"}),
        ("hyperv-net", {"tx"}), ("e1000", {"tx"}), ("rtl8139", {"tx"}), ("pcnet", set()),
    ],
)  # fmt: skip
def test_which_driver_takes_several_segments(device: str, directions: set[str]) -> None:
    one = DEVICES[device]
    assert {d for d in DIRECTIONS if takes_segments(one, era("kvm-2012"), d)} == directions
    assert not any(takes_segments(one, era("xen-2003"), d) for d in DIRECTIONS)


def test_the_table_is_of_all_network_devices_and_only_of_them() -> None:
    said = {name for name, one in DEVICES.items() if one.segments}
    nets = {name for name, one in DEVICES.items() if one.kind == NET}
    assert said == nets - {"pcnet"}
    assert {name for name in ERAS if era(name).segmentation} == {"kvm-2012", "kvm-2020"}


@pytest.mark.parametrize(
    ("name", "when", "params", "segments"),
    [
        ("kvm_virtio", "kvm-2012", {}, 45),
        ("kvm_virtio", "kvm-2012", {"direction": "rx"}, 45),
        ("kvm_virtio", "kvm-2012", {"segmentation": "off"}, 1),
        ("kvm_emulated", "kvm-2012", {}, 45),
        ("kvm_emulated", "kvm-2012", {"direction": "rx"}, 1),  # the 82540EM joins nothing
        ("workstation", "kvm-2012", {}, 1),  # pcnet
        ("xen_pv32", "xen-2003", {}, 1),
        ("workstation", "xen-2003", {}, 1),
    ],
)
def test_events_are_counted_for_a_buffer_and_time_for_its_bytes(
    name: str,
    when: str,
    params: dict[str, str],
    segments: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On made-up costs: a buffer's events take a second, whatever is in it."""
    second = era_costs(when).ghz * 1e9
    sizes = []

    def one_op(*args: object) -> Extra:
        sizes.append(args[-1])
        return Extra((second,) * DRAWS, 1.0, (), ())

    monkeypatch.setattr(link, "extra_cycles", one_op)
    found = predict("ttcp", name, when, params)
    alone = buffer(1500, False).payload
    # A second and the native share of the link's time for the bytes, which is far below it.
    bits = spread(found.value).median * 1e6
    assert bits == pytest.approx(8 * segments * alone, rel=0.01)
    assert ("full_buffers" in found.limits) == (segments > 1)
    assert sizes == [{"size": 1496 if segments == 1 else 1512}]


def test_where_one_packet_is_one_buffer_the_switch_changes_nothing() -> None:
    on = predict("ttcp", "workstation", "xen-2003", {"segmentation": "on"})
    off = predict("ttcp", "workstation", "xen-2003", {"segmentation": "off"})
    assert on == off


def test_what_a_wire_sees_is_the_same_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link's time per byte does not change: where no event costs, nor does the rate."""
    free = Extra((0.0,) * DRAWS, 0.0, (), ())
    monkeypatch.setattr(link, "extra_cycles", lambda *args: free)
    on = predict("ttcp", "kvm_virtio", "kvm-2012", {})
    off = predict("ttcp", "kvm_virtio", "kvm-2012", {"segmentation": "off"})
    assert spread(on.value).median == pytest.approx(spread(off.value).median)
    assert on.ratio is not None
    assert spread(on.ratio).median == pytest.approx(1)


def test_the_mix_is_one_network_workload() -> None:
    [name] = mix("ttcp").counts
    assert WORKLOADS[name].device == NET


def test_a_wrong_switch_is_refused() -> None:
    with pytest.raises(VirtdocsError, match="unknown value of segmentation 'of'"):
        predict("ttcp", "kvm_virtio", "kvm-2012", {"segmentation": "of"})


def test_a_device_without_segments_has_none_in_any_era() -> None:
    bare = replace(DEVICES["virtio-net"], segments=())
    assert not any(takes_segments(bare, one, "tx") for one in ERAS.values())
