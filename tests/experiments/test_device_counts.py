"""Counts of one operation follow from what a device is, whatever the number of operations."""

from __future__ import annotations

import itertools

import pytest

from virtdocs.devices.registry import DEVICES
from virtdocs.errors import VirtdocsError
from virtdocs.experiments import device_counts as d
from virtdocs.experiments.device_counts import OPERATIONS, by_depth, by_replies, counted, of

SHOWN = [name for name, device in DEVICES.items() if device.kind in OPERATIONS]
PARTS = ("reads", "writes", "kicks", "hypercalls", "interrupts", "acknowledgements", "exits")


@pytest.mark.parametrize("name", [name for name in SHOWN if name != "ide-pio"])
def test_few_operations_count_as_many_do(name: str) -> None:
    workload, params = OPERATIONS[DEVICES[name].kind]
    assert counted(workload, name, params) == counted(workload, name, (("ops", 32),))


@pytest.mark.parametrize("name", ["virtio-blk", "ahci", "pvscsi", "xen-blk"])
def test_one_batch_of_a_deep_queue_counts_as_several_do(name: str) -> None:
    for depth in (4, 16):
        shape = (("depth", depth), ("size", 512))
        few, many = (counted("disk_read", name, (("ops", depth * n), *shape)) for n in (1, 4))
        assert few == many


def test_what_a_device_is_turned_to_for_exits_and_so_does_each_acknowledgement() -> None:
    for kind, devices in d.per_operation(tuple(OPERATIONS)).items():
        assert devices, kind
        for one in devices:
            # a line that is out while the guest has interrupts closed waits for it to open them
            windows = one.exits - one.requests - one.acknowledgements
            assert windows == (1 if kind == "console" else 0), one.device


def test_every_registered_device_of_a_kind_is_counted() -> None:
    for kind in OPERATIONS:
        names = {one.name for one in of(kind)}
        assert names == {name for name, device in DEVICES.items() if device.kind == kind}


def test_notifications_fall_with_depth_where_a_queue_is_shared_memory_and_nowhere_else() -> None:
    for name, counts in by_depth().items():
        requests = [one.requests for one in counts]
        if name in ("virtio-blk", "virtio-scsi", "xen-blk", "nvme"):
            halved = [first == 2 * second for first, second in itertools.pairwise(requests)]
            assert all(halved), name
        if name in ("ide-pio", "ide-dma"):  # one command at a time
            assert len(set(requests)) == 1, name


def test_pvscsi_saves_interrupts_with_depth_and_no_notification() -> None:
    counts = by_depth()["pvscsi"]
    assert {one.requests for one in counts} == {1}
    assert counts[-1].interrupts < counts[0].interrupts


def test_e1000_costs_five_accesses_an_interrupt_besides_its_tails() -> None:
    for one, replies in zip(by_replies()["e1000"], d.REPLIES, strict=True):
        assert one.reads == 3 * one.interrupts
        assert one.writes == 2 + 2 * one.interrupts, replies


def test_no_controller_interrupts_for_each_packet_of_a_long_burst() -> None:
    for name, counts in by_replies().items():
        per_packet = [one.interrupts / (n + 1) for one, n in zip(counts, d.REPLIES, strict=True)]
        assert per_packet[-1] < per_packet[0] / 4, name


def test_interfaces_are_told_by_bus_and_driver() -> None:
    found = {name: d.interface(device) for name, device in DEVICES.items()}
    assert found["virtio-blk"] == found["virtio-net"] == "virtio"
    assert found["xen-blk"] == "xen_ring"
    assert found["pvscsi"] == found["vmxnet3"] == found["vmware-balloon"] == "vmware_pv"
    assert found["virtio-console"] == found["virtio-balloon"] == "virtio"
    assert found["nvme"] == found["e1000"] == found["serial-16550"] == "emulated"


def test_a_run_that_does_not_come_to_its_end_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = d.run("disk_read", "native", params={"ops": 1}, steps=1)
    monkeypatch.setattr(d, "run", lambda *_, **__: ended)
    with pytest.raises(VirtdocsError, match="ended as budget"):
        counted("disk_read", "virtio-blk", (("ops", 77),))


def test_a_hypervisors_own_device_is_turned_to_less_often_than_the_emulated_one() -> None:
    found = d.own_devices()
    assert {one.hypervisor for one in found} == set(d.HYPERVISORS)
    for one in found:
        assert DEVICES[one.own.device].kind == one.kind
        if one.emulated is not None:
            assert 0 < one.own.requests < one.emulated.requests, one.own.device
        else:
            assert one.kind == "balloon"
            assert one.own.requests < 1  # pages go in batches
