"""Workloads that use a device: both cores see the same registers, transfers and interrupts."""

from __future__ import annotations

import pytest

from tests.fast.compare import device_workload, differences, ran

TECHNIQUES = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
MORE_TECHNIQUES = ("xen_pvhvm", "xen_pvh", "kvm_virtio", "kvm_emulated", "esxi", "hyperv")
OPERATIONS = {
    "disk_read": 6, "disk_write": 6, "disk_flush": 4,
    "net_tx": 8, "net_pingpong": 4, "net_burst": 4, "console_line": 2,
    "balloon": 512,
}  # fmt: skip
# A PV guest has no console device of its own.
PAIRS = [
    (name, technique_name)
    for name in OPERATIONS
    for technique_name in TECHNIQUES
    if name != "console_line" or not technique_name.startswith("xen_pv")
]
PRODUCTS = [
    *((name, technique) for name in ("disk_read", "net_tx") for technique in MORE_TECHNIQUES),
    ("balloon", "esxi"),
    ("balloon", "kvm_virtio"),
]
# Every other device once, where registers are reached with exits and where without.
DEVICES = {
    "disk_read": (
        "ide-pio",
        "ide-dma",
        "ahci",
        "nvme",
        "lsilogic",
        "pvscsi",
        "virtio-scsi",
        "virtio-blk",
    ),
    "net_tx": ("e1000", "rtl8139", "pcnet", "vmxnet2", "vmxnet3", "virtio-net"),
    "net_pingpong": ("vmxnet2", "vmxnet3"),
}


@pytest.mark.parametrize(("name", "technique_name"), PAIRS)
def test_a_device_workload_has_the_same_counts_time_and_state(
    name: str, technique_name: str
) -> None:
    preset, program, device = device_workload(name, technique_name, OPERATIONS[name])
    assert differences(preset, program, device=device) == {}


@pytest.mark.parametrize(("name", "technique_name"), PRODUCTS)
def test_products_are_no_exception(name: str, technique_name: str) -> None:
    preset, program, device = device_workload(name, technique_name, OPERATIONS[name])
    assert differences(preset, program, device=device) == {}


@pytest.mark.parametrize("technique_name", ["native", "hw_nested"])
@pytest.mark.parametrize(("name", "io"), [(n, io) for n, all_ in DEVICES.items() for io in all_])
def test_every_device_is_the_same_on_both_cores(name: str, io: str, technique_name: str) -> None:
    preset, program, device = device_workload(name, technique_name, OPERATIONS[name], io)
    assert differences(preset, program, device=device) == {}


@pytest.mark.parametrize("technique_name", ["native", "hw_nested", "xen_pv64"])
def test_drivers_do_run_translated(technique_name: str) -> None:
    """Else their equality would say nothing."""
    preset, program, device = device_workload("disk_read", technique_name, 20)
    assert ran(preset, program, hot=1, device=device).share > 0.5
