"""Xen's split drivers: a ring in a granted page, and an event channel to the driver domain.

The front end is in the guest, the back end in dom0 (Fraser et al. 2004). The guest
lends single pages by its grant table; the back end maps nothing else. Either side
says in the ring when it wants to hear, and is told by an event, not by a register.
(Xen: public/grant_table.h, public/io/ring.h.)

Xen 1.x had its drivers in the hypervisor: a ring in a page that both can reach, no
domain to switch to, and no grants, since Xen itself sees to it that a request names
pages of its own guest only (Barham et al. 2003, §3.2.2, §3.3.4 to §3.3.6). Here the
rings are those of later, and event_channel_op tells Xen to look.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.dma import write_bytes
from virtdocs.machine.memory import PAGE_BYTES, Page, load_bytes, store_bytes
from virtdocs.trace import EventKind, Party

GRANT_TABLE: Final = 0x2_B000
GRANTS: Final = 1024
STORE: Final = 0x2_D000  # stands for the Xenstore: state, ring, port, second ring
CONNECTED: Final = 4
PERMIT_ACCESS: Final = 1
READ_ONLY: Final = 4
DOM0: Final = 0
HEADER_BYTES: Final = 64
NUMBER: Final = 0xFFFF_FFFF

# A ring's header: what was produced, and when the other side wants to hear.
REQUESTS, REQUEST_EVENT, RESPONSES, RESPONSE_EVENT = 0, 4, 8, 12


class GrantError(Exception):
    """A reference that gives no right: nothing was granted, or not this, or not to dom0."""


@dataclass(slots=True)
class DriverDomain:
    """What a back end has of its guest: granted pages, and the way to send it an event.

    ``frame`` gives the words of a frame under the number that the guest's grants use
    (machine frames for a PV guest), None for one that is not the guest's. ``party`` is who
    runs the back end: without grants it is the hypervisor itself, as in Xen 1.x.
    """

    board: Board
    frame: Callable[[int], Page | None]
    send: Callable[[int], None]
    party: Party = Party.DOM0
    grants: bool = True

    def map(self, reference: int, *, write: bool = False) -> Page:
        """The page behind a grant reference; without grants, behind a frame's own number."""
        if not self.grants:
            own = self.frame(reference)
            if own is None:
                raise GrantError(f"frame {reference:#x}")
            return own
        entry = self._entry(reference)
        flags, domain = entry & 0xFFFF, entry >> 16 & 0xFFFF
        page = self.frame(entry >> 32)
        if not self.permits(flags, domain, write) or page is None:
            raise GrantError(f"grant {reference}")
        self.board.trace.record(EventKind.BACKEND, "grant", self.party, reference=reference)
        return page

    @staticmethod
    def permits(flags: int, domain: int, write: bool) -> bool:
        """Whether an entry lends its page to dom0 for this use."""
        lent = flags & 3 == PERMIT_ACCESS and domain == DOM0
        return lent and not (write and flags & READ_ONLY)

    def _entry(self, reference: int) -> int:
        if not 0 <= reference < GRANTS:
            raise GrantError(f"reference {reference}")
        return self.board.dma.load(GRANT_TABLE + 8 * reference, 8)

    def store(self, word: int) -> int:
        """A word of what the front end published."""
        return self.board.dma.load(STORE + 8 * word, 8)

    def notify(self, port: int, device: str) -> None:
        """Send the guest an event, which is its interrupt."""
        self.board.trace.record(
            EventKind.DEVICE_IRQ, device, self.party, time=self.board.agenda.now, port=port
        )
        self.send(port)


class BackEnd(ABC):
    """What serves a front end: it connects at the first event and cuts off who breaks the rules."""

    def __init__(self, domain: DriverDomain) -> None:
        self.domain = domain
        self.port = 0
        self.connected = False
        self.refused = False

    def event(self, port: int) -> None:
        """The front end sent an event by this port."""
        board = self.domain.board
        party = self.domain.party
        board.trace.record(EventKind.BACKEND, "event", party, time=board.agenda.now)
        try:
            if not (self.connected or self.refused) and self.domain.store(0) == CONNECTED:
                self.connect()
                self.port, self.connected = port, True
            self.look()
        except GrantError:
            self.cut_off()

    def cut_off(self) -> None:
        """This front end is served no more."""
        self.disconnect()
        self.connected, self.refused = False, True

    @abstractmethod
    def connect(self) -> None:
        """Map what the front end published; GrantError where it granted nothing."""

    @abstractmethod
    def disconnect(self) -> None:
        """Let go of the rings."""

    @abstractmethod
    def look(self) -> None:
        """Take the requests that are there."""


class Ring:
    """The back end's half of a shared ring."""

    def __init__(self, page: Page, entry_bytes: int, entries: int) -> None:
        self.page = page
        self.entry_bytes = entry_bytes
        self.entries = entries
        self.consumed = load_bytes(page, RESPONSES, 4)
        self.responded = self.consumed

    def take(self) -> bytes | None:
        """The next request, copied; None when there is none. GrantError for an absurd ring."""
        produced = load_bytes(self.page, REQUESTS, 4)
        waiting = produced - self.consumed & NUMBER
        if waiting > self.entries:
            raise GrantError(f"{waiting} requests in a ring of {self.entries}")
        if not waiting:
            return None
        at = HEADER_BYTES + self.entry_bytes * (self.consumed % self.entries)
        self.consumed = self.consumed + 1 & NUMBER
        return read_page(self.page, at, self.entry_bytes)

    def listen(self) -> bool:
        """Ask for an event at the next request; True when one has come already."""
        store_bytes(self.page, REQUEST_EVENT, 4, self.consumed + 1 & NUMBER)
        return load_bytes(self.page, REQUESTS, 4) != self.consumed

    def respond(self, response: bytes) -> bool:
        """Put a response into the ring; whether the front end wants to hear of it."""
        at = HEADER_BYTES + self.entry_bytes * (self.responded % self.entries)
        write_page(self.page, at, response)
        self.responded = self.responded + 1 & NUMBER
        store_bytes(self.page, RESPONSES, 4, self.responded)
        return load_bytes(self.page, RESPONSE_EVENT, 4) == self.responded


def read_page(page: Page, offset: int, count: int) -> bytes:
    """Bytes of one page."""
    raw = b"".join(
        word.to_bytes(8, "little") for word in page[offset // 8 : (offset + count + 7) // 8]
    )
    return raw[offset % 8 : offset % 8 + count]


def write_page(page: Page, offset: int, data: bytes) -> None:
    """Write bytes of one page."""
    if offset + len(data) > PAGE_BYTES:
        raise GrantError("beyond the page")
    write_bytes(page, offset, data)
