"""AMD's PCnet-PCI II, the network card of early virtual machines (Am79C970A data sheet).

Its registers hide behind two ports: one says which register, the other is it. So a
register costs two accesses, and an interrupt, for which the driver looks at several,
costs more than with any later card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.interrupts import Line
from virtdocs.devices.link import Link
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

PORTS: Final = 0xC020
PORT_COUNT: Final = 0x20
DATA_PORT: Final = 0x10  # of the register that the address port names
ADDRESS_PORT: Final = 0x12

INIT, START, STOP, POLL, INTERRUPTS = 0x01, 0x02, 0x04, 0x08, 0x40  # CSR0
INTERRUPTING, INITIALIZED, SENT, RECEIVED, MISSED = 0x80, 0x100, 0x200, 0x400, 0x1000
CAUSES: Final = INITIALIZED | SENT | RECEIVED | MISSED
OWN: Final = 0x8000  # descriptor status: it is the device's
WHOLE: Final = 0x0300  # start and end of packet
DESCRIPTOR_BYTES: Final = 16
CRC_BYTES: Final = 4
SIZE_LIMIT: Final = 9  # 512 descriptors at most


@dataclass(slots=True)
class Ring:
    """A ring of descriptors and where the device is in it."""

    base: int = 0
    size: int = 1
    index: int = 0

    @property
    def at(self) -> int:
        """Address of the current descriptor."""
        return self.base + DESCRIPTOR_BYTES * self.index

    def advance(self) -> None:
        """On to the next descriptor."""
        self.index = (self.index + 1) % self.size


class Pcnet:
    """The controller."""

    name = "pcnet"

    def __init__(self, board: Board, link: Link) -> None:
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.line = Line(board, self.name)
        self.selected = 0
        self.registers = {0: STOP, 1: 0, 2: 0, 3: 0}
        self.tx = Ring()
        self.rx = Ring()
        self.sending = False
        board.bus.add_ports(PORTS, PORT_COUNT, self)

    def read(self, offset: int, size: int) -> int:
        """The register that was named."""
        if offset == ADDRESS_PORT:
            return self.selected
        return self.registers.get(self.selected, 0) if offset == DATA_PORT else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Name a register, or write it."""
        if offset == ADDRESS_PORT:
            self.selected = value
        elif offset == DATA_PORT:
            if self.selected == 0:
                self._control(value)
            elif self.selected in self.registers:
                self.registers[self.selected] = value
            self._update()

    def _control(self, value: int) -> None:
        """CSR0: ones clear causes; the rest are orders."""
        csr0 = self.registers[0] & ~(value & CAUSES) & ~INTERRUPTS | value & INTERRUPTS
        if value & STOP:
            csr0 = STOP
        if value & INIT:
            csr0 = csr0 & ~STOP | (INITIALIZED if self._initialize() else 0)
        if value & START:
            csr0 = csr0 & ~STOP | START
        self.registers[0] = csr0
        if value & POLL and csr0 & START and not self.sending:
            self.sending = True
            self.link.later(self._send)

    def _initialize(self) -> bool:
        """Read the initialization block; False where there is none."""
        dma, at = self.board.dma, self.registers[1] | self.registers[2] << 16
        try:
            sizes = dma.load(at + 2, 2)
            self.rx = Ring(dma.load(at + 20, 4), 1 << min(sizes >> 4 & 15, SIZE_LIMIT))
            self.tx = Ring(dma.load(at + 24, 4), 1 << min(sizes >> 12 & 15, SIZE_LIMIT))
        except DmaError:
            return False
        return True

    def _send(self) -> None:
        self.sending = False
        ring, dma = self.tx, self.board.dma
        sent = False
        try:
            for _ in range(ring.size):
                if not dma.load(ring.at + 6, 2) & OWN:
                    break
                length = -dma.load(ring.at + 4, 2) & 0xFFF
                if length:
                    self.link.send(dma.read(dma.load(ring.at, 4), length))
                    dma.moved("read", length, self.name)
                dma.store(ring.at + 6, 2, WHOLE)
                ring.advance()
                sent = True
        except DmaError:
            self.registers[0] = STOP  # a master abort stops the card
        if sent:
            self._cause(SENT)

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a descriptor for it."""
        ring, dma = self.rx, self.board.dma
        if not self.registers[0] & START:
            return False
        try:
            if not dma.load(ring.at + 6, 2) & OWN:
                self._cause(MISSED)
                return False
            dma.write(dma.load(ring.at, 4), frame[: -dma.load(ring.at + 4, 2) & 0xFFF])
            dma.moved("write", len(frame), self.name)
            dma.store(ring.at + 8, 4, len(frame) + CRC_BYTES)
            dma.store(ring.at + 6, 2, WHOLE)
        except DmaError:
            self.registers[0] = STOP
            return False
        ring.advance()
        self._cause(RECEIVED)
        return True

    def _cause(self, cause: int) -> None:
        self.registers[0] |= cause
        self._update()

    def _update(self) -> None:
        asks = bool(self.registers[0] & CAUSES & ~self.registers[3])
        self.registers[0] = self.registers[0] & ~INTERRUPTING | (INTERRUPTING if asks else 0)
        self.line.set(asks and bool(self.registers[0] & INTERRUPTS))
