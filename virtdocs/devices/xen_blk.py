"""blkback: the back end of a Xen guest's disk, in dom0 (Xen's public/io/blkif.h).

A batch of requests costs the guest one hypercall, the event; the answer is one event
for all that is done when the guest looks.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.xen_ring import (
    CONNECTED,
    DriverDomain,
    GrantError,
    Ring,
    read_page,
    write_page,
)
from virtdocs.machine.board import SECTOR_BYTES
from virtdocs.trace import EventKind, Party

ENTRY_BYTES: Final = 112
ENTRIES: Final = 32
READ, WRITE, FLUSH = 0, 1, 3
SEGMENTS: Final = 11
SEGMENT_BYTES: Final = 8
SECTORS_PER_PAGE: Final = 8
OKAY, ERROR, UNSUPPORTED = 0, 0xFFFF, 0xFFFE


class XenBlk:
    """The back end of one front end."""

    name = "xen-blk"

    def __init__(self, domain: DriverDomain, disk: Disk) -> None:
        self.domain = domain
        self.disk = disk
        self.ring: Ring | None = None
        self.port = 0
        self.refused = False

    def event(self, port: int) -> None:
        """The front end sent an event: connect at the first one, then look at the ring."""
        domain = self.domain
        domain.board.trace.record(
            EventKind.BACKEND, "event", Party.DOM0, time=domain.board.agenda.now
        )
        try:
            if self.ring is None and not self.refused:
                self._connect(port)
            self._look()
        except GrantError:
            self.ring, self.refused = None, True  # a front end that breaks the rules is cut off

    def _connect(self, port: int) -> None:
        if self.domain.store(0) == CONNECTED:
            self.ring = Ring(
                self.domain.map(self.domain.store(1), write=True), ENTRY_BYTES, ENTRIES
            )
            self.port = port

    def _look(self) -> None:
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
