"""The devices by name: what they are, whose driver they need, how they are plugged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.virtio_blk import VirtioBlk
from virtdocs.machine.board import Board

Options = Mapping[str, int]
DISK: Final = "disk"


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


def _disk(
    name: str, about: str, device: Callable[[Board, Disk], object], *drivers: str
) -> DeviceType:
    def plug(board: Board, options: Options) -> object:
        format_disk(board)
        return device(board, Disk(board, options["latency"]))

    files = tuple(f"drivers/{file}.s" for file in ("device", "block", *drivers))
    return DeviceType(name, DISK, about, files, plug)


_TYPES: Final = (
    _disk("virtio-blk", "one virtqueue of block requests", VirtioBlk, "virtio", "virtio_blk"),
)
DEVICES: Final[Mapping[str, DeviceType]] = MappingProxyType({t.name: t for t in _TYPES})
