"""Intel's 82540EM Ethernet controller, which everybody emulates as e1000.

(PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual,
317453.) Rings in memory, two tail registers, and an interrupt whose cause has to be
read. A round trip costs a write of each tail, and five accesses an interrupt (three reads):

>>> from virtdocs.experiments.run import run
>>> per_op = run("net_pingpong", "native", io="e1000").counts_per_op
>>> per_op["device_irq"], per_op["device_access"]
(2, {'read': 6, 'write': 6})

How many interrupts there are is up to the throttle (ITR) and to what falls together.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.interrupts import Line
from virtdocs.devices.link import Link
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
REGISTER_BYTES: Final = 0x4000
DESCRIPTOR_BYTES: Final = 16

CTRL, STATUS = 0x0000, 0x0008
ICR, ITR, ICS, IMS, IMC = 0x00C0, 0x00C4, 0x00C8, 0x00D0, 0x00D8
RCTL, TCTL = 0x0100, 0x0400
RDBAL, RDBAH, RDLEN, RDH, RDT = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818
TDBAL, TDBAH, TDLEN, TDH, TDT = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818

ENABLE: Final = 1 << 1  # in RCTL and TCTL
LINK_UP: Final = 1 << 1
TXDW: Final = 1 << 0  # causes: a descriptor was written back
RXO: Final = 1 << 6  # no descriptor to receive into
RXT0: Final = 1 << 7  # received
ITR_UNIT: Final = 256  # nanoseconds, which is instructions here
DONE: Final = 1
DONE_END: Final = 3
REPORT_STATUS: Final = 8
END_OF_PACKET: Final = 1


class E1000:
    """The controller."""

    name = "e1000"

    def __init__(self, board: Board, link: Link) -> None:
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.line = Line(board, self.name)
        self.registers = dict.fromkeys(
            (CTRL, ITR, RCTL, TCTL, RDBAL, RDBAH, RDLEN, RDH, RDT,
             TDBAL, TDBAH, TDLEN, TDH, TDT), 0
        )  # fmt: skip
        self.causes = 0
        self.mask = 0
        self.quiet_until = 0
        self.timer = 0
        self.sending = False
        self.packet = bytearray()
        board.bus.add_mmio(BASE, REGISTER_BYTES, self)

    def read(self, offset: int, size: int) -> int:
        """A register; ICR is cleared by reading it."""
        if offset == ICR:
            causes, self.causes = self.causes, 0
            self._update()
            return causes
        if offset == IMS:
            return self.mask
        return LINK_UP if offset == STATUS else self.registers.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; a new tail starts the transmitter."""
        if offset == IMS:
            self.mask |= value
            self._update()
        elif offset == IMC:
            self.mask &= ~value
            self._update()
        elif offset == ICS:
            self._cause(value)
        elif offset in self.registers:
            self.registers[offset] = value
            if offset == TDT and self.registers[TCTL] & ENABLE and not self.sending:
                self.sending = True
                self.link.later(self._send)

    # Rings ----------------------------------------------------------------------------------

    def _descriptor(self, low: int, index: int) -> int:
        base = self.registers[low] | self.registers[low + 4] << 32
        return base + DESCRIPTOR_BYTES * index

    def _count(self, length: int) -> int:
        return max(self.registers[length] // DESCRIPTOR_BYTES, 1)

    def _send(self) -> None:
        self.sending = False
        registers, dma = self.registers, self.board.dma
        reported = False
        try:
            while registers[TDH] != registers[TDT] % self._count(TDLEN):
                at = self._descriptor(TDBAL, registers[TDH])
                length, command = dma.load(at + 8, 2), dma.load(at + 11, 1)
                if length:
                    self.packet += dma.read(dma.load(at, 8), length)
                    dma.moved("read", length, self.name)
                if command & END_OF_PACKET:
                    self.link.send(bytes(self.packet))
                    self.packet.clear()
                if command & REPORT_STATUS:
                    dma.store(at + 12, 1, DONE)
                    reported = True
                registers[TDH] = (registers[TDH] + 1) % self._count(TDLEN)
        except DmaError:
            registers[TCTL] &= ~ENABLE  # a master abort stops the transmitter
        if reported:
            self._cause(TXDW)

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a descriptor for it."""
        registers, dma = self.registers, self.board.dma
        if not registers[RCTL] & ENABLE:
            return False
        if registers[RDH] == registers[RDT]:
            self._cause(RXO)
            return False
        try:
            at = self._descriptor(RDBAL, registers[RDH])
            dma.write(dma.load(at, 8), frame)
            dma.moved("write", len(frame), self.name)
            dma.store(at + 8, 8, len(frame) | DONE_END << 32)
        except DmaError:
            registers[RCTL] &= ~ENABLE
            return False
        registers[RDH] = (registers[RDH] + 1) % self._count(RDLEN)
        self._cause(RXT0)
        return True

    # Interrupts -----------------------------------------------------------------------------

    def _cause(self, cause: int) -> None:
        self.causes |= cause
        self._update()

    def _update(self) -> None:
        """The line follows causes and mask, but rises no sooner than the throttle allows."""
        asks = bool(self.causes & self.mask)
        agenda = self.board.agenda
        if asks and not self.line.held and agenda.now < self.quiet_until:
            if not self.timer:
                self.timer = agenda.schedule(self.quiet_until, self._throttle_over)
            return
        if asks and not self.line.held:
            self.quiet_until = agenda.now + self.registers[ITR] * ITR_UNIT
        self.line.set(asks)

    def _throttle_over(self) -> None:
        self.timer = 0
        self._update()
