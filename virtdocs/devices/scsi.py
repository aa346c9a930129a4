"""SCSI commands as a disk understands them (SBC-3): read, write, synchronize cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.machine.board import SECTOR_BYTES

READ_10: Final = 0x28
WRITE_10: Final = 0x2A
SYNCHRONIZE_CACHE_10: Final = 0x35
GOOD: Final = 0x00
CHECK_CONDITION: Final = 0x02


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, and the data for the initiator if there is any."""

    status: int
    data: bytes = b""


def transfer_length(cdb: bytes) -> int:
    """How many bytes a command moves in either direction."""
    moves = cdb[0] in (READ_10, WRITE_10)
    return int.from_bytes(cdb[7:9], "big") * SECTOR_BYTES if moves else 0


def perform(disk: Disk, cdb: bytes, data: bytes) -> Answer:
    """One command; ``data`` is what the initiator sends with it."""
    sector = int.from_bytes(cdb[2:6], "big")
    try:
        if cdb[0] == READ_10:
            return Answer(GOOD, disk.read(sector, transfer_length(cdb)))
        if cdb[0] == WRITE_10:
            disk.write(sector, data)
        elif cdb[0] == SYNCHRONIZE_CACHE_10:
            disk.flush()
        else:
            return Answer(CHECK_CONDITION)
    except DiskError:
        return Answer(CHECK_CONDITION)
    return Answer(GOOD)
