"""What one operation costs on one device: accesses, notifications, interrupts, exits.

A count is (c(2N) − c(N)) / N, so that boot drops out. The same operation on the same
device is run once, whoever asks: a run depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from virtdocs.devices.registry import DEVICES, DeviceType
from virtdocs.errors import VirtdocsError
from virtdocs.experiments.devices import DEFAULTS
from virtdocs.experiments.results import Counts, Number
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique as technique_named
from virtdocs.machine.board import SECTOR_BYTES

Params = tuple[tuple[str, int], ...]
# One operation of each kind of device, and how many of them a run has: as few as leave the
# start behind, since every further one is the same (tests/experiments/test_device_counts.py).
OPERATIONS: Final[Mapping[str, tuple[str, Params]]] = MappingProxyType(
    {
        "disk": ("disk_write", (("ops", 1),)),
        "net": ("net_pingpong", (("ops", 2),)),
        "console": ("console_line", (("ops", 1),)),
    }
)
# The technique that shows a device's own cost: hardware for CPU and memory, and the
# hypervisor whose bus it is on.
SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"pc": "hw_nested", "xen": "xen_pvh", "vmbus": "hyperv", "vmware": "esxi"}
)
# Registers and rings are turned to as often under every technique: without a monitor, where
# the bus is not a hypervisor's, counting them takes the least time.
PLAIN: Final[Mapping[str, str]] = MappingProxyType({**SETTINGS, "pc": "native"})
# Whose own devices are compared, and of which kinds. A balloon has no emulated counterpart.
HYPERVISORS: Final = ("esxi", "kvm_virtio", "xen_pvh", "hyperv")
OWN_KINDS: Final = ("disk", "net", "balloon")
# Devices that a hypervisor brought before those that it has now.
EARLIER: Final[Mapping[tuple[str, str], tuple[str, ...]]] = MappingProxyType(
    {("esxi", "net"): ("vmxnet2",)}
)
BALLOON: Final[tuple[str, Params]] = ("balloon", (("ops", 512), ("pages", 256)))
DEPTHS: Final = (1, 2, 4, 8, 16)
REPLIES: Final = (1, 2, 4, 8, 16)
# What VMware made for its own guests, among the devices of a PC's bus.
VMWARES: Final = frozenset({"pvscsi", "vmxnet2", "vmxnet3"})
# Waiting, and a page that is touched for the first time.
NOT_THE_DEVICE: Final = frozenset({"hlt", "nested_fault"})


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """One operation on one device. ``exits``: VM exits without `NOT_THE_DEVICE`;
    ``acknowledgements``: accesses to the interrupt controller."""

    device: str
    reads: Number
    writes: Number
    kicks: Number
    hypercalls: Number
    interrupts: Number
    acknowledgements: Number
    exits: Number

    @property
    def requests(self) -> Number:
        """How the guest turned to the device: registers, kicks, hypercalls."""
        return self.reads + self.writes + self.kicks + self.hypercalls

    @property
    def events(self) -> Number:
        """The same and the device's interrupts."""
        return self.requests + self.interrupts


@lru_cache(maxsize=1024)
def counted(
    workload: str, device: str, params: Params = (), technique: str | None = None
) -> DeviceCounts:
    """The counts of one operation; VirtdocsError for what cannot be, or did not come to its end.

    ``params`` may hold ``ops``. Without a technique the device's own of `SETTINGS`.
    """
    name = technique or SETTINGS[DEVICES[device].bus]
    # Few instructions each: the reference core is through before the fast one has compiled.
    result = run(workload, name, io=device, params=dict(params), core="reference")
    if result.outcome != "halted":
        raise VirtdocsError(workload, f"on {device} ended as {result.outcome}")
    found = result.counts_per_op
    exits = _by_key(found, "vm_exit")
    access = _by_key(found, "device_access")
    return DeviceCounts(
        device,
        reads=access.get("read", 0),
        writes=access.get("write", 0),
        kicks=_total(found, "kick"),
        hypercalls=_total(found, "hypercall"),
        interrupts=_total(found, "device_irq"),
        acknowledgements=_total(found, "apic"),
        exits=sum((n for why, n in exits.items() if why not in NOT_THE_DEVICE), Fraction(0)),
    )


def per_operation(kinds: tuple[str, ...]) -> dict[str, tuple[DeviceCounts, ...]]:
    """One operation on every registered device of these kinds, by kind."""
    return {
        kind: tuple(counted(OPERATIONS[kind][0], one.name, OPERATIONS[kind][1]) for one in of(kind))
        for kind in kinds
    }


def by_depth() -> dict[str, tuple[DeviceCounts, ...]]:
    """A disk request on every disk, with so many of them in flight at a time.

    One sector a request, as a programmed transfer's length would hide the rest.
    """
    return {
        disk.name: tuple(
            counted(
                "disk_read",
                disk.name,
                (("ops", n), ("depth", n), ("size", SECTOR_BYTES)),
                PLAIN[disk.bus],
            )
            for n in DEPTHS
        )
        for disk in of("disk")
    }


def by_replies() -> dict[str, tuple[DeviceCounts, ...]]:
    """A packet with so many replies close together, on every network controller."""
    return {
        card.name: tuple(
            counted("net_burst", card.name, (("ops", 2), ("replies", n)), PLAIN[card.bus])
            for n in REPLIES
        )
        for card in of("net")
    }


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """A hypervisor's own device of a kind, and the emulated one in its place, if there is one."""

    hypervisor: str
    kind: str
    own: DeviceCounts
    emulated: DeviceCounts | None


def own_devices() -> tuple[OwnDevice, ...]:
    """What each hypervisor brings for disk, network and memory, with one operation on it."""
    found = []
    for name in HYPERVISORS:
        devices = DEFAULTS[technique_named(name).io]
        for kind in OWN_KINDS:
            current = (devices[kind],) if kind in devices else ()
            workload, params = OPERATIONS.get(kind, BALLOON)
            emulated = DEFAULTS["emulated"][kind] if kind in OPERATIONS else None
            beside = counted(workload, emulated, params) if current and emulated else None
            found += [
                OwnDevice(name, kind, counted(workload, device, params, name), beside)
                for device in (*current, *EARLIER.get((name, kind), ()))
            ]
    return tuple(found)


def of(kind: str) -> tuple[DeviceType, ...]:
    """The registered devices of a kind, those that take most accesses first.

    By interface, so that relatives stand together: emulated, VMware's, virtio, Xen's, VMBus.
    """
    order = ("emulated", "vmware_pv", "virtio", "xen_ring", "vmbus")
    found = [device for device in DEVICES.values() if device.kind == kind]
    return tuple(sorted(found, key=lambda one: order.index(interface(one))))


def interface(device: DeviceType) -> str:
    """The value of the io axis that a device belongs to."""
    if device.bus != "pc":
        return {"xen": "xen_ring", "vmbus": "vmbus", "vmware": "vmware_pv"}[device.bus]
    if "drivers/virtio.s" in device.drivers:
        return "virtio"
    return "vmware_pv" if device.name in VMWARES else "emulated"


def _by_key(counts: Counts, kind: str) -> Mapping[str, Number]:
    found = counts[kind]
    assert isinstance(found, Mapping)
    return found


def _total(counts: Counts, kind: str) -> Number:
    found = counts[kind]
    return sum(found.values()) if isinstance(found, Mapping) else found
