"""Realtek's RTL8139C+ in its C+ mode: descriptors in memory (RTL8139C(L)+ data sheet, §6).

A transmission writes the poll register once. An interrupt is a line whose status has
to be read and written back, and whose mask its driver changes around polling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.interrupts import Line
from virtdocs.devices.link import Link
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
REGISTER_BYTES: Final = 0x100
TX_RING, COMMAND, INTR_MASK, INTR_STATUS, TX_POLL, RX_RING = 0x20, 0x37, 0x3C, 0x3E, 0xD9, 0xE4
TX_ENABLE: Final = 4
RX_ENABLE: Final = 8
RX_OK, TX_OK, RX_EMPTY = 1, 4, 0x10
POLL: Final = 0x40  # there is something in the ring of normal priority
OWN: Final = 1 << 31  # descriptor: it is the device's
RING_END: Final = 1 << 30
FIRST: Final = 1 << 29
LAST: Final = 1 << 28
TX_LENGTH: Final = 0xFFFF
RX_LENGTH: Final = 0x1FFF
DESCRIPTOR_BYTES: Final = 16
DESCRIPTORS: Final = 64


@dataclass(slots=True)
class Ring:
    """A ring of descriptors and where the device is in it."""

    base: int = 0
    index: int = 0

    @property
    def at(self) -> int:
        """Address of the current descriptor."""
        return self.base + DESCRIPTOR_BYTES * self.index

    def advance(self, end: bool) -> None:
        """On to the next, or to the first after the one marked as the end."""
        self.index = 0 if end or self.index + 1 == DESCRIPTORS else self.index + 1


class Rtl8139:
    """The controller."""

    name = "rtl8139"

    def __init__(self, board: Board, link: Link) -> None:
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.line = Line(board, self.name)
        self.tx = Ring()
        self.rx = Ring()
        self.command = 0
        self.mask = 0
        self.status = 0
        self.sending = False
        self.packet = bytearray()
        board.bus.add_mmio(BASE, REGISTER_BYTES, self)

    def read(self, offset: int, size: int) -> int:
        """A register."""
        return {INTR_MASK: self.mask, INTR_STATUS: self.status, COMMAND: self.command}.get(
            offset, 0
        )

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; ones clear the status, and a poll starts the transmitter."""
        if offset == INTR_MASK:
            self.mask = value
        elif offset == INTR_STATUS:
            self.status &= ~value
        elif offset == COMMAND:
            self.command = value
        elif offset == TX_RING:
            self.tx = Ring(value)
        elif offset == RX_RING:
            self.rx = Ring(value)
        elif offset == TX_POLL and value & POLL and self.command & TX_ENABLE and not self.sending:
            self.sending = True
            self.link.later(self._send)
        self._update()

    def _send(self) -> None:
        self.sending = False
        ring, dma = self.tx, self.board.dma
        sent = False
        try:
            for _ in range(DESCRIPTORS):
                options = dma.load(ring.at, 4)
                if not options & OWN:
                    break
                length = options & TX_LENGTH
                if length:
                    self.packet += dma.read(dma.load(ring.at + 8, 8), length)
                    dma.moved("read", length, self.name)
                dma.store(ring.at, 4, options & ~OWN)
                ring.advance(bool(options & RING_END))
                if options & LAST:
                    self.link.send(bytes(self.packet))
                    self.packet.clear()
                    sent = True
        except DmaError:
            self.command &= ~TX_ENABLE  # a master abort stops the transmitter
        if sent:
            self._cause(TX_OK)

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a descriptor for it."""
        ring, dma = self.rx, self.board.dma
        if not self.command & RX_ENABLE:
            return False
        try:
            options = dma.load(ring.at, 4)
            if not options & OWN or options & RX_LENGTH < len(frame):
                self._cause(RX_EMPTY)
                return False
            dma.write(dma.load(ring.at + 8, 8), frame)
            dma.moved("write", len(frame), self.name)
            end = options & RING_END
            dma.store(ring.at, 4, end | FIRST | LAST | len(frame))
        except DmaError:
            self.command &= ~RX_ENABLE
            return False
        ring.advance(bool(end))
        self._cause(RX_OK)
        return True

    def _cause(self, cause: int) -> None:
        self.status |= cause
        self._update()

    def _update(self) -> None:
        self.line.set(bool(self.status & self.mask))
