"""A device is the same device under every technique: state, virtual time and its own counts."""

from __future__ import annotations

import pytest

from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.run import run

TECHNIQUES = ("native", "bt", "hw_shadow", "hw_nested")
DEVICE_KEYS = ("kick", "device_access", "device_irq", "apic", "irq")
WORKLOADS = {
    "disk": (
        ("disk_read", {"depth": 4}),
        ("disk_write", {"size": 1536, "vectors": "intx"}),
        ("disk_flush", {}),
    ),
    "net": (
        ("net_tx", {}),
        ("net_pingpong", {"vectors": "intx"}),
        ("net_burst", {"size": 1000, "replies": 3}),
    ),
    "console": (("console_line", {}), ("console_line", {"latency": 10})),
    "balloon": (
        ("balloon", {"pages": 4}),
        ("balloon", {"pages": 2, "vectors": "intx", "must_tell": "yes"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("device", [name for name, one in DEVICES.items() if one.bus == "pc"])
def test_state_and_device_counts_are_the_same_under_every_technique(device: str) -> None:
    for workload, params in WORKLOADS[DEVICES[device].kind]:
        given: dict[str, str | int] = {"ops": 4, **params}
        runs = [run(workload, name, io=device, params=given) for name in TECHNIQUES]
        assert {r.outcome for r in runs} == {"halted"}
        assert len({r.state_hash for r in runs}) == 1
        assert len({r.virtual_time for r in runs}) == 1
        for key in DEVICE_KEYS:
            assert all(r.counts_per_op[key] == runs[0].counts_per_op[key] for r in runs), key
        assert runs[0].counts["unclaimed"] == {}


HVM = ("xen_hvm", "kvm_virtio", "esxi", "hyperv", "workstation", "passthrough", "qemu_tcg")


@pytest.mark.parametrize("device", [name for name, one in DEVICES.items() if one.bus == "pc"])
def test_every_preset_with_the_same_device_ends_in_the_same_state(device: str) -> None:
    workload, params = WORKLOADS[DEVICES[device].kind][0]
    given: dict[str, str | int] = {"ops": 2, **params}
    native = run(workload, "native", io=device, params=given)
    for name in HVM:
        if (device, name) == ("virtio-balloon", "passthrough"):
            continue  # see test_virtio_balloon.py
        found = run(workload, name, io=device, params=given)
        assert (found.outcome, found.state_hash) == ("halted", native.state_hash), name


@pytest.mark.parametrize("device", ["ide-pio", "ide-dma", "pcnet", "serial-16550"])
def test_registers_of_an_assigned_device_are_reached_without_an_exit(device: str) -> None:
    workload, params = WORKLOADS[DEVICES[device].kind][0]
    found = run(workload, "passthrough", io=device, params={"ops": 4, **params})
    assert sum(found.counts["device_access"].values()) > 0
    assert not {"io", "mmio"} & set(found.counts_per_op["vm_exit"])
