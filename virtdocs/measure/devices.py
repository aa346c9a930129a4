"""The devices that can be measured: QEMU's options, the driver's modules, the registers, the work.

``registers`` are the names of QEMU's memory regions that belong to the device; what
else a guest touches meanwhile (interrupt controllers, timers) is not counted. Virtio
devices are told not to use ioeventfd, so that no two kicks become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName

DISK_WORK: Final = ("dr:4096", "dw:4096", "df", "dr:65536", "dqr:4096:8")
NET_WORK: Final = ("pp:1", "pp:8", "tx")
SCSI_DISK: Final = ("sd_mod",)
IDE: Final = ("ide", "piix-bmdma", "bmdma")  # the driver looks at the bus master without DMA too


@dataclass(frozen=True, slots=True)
class Measured:
    """One device of a measurement."""

    name: str
    kind: str  # disk | net | con, as the column of the CSV file
    qemu: tuple[str, ...]
    modules: tuple[str, ...]
    registers: tuple[str, ...]  # names of QEMU's memory regions, by their beginning
    interrupt: str  # what tells its lines in /proc/interrupts
    setting: str  # the environment of guest/work.c
    work: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)  # of modules, by module


def _disk(
    name: str,
    qemu: str,
    modules: tuple[str, ...],
    registers: tuple[str, ...],
    interrupt: str,
    node: str = "/dev/sda",
    **parameters: str,
) -> Measured:
    setting = f"DISK={node}"
    options = tuple(qemu.split())
    return Measured(
        name, "disk", options, modules, registers, interrupt, setting, DISK_WORK, parameters
    )


def _net(name: str, qemu: str, modules: tuple[str, ...], registers: tuple[str, ...]) -> Measured:
    options = ("-device", f"{qemu},netdev=net")
    # The interface's name, or the device's where a driver names its vectors after that.
    interrupt = "virtio0-" if name.startswith("virtio") else "eth0"
    return Measured(name, "net", options, modules, registers, interrupt, "NET=eth0", NET_WORK)


_DEVICES: Final = (
    _disk(
        "ide-pio", "-device ide-hd,drive=disk", ("ata_piix", *SCSI_DISK), IDE, "ata_piix",
        libata="dma=0",
    ),
    _disk(
        "ide-dma", "-device ide-hd,drive=disk", ("ata_piix", *SCSI_DISK),
        IDE, "ata_piix",
    ),
    _disk(
        "ahci", "-device ahci,id=bus -device ide-hd,drive=disk,bus=bus.0", ("ahci", *SCSI_DISK),
        ("ahci",), "ahci",
    ),
    _disk("nvme", "-device nvme,serial=1,drive=disk", ("nvme",), ("nvme",), "nvme0q",
          "/dev/nvme0n1"),
    _disk(
        "pvscsi", "-device pvscsi,id=bus -device scsi-hd,drive=disk,bus=bus.0",
        ("vmw_pvscsi", *SCSI_DISK), ("pvscsi",), "vmw_pvscsi",
    ),
    # QEMU has the family's adapter for SAS in place of the one for parallel SCSI: another bus
    # behind it, the same registers in front (drivers/message/fusion/mptbase.c serves both). Linux
    # attaches no SAS disk without a name of its own.
    _disk(
        "lsilogic", "-device mptsas1068,id=bus"
        " -device scsi-hd,drive=disk,bus=bus.0,wwn=0x5000c50000000001",
        ("mptsas", *SCSI_DISK), ("mptsas",), "ioc0",
    ),
    _disk(
        "virtio-scsi", "-device virtio-scsi-pci,id=bus,ioeventfd=off"
        " -device scsi-hd,drive=disk,bus=bus.0",
        ("virtio_pci", "virtio_scsi", *SCSI_DISK), ("virtio-pci",), "virtio0-",
    ),
    _disk(
        "virtio-blk", "-device virtio-blk-pci,drive=disk,ioeventfd=off",
        ("virtio_pci", "virtio_blk"), ("virtio-pci",), "virtio0-", "/dev/vda",
    ),
    _net("e1000", "e1000", ("e1000",), ("e1000",)),
    _net("rtl8139", "rtl8139", ("8139cp",), ("rtl8139",)),
    _net("pcnet", "pcnet", ("pcnet32",), ("pcnet",)),
    _net("vmxnet3", "vmxnet3", ("vmxnet3",), ("vmxnet3",)),
    _net(
        "virtio-net", "virtio-net-pci,ioeventfd=off", ("virtio_pci", "virtio_net"),
        ("virtio-pci",),
    ),
    Measured(
        "serial-16550", "con", ("-chardev", "null,id=line", "-device", "isa-serial,chardev=line"),
        (), ("serial",), "ttyS0", "TTY=/dev/ttyS0", ("con",),
    ),
    Measured(
        "virtio-console", "con", ("-chardev", "null,id=line", "-device",
        "virtio-serial-pci,ioeventfd=off", "-device", "virtconsole,chardev=line"),
        ("virtio_pci", "virtio_console"), ("virtio-pci",), "virtio0-", "TTY=/dev/hvc0", ("con",),
    ),
)  # fmt: skip
DEVICES: Final[Mapping[str, Measured]] = MappingProxyType({one.name: one for one in _DEVICES})


def chosen(names: Iterable[str]) -> list[Measured]:
    """The devices of these names, all of them for none; UnknownName with the nearest."""
    wanted = list(names) or list(DEVICES)
    for name in wanted:
        if name not in DEVICES:
            raise UnknownName("--devices", "device", name, DEVICES)
    return [DEVICES[name] for name in wanted]
