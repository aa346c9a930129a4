"""Who is on the path of one request, read from the trace."""

from __future__ import annotations

import pytest

from virtdocs.errors import BadValue
from virtdocs.experiments.run import run
from virtdocs.trace import EventKind, Party

MODEL, HOST, DEVICE = Party.DEVICE_MODEL, Party.HOST_KERNEL, Party.DEVICE
PATHS = {
    "native": (),
    "kvm_emulated": (HOST, DEVICE),
    "kvm_virtio": (MODEL, HOST, DEVICE),
    "esxi": (DEVICE,),
    "xen_hvm": (DEVICE,),
    "xen_pv64": (Party.DOM0, DEVICE),
    "xen_pvhvm": (Party.DOM0, DEVICE),
    "xen_pvh": (Party.DOM0, DEVICE),
    "hyperv": (Party.ROOT_PARTITION, DEVICE),
    "passthrough": (),
}


@pytest.mark.parametrize("technique", PATHS)
def test_a_request_passes_these_parties_and_comes_back_the_same_way(technique: str) -> None:
    result = run("disk_write", technique, params={"ops": 1}, record=True)
    backend = [e for e in result.events if e.kind is EventKind.BACKEND]
    there = tuple(e.party for e in backend if e.key == "request")
    back = tuple(e.party for e in backend if e.key == "completion")
    assert (there, back) == (PATHS[technique], PATHS[technique][::-1])


def counts(technique: str, **params: str | int) -> tuple[object, object]:
    """User exits and VM exits for devices, per request."""
    result = run("disk_write", technique, params={"ops": 2, **params}).counts_per_op
    exits = result["vm_exit"]
    assert isinstance(exits, dict)
    return result["user_exit"], exits.get("io", 0) + exits.get("mmio", 0)


@pytest.mark.parametrize(
    ("technique", "expected"),
    [
        ("kvm_emulated", (26, 26)),  # each access goes on to the device model
        ("kvm_virtio", (0, 1)),  # the kick is queued
        ("esxi", (0, 1)),  # the device model is in the hypervisor
        ("hyperv", (0, 0)),  # the guest signals by hypercall
        ("passthrough", (0, 0)),  # the guest reaches the device itself
    ],
)
def test_exits_for_the_device(technique: str, expected: tuple[int, int]) -> None:
    assert counts(technique) == expected


def test_vhost_serves_the_queue_in_the_host_kernel() -> None:
    params = {"ops": 1, "backend": "vhost"}
    result = run("net_pingpong", "kvm_virtio", params=params, record=True)
    parties = {e.party for e in result.events if e.kind is EventKind.BACKEND}
    assert Party.HOST_KERNEL in parties
    assert Party.DEVICE_MODEL not in parties


def test_vhost_serves_virtqueues_only() -> None:
    with pytest.raises(BadValue, match="e1000 has no virtqueue"):
        run("net_tx", "kvm_emulated", params={"ops": 1, "backend": "vhost"})
