"""netback: the back end of a Xen guest's network interface, in dom0 (public/io/netif.h).

Two rings: frames to send lie in pages that the guest grants, and the guest posts
granted pages to receive into. One event channel serves both.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.link import Link
from virtdocs.devices.xen_ring import (
    BackEnd,
    DriverDomain,
    GrantError,
    Ring,
    read_page,
    write_page,
)
from virtdocs.machine.memory import PAGE_BYTES

TX_BYTES: Final = 12  # reference, offset, flags, id, size; the answer is id and status
RX_BYTES: Final = 8  # id, reference; the answer is id, offset, flags, status
ENTRIES: Final = 256
OKAY, ERROR = 0, 0xFFFF


class XenNet(BackEnd):
    """The back end of one front end."""

    name = "xen-net"

    def __init__(self, domain: DriverDomain, link: Link) -> None:
        super().__init__(domain)
        self.link = link
        link.plug(self.name, self.receive)
        self.tx: Ring | None = None
        self.rx: Ring | None = None

    def connect(self) -> None:
        """Map both rings."""
        domain = self.domain
        self.tx = Ring(domain.map(domain.store(1), write=True), TX_BYTES, ENTRIES)
        self.rx = Ring(domain.map(domain.store(3), write=True), RX_BYTES, ENTRIES)

    def disconnect(self) -> None:
        """Let go of both rings."""
        self.tx = self.rx = None

    def look(self) -> None:
        """Take the frames that are there."""
        ring = self.tx
        while ring is not None:
            while (raw := ring.take()) is not None:
                self.link.later(partial(self._send, raw))
            if not ring.listen():
                return

    def _send(self, raw: bytes) -> None:
        reference, offset = int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:6], "little")
        identifier, size = raw[8:10], int.from_bytes(raw[10:12], "little")
        status = OKAY
        try:
            page = self.domain.map(reference)
            if not size or offset + size > PAGE_BYTES:
                raise GrantError("a frame beyond its page")
            self.domain.board.dma.moved("read", size, self.name)
            self.link.send(read_page(page, offset, size))
        except GrantError:
            status = ERROR
        self._respond(self.tx, identifier + status.to_bytes(2, "little"))

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a page for it."""
        try:
            raw = self.rx.take() if self.rx is not None else None
            if raw is None:
                return False
            page = self.domain.map(int.from_bytes(raw[4:], "little"), write=True)
            write_page(page, 0, frame)
        except GrantError:
            self.cut_off()
            return False
        self.domain.board.dma.moved("write", len(frame), self.name)
        self._respond(self.rx, raw[:2] + bytes(4) + len(frame).to_bytes(2, "little"))
        return True

    def _respond(self, ring: Ring | None, response: bytes) -> None:
        if ring is not None and ring.respond(response):
            self.domain.notify(self.port, self.name)
