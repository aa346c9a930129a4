"""blkback: the back end of a Xen guest's disk, in dom0 (Xen's public/io/blkif.h).

A batch of requests costs the guest one hypercall, the event; the answer is one event
for all that is done when the guest looks.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.xen_ring import (
    BackEnd,
    DriverDomain,
    GrantError,
    Ring,
    read_page,
    write_page,
)
from virtdocs.machine.board import SECTOR_BYTES

ENTRY_BYTES: Final = 112
ENTRIES: Final = 32
READ, WRITE, FLUSH = 0, 1, 3
SEGMENTS: Final = 11
SEGMENT_BYTES: Final = 8
SECTORS_PER_PAGE: Final = 8
OKAY, ERROR, UNSUPPORTED = 0, 0xFFFF, 0xFFFE


class XenBlk(BackEnd):
    """The back end of one front end."""

    name = "xen-blk"

    def __init__(self, domain: DriverDomain, disk: Disk) -> None:
        super().__init__(domain)
        self.disk = disk
        self.ring: Ring | None = None

    def connect(self) -> None:
        """Map the ring."""
        domain = self.domain
        self.ring = Ring(domain.map(domain.store(1), write=True), ENTRY_BYTES, ENTRIES)

    def disconnect(self) -> None:
        """Let go of the ring."""
        self.ring = None

    def look(self) -> None:
        """Take the requests that are there."""
        ring = self.ring
        while ring is not None:
            while (raw := ring.take()) is not None:
                self.disk.later(partial(self._perform, raw))
            if not ring.listen():
                return

    def _perform(self, raw: bytes) -> None:
        operation, count, identifier = raw[0], raw[1], raw[8:16]
        sector = int.from_bytes(raw[16:24], "little")
        status = OKAY
        try:
            if operation == FLUSH:
                self.disk.flush()
            elif operation in (READ, WRITE) and count <= SEGMENTS:
                for n in range(count):
                    at = 24 + SEGMENT_BYTES * n
                    sector += self._segment(operation, sector, raw[at : at + SEGMENT_BYTES])
            else:
                status = UNSUPPORTED
        except (GrantError, DiskError):
            status = ERROR
        response = identifier + bytes((operation, 0)) + status.to_bytes(2, "little")
        if self.ring is not None and self.ring.respond(response):
            self.domain.notify(self.port, self.name)

    def _segment(self, operation: int, sector: int, raw: bytes) -> int:
        """One page's part of a request; how many sectors it has."""
        first, last = raw[4], raw[5]
        if not first <= last < SECTORS_PER_PAGE:
            raise GrantError("sectors beyond the page")
        reads = operation == READ
        page = self.domain.map(int.from_bytes(raw[:4], "little"), write=reads)
        length = (last - first + 1) * SECTOR_BYTES
        if reads:
            write_page(page, first * SECTOR_BYTES, self.disk.read(sector, length))
        else:
            self.disk.write(sector, read_page(page, first * SECTOR_BYTES, length))
        self.domain.board.dma.moved("write" if reads else "read", length, self.name)
        return last - first + 1
