"""What stands behind every disk controller: sectors, and how long they take.

Latency is virtual time, the same under every technique. Requests of one controller
overlap: each takes its own latency from the moment the device got it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.machine.board import SECTOR_BYTES, Board

SECTORS: Final = 8_192  # 4 MiB
DEFAULT_LATENCY: Final = 2_000  # guest instructions


class DiskError(Exception):
    """A request beyond the end of the disk."""


class Disk:
    """The board's disk."""

    def __init__(self, board: Board, latency: int = DEFAULT_LATENCY) -> None:
        self.board = board
        self.latency = latency
        self.flushes = 0

    def later(self, action: Callable[[], object]) -> None:
        """Do what the disk needs its time for: there and back, with everybody on the way."""
        self.board.passed_on()

        def done() -> None:
            self.board.passed_back()
            action()

        self.board.agenda.schedule(self.board.agenda.now + self.latency, done)

    @property
    def sectors(self) -> int:
        """Capacity in sectors of 512 bytes."""
        return len(self.board.disk) // SECTOR_BYTES

    def read(self, sector: int, length: int) -> bytes:
        """``length`` bytes from ``sector`` on."""
        start = self._start(sector, length)
        return bytes(self.board.disk[start : start + length])

    def write(self, sector: int, data: bytes) -> None:
        """Write from ``sector`` on."""
        start = self._start(sector, len(data))
        self.board.disk[start : start + len(data)] = data

    def flush(self) -> None:
        """Make earlier writes durable: here they are at once, so it is only counted."""
        self.flushes += 1

    def _start(self, sector: int, length: int) -> int:
        start = sector * SECTOR_BYTES
        if length % SECTOR_BYTES or start + length > len(self.board.disk):
            raise DiskError(f"sector {sector}, {length} bytes")
        return start


def format_disk(board: Board) -> None:
    """Plug in a disk whose sectors hold their own number, eight bytes wide, all through."""
    numbers = (sector.to_bytes(8, "little") for sector in range(SECTORS))
    board.disk = bytearray(b"".join(number * (SECTOR_BYTES // 8) for number in numbers))
