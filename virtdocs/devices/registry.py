"""The devices by name: what they are, whose driver they need, how they are plugged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from virtdocs.devices.ahci import Ahci
from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.e1000 import E1000
from virtdocs.devices.hyperv_net import HypervNet
from virtdocs.devices.hyperv_scsi import HypervScsi
from virtdocs.devices.ide import Ide
from virtdocs.devices.link import Link
from virtdocs.devices.lsilogic import LsiLogic
from virtdocs.devices.nvme import Nvme
from virtdocs.devices.pcnet import Pcnet
from virtdocs.devices.pvscsi import Pvscsi
from virtdocs.devices.rtl8139 import Rtl8139
from virtdocs.devices.uart import Uart
from virtdocs.devices.virtio_balloon import VirtioBalloon
from virtdocs.devices.virtio_blk import VirtioBlk
from virtdocs.devices.virtio_console import VirtioConsole
from virtdocs.devices.virtio_net import VirtioNet
from virtdocs.devices.virtio_scsi import VirtioScsi
from virtdocs.devices.vmbus_channel import Channel, ChildPartition
from virtdocs.devices.vmware_balloon import VmwareBalloon
from virtdocs.devices.vmxnet2 import Vmxnet2
from virtdocs.devices.vmxnet3 import Vmxnet3
from virtdocs.devices.xen_balloon import XenBalloon
from virtdocs.devices.xen_blk import ENTRIES, SEGMENTS, XenBlk
from virtdocs.devices.xen_net import XenNet
from virtdocs.devices.xen_ring import BackEnd, DriverDomain
from virtdocs.errors import BadValue
from virtdocs.machine.board import Board
from virtdocs.machine.memory import PAGE_BYTES

Options = Mapping[str, int]
DISK: Final = "disk"
NET: Final = "net"
CONSOLE: Final = "console"
BALLOON: Final = "balloon"
XEN_SPLIT: Final = "drivers/xen_split.s"
XEN_INTERNAL: Final = "drivers/xen_internal.s"
BASIC_COMMANDS: Final = 1  # the parameter ``commands``: one page a call


@dataclass(frozen=True, slots=True)
class DeviceType:
    """A device that a workload can be run on.

    ``drivers`` are the files of its guest driver among the kernel's images, ``plug``
    puts it on a board.
    """

    name: str
    kind: str  # disk | net | console | balloon
    about: str
    drivers: tuple[str, ...]
    plug: Callable[[Board, Options], object]
    bus: str = "pc"  # pc | vmware | xen | vmbus: where a guest finds it
    # For a bus that is a hypervisor's: what serves the guest's driver from another domain.
    back_end: Callable[[DriverDomain, Options], BackEnd] | None = None
    channel: Callable[[ChildPartition, Options], Channel] | None = None
    # tx, rx: where its driver hands over, or gets, several TCP segments in one buffer.
    segments: tuple[str, ...] = ()


def _disk(
    name: str, about: str, device: Callable[[Board, Disk], object], *drivers: str
) -> DeviceType:
    def plug(board: Board, options: Options) -> object:
        format_disk(board)
        return device(board, Disk(board, options["latency"]))

    files = tuple(f"drivers/{file}.s" for file in ("device", "waiting", "block", *drivers))
    return DeviceType(name, DISK, about, files, plug)


def _xen_blk(domain: DriverDomain, options: Options) -> BackEnd:
    if options["depth"] * -(-(options["size"] // PAGE_BYTES + 1) // SEGMENTS) > ENTRIES:
        raise BadValue("depth", f"the ring of xen-blk holds {ENTRIES} parts of {SEGMENTS} pages")
    format_disk(domain.board)
    return XenBlk(domain, Disk(domain.board, options["latency"]))


def _xen_net(domain: DriverDomain, options: Options) -> BackEnd:
    return XenNet(domain, Link.of(domain.board, options))


def _hyperv_scsi(partition: ChildPartition, options: Options) -> Channel:
    format_disk(partition.board)
    return HypervScsi(partition, Disk(partition.board, options["latency"]))


def _hyperv_net(partition: ChildPartition, options: Options) -> Channel:
    return HypervNet(partition, Link.of(partition.board, options))


def _vmbus_drivers(*drivers: str) -> tuple[str, ...]:
    return tuple(f"drivers/{file}.s" for file in ("vmbus", "vmbus_ring", "waiting", *drivers))


def _elsewhere(board: Board, options: Options) -> None:
    """Nothing of it is on the guest's board."""


def _net(
    name: str,
    about: str,
    device: Callable[[Board, Link], object],
    *drivers: str,
    segments: tuple[str, ...] = (),
) -> DeviceType:
    def plug(board: Board, options: Options) -> object:
        return device(board, Link.of(board, options))

    files = tuple(f"drivers/{file}.s" for file in ("device", "waiting", "network", *drivers))
    return DeviceType(name, NET, about, files, plug, segments=segments)


def _serial(board: Board, options: Options) -> object:
    return Uart(board, options["latency"])


def _virtio_console(board: Board, options: Options) -> object:
    return VirtioConsole(board, options["latency"])


def _virtio_balloon(board: Board, options: Options) -> object:
    must_tell = bool(options["must_tell"])
    return VirtioBalloon(board, options["pages"], options["latency"], must_tell)


def _xen_balloon(domain: DriverDomain, options: Options) -> BackEnd:
    return XenBalloon(domain, options["pages"], options["latency"])


def _vmware_balloon(board: Board, options: Options) -> object:
    batched = options["commands"] != BASIC_COMMANDS
    return VmwareBalloon(board, options["pages"], options["latency"], batched)


def _drivers(*names: str) -> tuple[str, ...]:
    return tuple(f"drivers/{name}.s" for name in names)


_TYPES: Final = (
    DeviceType(
        "xen-net",
        NET,
        "a shared ring each way, served by dom0",
        tuple(
            f"drivers/{file}.s" for file in ("xen_split", "xenbus", "waiting", "network", "xen_net")
        ),
        _elsewhere,
        "xen",
        _xen_net,
        # feature-gso-tcpv4 of both ends (drivers/net/xen-netfront.c: talk_to_netback).
        segments=("tx", "rx"),
    ),
    DeviceType(
        "xen-blk",
        DISK,
        "a shared ring and granted pages, served by dom0",
        tuple(
            f"drivers/{file}.s" for file in ("xen_split", "xenbus", "waiting", "block", "xen_blk")
        ),
        _elsewhere,
        "xen",
        _xen_blk,
    ),
    DeviceType(
        "hyperv-net",
        NET,
        "RNDIS over a VMBus channel, served by the root partition",
        _vmbus_drivers("network", "hyperv_net"),
        _elsewhere,
        "vmbus",
        channel=_hyperv_net,
        # NDIS large send (drivers/net/hyperv/netvsc_drv.c: netvsc_xmit); the protocol's version
        # here is older than coalesced receiving.
        segments=("tx",),
    ),
    DeviceType(
        "hyperv-scsi",
        DISK,
        "SCSI over a VMBus channel, served by the root partition",
        _vmbus_drivers("block", "scsi", "hyperv_scsi"),
        _elsewhere,
        "vmbus",
        channel=_hyperv_scsi,
    ),
    # What Linux's drivers offer (NETIF_F_TSO, NETIF_F_LRO): e1000_main.c: e1000_probe, from the
    # 82544 on; 8139cp.c: cp_init_one; vmxnet3_drv.c: vmxnet3_declare_features. pcnet32.c: neither.
    _net("e1000", "Intel 82540EM: tail registers and causes to read", E1000, "e1000",
         segments=("tx",)),
    _net("rtl8139", "Realtek's C+ rings: a poll register and a status", Rtl8139, "rtl8139",
         segments=("tx",)),
    _net("pcnet", "AMD PCnet-PCI II: registers behind two ports", Pcnet, "pcnet"),
    # open-vm-tools, modules/linux/vmxnet/vmxnet.c: vmxnet_probe_features, tso and lpd.
    _net("vmxnet2", "VMware's rings whose entries change hands", Vmxnet2, "vmxnet2",
         segments=("tx", "rx")),
    _net("vmxnet3", "VMware's rings with generation bits", Vmxnet3, "vmxnet3",
         segments=("tx", "rx")),
    # virtio 1.2 §5.1.3: VIRTIO_NET_F_HOST_TSO4; VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_MRG_RXBUF.
    _net("virtio-net", "a virtqueue each way", VirtioNet, "virtio", "virtio_net",
         segments=("tx", "rx")),
    DeviceType(
        "serial-16550",
        CONSOLE,
        "a serial port with FIFOs of 16 bytes",
        ("drivers/device.s", "drivers/waiting.s", "drivers/uart.s"),
        _serial,
    ),
    DeviceType(
        "virtio-console",
        CONSOLE,
        "a virtqueue each way for lines",
        tuple(f"drivers/{file}.s" for file in ("device", "waiting", "virtio", "virtio_console")),
        _virtio_console,
    ),
    DeviceType(
        "virtio-balloon",
        BALLOON,
        "two virtqueues of page numbers",
        _drivers("device", "waiting", "balloon", "virtio", "virtio_balloon"),
        _virtio_balloon,
    ),
    DeviceType(
        "vmware-balloon",
        BALLOON,
        "calls by a backdoor port, a page or a batch each",
        _drivers("device", "waiting", "balloon", "vmware_balloon"),
        _vmware_balloon,
        "vmware",
    ),
    DeviceType(
        "xen-balloon",
        BALLOON,
        "hypercalls that change the domain's reservation",
        _drivers("xen_split", "xenbus", "waiting", "balloon", "xen_balloon"),
        _elsewhere,
        "xen",
        _xen_balloon,
    ),
    _disk("ide-pio", "ATA task file, data through a port", Ide, "ide_pio", "ide"),
    _disk("ide-dma", "ATA task file, data by bus master", Ide, "ide_dma", "ide"),
    _disk("ahci", "SATA with native command queuing", Ahci, "ahci"),
    _disk("nvme", "NVM Express: two doorbells a queue pair", Nvme, "nvme"),
    _disk("lsilogic", "LSI's Fusion-MPT: a FIFO each way", LsiLogic, "scsi", "lsilogic"),
    _disk("pvscsi", "VMware's paravirtual SCSI adapter", Pvscsi, "scsi", "pvscsi"),
    _disk("virtio-scsi", "SCSI through virtqueues", VirtioScsi, "scsi", "virtio", "virtio_scsi"),
    _disk("virtio-blk", "one virtqueue of block requests", VirtioBlk, "virtio", "virtio_blk"),
)  # fmt: skip
DEVICES: Final[Mapping[str, DeviceType]] = MappingProxyType({t.name: t for t in _TYPES})


def in_hypervisor(device: DeviceType) -> DeviceType:
    """The same device of Xen's with its driver domain's half in the hypervisor (Xen 1.x)."""
    kept = (file for file in device.drivers if file != XEN_SPLIT)
    return replace(device, drivers=(XEN_INTERNAL, *kept))
