"""Plug a device into a machine, whatever runs it: which one a technique takes, and the wiring.

What a device does to memory passes the monitor like everything else: frames that it
follows (shadowed tables, translated code) are followed here too, and the oracle sees
each frame that a device reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from virtdocs.devices.registry import DEVICES, DeviceType, Options, in_hypervisor
from virtdocs.devices.vmbus import RELATIVE_ID, SINT, VmBus
from virtdocs.devices.vmbus_channel import Channel, ChildPartition
from virtdocs.devices.xen_ring import GRANT_TABLE, STORE, BackEnd, DriverDomain
from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.techniques import NOBODYS, TECHNIQUES, Technique
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT, Page
from virtdocs.trace import Party
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.host import GUEST
from virtdocs.vmm.hypercall import Caller
from virtdocs.vmm.hyperv import HypervInterface
from virtdocs.vmm.identity import VMWARE
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.paravirtual import ParavirtualEngine
from virtdocs.vmm.shadow_paging import ShadowView
from virtdocs.vmm.xen_hvm import XenHvmInterface

# What a technique uses when nobody says otherwise, by its io axis.
DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "native": {
            "disk": "nvme", "net": "virtio-net", "console": "serial-16550",
            "balloon": "virtio-balloon",
        },
        "passthrough": {"disk": "nvme", "net": "virtio-net", "console": "serial-16550"},
        "emulated": {
            "disk": "ide-dma", "net": "e1000", "console": "serial-16550",
            "balloon": "virtio-balloon",
        },
        "virtio": {
            "disk": "virtio-blk", "net": "virtio-net", "console": "serial-16550",
            "balloon": "virtio-balloon",
        },
        "vmware_pv": {
            "disk": "pvscsi", "net": "vmxnet3", "console": "serial-16550",
            "balloon": "vmware-balloon",
        },
        "vmbus": {"disk": "hyperv-scsi", "net": "hyperv-net", "console": "serial-16550"},
        "xen_internal": {"disk": "xen-blk", "net": "xen-net", "balloon": "xen-balloon"},
        "xen_ring": {"disk": "xen-blk", "net": "xen-net", "balloon": "xen-balloon"},
    }
)  # fmt: skip
# What a product has in place of that, by preset and variant. Before VT-x the hosted Workstation's
# network card was AMD's PCnet (devices/pcnet.py).
PRODUCTS: Final[Mapping[tuple[str, str], Mapping[str, str]]] = MappingProxyType(
    {
        ("workstation", ""): {"balloon": "vmware-balloon"},
        ("workstation", "then"): {"net": "pcnet", "balloon": "vmware-balloon"},
    }
)
# Who a request passes between the party that runs the device model and the physical device.
BEHIND: Final[Mapping[Party, tuple[Party, ...]]] = MappingProxyType(
    {
        Party.DEVICE_MODEL: (Party.HOST_KERNEL, Party.DEVICE),
        Party.HYPERVISOR: (Party.DEVICE,),
        Party.DOM0: (Party.DEVICE,),
        Party.ROOT_PARTITION: (Party.DEVICE,),
    }
)
BACK_ENDS: Final[Mapping[str, tuple[Party, ...]]] = MappingProxyType(
    {"xen": (Party.DOM0, Party.DEVICE), "vmbus": (Party.ROOT_PARTITION, Party.DEVICE)}
)
DOM0_READS: Final = (GRANT_TABLE, GRANT_TABLE + PAGE_BYTES, STORE)
XEN_INTERNAL: Final = "xen_internal"  # the io axis of Xen 1.x
VHOST: Final = 1  # the parameter ``backend``: a virtqueue served by the host's kernel


def device_for(technique: Technique, kind: str, name: str | None) -> DeviceType:
    """The device of that name, or the technique's own; BadValue where it can't have it."""
    known = {n: d for n, d in DEVICES.items() if d.kind == kind}
    wanted = name or _own(technique, kind)
    if wanted is None:
        raise BadValue("--io", f"{technique.name} has no {kind} device of its own")
    if wanted not in DEVICES:
        raise UnknownName("--io", "device", wanted, known)
    if wanted not in known:
        raise BadValue("--io", f"{wanted} is no {kind} device")
    bus = known[wanted].bus
    if bus not in buses(technique):
        where = [name for name, one in TECHNIQUES.items() if bus in buses(one)]
        hint = f" (techniques that have it: {', '.join(where)})" if bus != "pc" else ""
        raise BadValue("--io", f"{technique.name} has no {wanted} device{hint}")
    if kind == "balloon" and technique.io == "passthrough":
        # An assigned device may write to any frame at any time (Linux: vfio pins them all).
        raise BadValue("--io", f"{technique.name} can't give frames away")
    if technique.io == XEN_INTERNAL:
        return in_hypervisor(known[wanted])
    return known[wanted]


def _own(technique: Technique, kind: str) -> str | None:
    """What the technique uses when nobody says otherwise."""
    product = PRODUCTS.get((technique.name, technique.variant), {})
    return product.get(kind) or DEFAULTS[technique.io].get(kind)


def buses(technique: Technique) -> tuple[str, ...]:
    """What a technique's guests can have devices on: a PV guest has no emulated hardware.

    VMware's backdoor is its products', and any monitor's here that is nobody's product.
    """
    xen = {"xen_ring": ("xen",), XEN_INTERNAL: ("xen",)}
    own = {**xen, "vmbus": ("vmbus",)}.get(technique.io, ())
    if technique.boot == "pv":
        return own
    anybody = technique.signature in (VMWARE, NOBODYS) or technique.variant
    backdoor = ("vmware",) if technique.cpu != "native" and anybody else ()
    return ("pc", *backdoor, *own)


def attach(machine: Assembled, technique: Technique, device: DeviceType, options: Options) -> None:
    """Put ``device`` on the machine's board, and whoever serves it behind it."""
    board = machine.board
    vhost = options.get("backend") == VHOST
    if vhost and not device.name.startswith("virtio"):
        raise BadValue("backend", f"{device.name} has no virtqueue that vhost could serve")
    if machine.host is not None:
        board.dma.guard = machine.host.oracle
    for engine in machine.engines:
        paging = getattr(engine, "paging", None)
        if isinstance(paging, ShadowView) and paging.shared not in board.dma.followers:
            board.dma.followers.append(paging.shared)
        if isinstance(engine, HardwareAssistEngine):
            engine.io_path.queues_notifications = technique.io == "virtio"
    device.plug(board, options)
    if device.back_end is not None:
        internal = technique.io == XEN_INTERNAL
        _serve(machine, device.back_end, options, internal)
        board.backend = (Party.DEVICE,) if internal else BACK_ENDS[device.bus]
    elif device.channel is not None:
        _offer(machine, device.channel, options)
        board.backend = BACK_ENDS[device.bus]
    elif technique.io == "passthrough":
        _assign(machine)
    elif technique.cpu != "native":
        board.backend = _behind(technique, vhost)
    if device.kind == "balloon":  # frames are the host's: no device stands behind it
        board.backend = tuple(party for party in board.backend if party is not Party.DEVICE)


def _serve(
    machine: Assembled,
    make: Callable[[DriverDomain, Options], BackEnd],
    options: Options,
    internal: bool,
) -> None:
    """Connect a back end with the guest's event channels and, unless it is in the hypervisor
    itself, with its grants."""
    host, engines = machine.host, machine.engines
    assert host is not None
    memory = host.memory
    callers: list[Caller] = []
    for engine in engines:
        caller = engine.interface if isinstance(engine, HardwareAssistEngine) else engine
        assert isinstance(caller, ParavirtualEngine | XenHvmInterface)
        callers.append(caller)
    for address in DOM0_READS:  # while dom0 may look there, the pages can't go
        frame_number = host.guest_memory.frame_of[address >> PAGE_SHIFT]
        assert frame_number is not None
        host.kept.add(frame_number)
    machine_frames = isinstance(callers[0], ParavirtualEngine)
    channels = callers[0].channels

    def frame(number: int) -> Page | None:
        """A PV guest grants machine frames, and only its own; an HVM guest its own numbers."""
        if not machine_frames:
            return host.guest_memory.page(number)
        return memory.page(number) if memory.owners.get(number) == GUEST else None

    def send(port: int) -> None:
        target = channels.send(port)
        if target is not None:
            callers[target].notify()

    party = Party.HYPERVISOR if internal else Party.DOM0
    domain = DriverDomain(machine.board, frame, send, party, grants=not internal)
    back_end = make(domain, options)
    channels.driver_domain = lambda port: partial(back_end.event, port)


def _offer(
    machine: Assembled, make: Callable[[ChildPartition, Options], Channel], options: Options
) -> None:
    """Have the root partition offer a device; its interrupts go to the first virtual CPU."""
    interfaces = []
    for engine in machine.engines:
        assert isinstance(engine, HardwareAssistEngine)
        assert isinstance(engine.interface, HypervInterface)
        interfaces.append(engine.interface)
    synic = interfaces[0].synic

    def flag(device: str) -> None:
        synic.set_flag(SINT, RELATIVE_ID, device)

    post, waiting = partial(synic.post, SINT), partial(synic.queued, SINT)
    partition = ChildPartition(machine.board, post, waiting, flag)
    bus = VmBus(make(partition, options))
    for interface in interfaces:
        interface.vmbus = bus


def _behind(technique: Technique, vhost: bool) -> tuple[Party, ...]:
    if vhost:
        return (Party.HOST_KERNEL, Party.DEVICE)
    parties = BEHIND[technique.device_model]
    # A queued notification is found by the device model; otherwise it is there already.
    return (technique.device_model, *parties) if technique.io == "virtio" else parties


def _assign(machine: Assembled) -> None:
    """Give the guest the device itself: registers without exits, interrupts posted.

    The device reaches memory by guest-physical addresses, as behind an IOMMU.
    """
    board = machine.board
    assert machine.host is not None
    for engine in machine.engines:
        assert isinstance(engine, HardwareAssistEngine)
        assert isinstance(engine.paging, NestedPaging)
        engine.posted_interrupts = True
        for ports in board.bus.ports:
            for port in range(ports.start, ports.start + ports.length) if ports.counted else ():
                engine.structure.ports.pass_through(port)
                machine.host.pass_through("port", port)
        for registers in board.bus.mmio:
            last = registers.start + registers.length - 1
            for frame in range(registers.start >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1):
                machine.host.memory.owners[frame] = GUEST
                engine.paging.assign(frame)
