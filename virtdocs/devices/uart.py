"""A 16550A serial port (National Semiconductor PC16550D data sheet).

Eight ports, a FIFO of 16 bytes each way. With a wire that takes no time, as behind
an emulated port, the transmitter is empty again after every byte: its interrupt line
falls and rises with each, and a line of 64 bytes ends with one interrupt too many,
which the driver has to look into and finds nothing.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.interrupts import EdgeLine
from virtdocs.machine.board import Board

PORT: Final = 0x3F8
FIFO_BYTES: Final = 16
DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH = range(8)  # FCR is written where IIR is read

IER_MASK: Final = 0x0F
THR_EMPTY: Final = 0x02  # IER: interrupt when the transmitter holding register is empty
NO_INTERRUPT: Final = 0x01  # IIR
IIR_THR_EMPTY: Final = 0x02
IIR_FIFO: Final = 0xC0
FCR_ENABLE: Final = 0x01
LCR_DIVISOR: Final = 0x80
MCR_OUT2: Final = 0x08  # on a PC this bit lets the interrupt out
LSR_THRE: Final = 0x20
LSR_TEMT: Final = 0x40
MSR_READY: Final = 0xB0  # carrier, data set ready, clear to send


class Uart:
    """The port; what it sends appears on the board's console. ``wire``: instructions a byte."""

    name = "serial-16550"

    def __init__(self, board: Board, wire: int) -> None:
        self.board = board
        self.wire = wire
        self.line = EdgeLine(board, self.name)
        self.registers = dict.fromkeys((IER, LCR, MCR, SCRATCH), 0)
        self.divisor = [0, 0]
        self.fifo_on = False
        self.fifo = bytearray()
        self.sending = False
        self.empty_pending = False  # the THR-empty interrupt, until IIR is read or THR written
        board.bus.add_ports(PORT, 8, self)

    def read(self, offset: int, size: int) -> int:
        """A register; reading IIR takes the THR-empty interrupt back."""
        if self.registers[LCR] & LCR_DIVISOR and offset in (DATA, IER):
            return self.divisor[offset]
        if offset == IIR:
            return self._identify()
        if offset == LSR:
            return (0 if self.fifo else LSR_THRE) | (0 if self.fifo or self.sending else LSR_TEMT)
        if offset == MSR:
            return MSR_READY
        return self.registers.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; DATA sends a byte."""
        if self.registers[LCR] & LCR_DIVISOR and offset in (DATA, IER):
            self.divisor[offset] = value
        elif offset == DATA:
            self._send(value)
        elif offset == IIR:
            self.fifo_on = bool(value & FCR_ENABLE)
        elif offset == IER:
            # Enabling the THR-empty interrupt while the transmitter is empty asks at once.
            fresh = value & ~self.registers[IER] & THR_EMPTY
            self.registers[IER] = value & IER_MASK
            if fresh and not self.fifo:
                self.empty_pending = True
            self._update()
        elif offset in self.registers:
            self.registers[offset] = value
            self._update()

    def _identify(self) -> int:
        mode = IIR_FIFO if self.fifo_on else 0
        if not self._asks():
            return NO_INTERRUPT | mode
        self.empty_pending = False
        self._update()
        return IIR_THR_EMPTY | mode

    def _send(self, byte: int) -> None:
        self.empty_pending = False
        self._update()
        if len(self.fifo) < (FIFO_BYTES if self.fifo_on else 1):
            self.fifo.append(byte)
        if not self.sending:
            self._next()

    def _next(self) -> None:
        """The next byte goes onto the wire."""
        byte = self.fifo.pop(0)
        self.sending = True
        if self.wire:
            self.board.agenda.schedule(self.board.agenda.now + self.wire, lambda: self._sent(byte))
        else:
            self._sent(byte)

    def _sent(self, byte: int) -> None:
        self.board.console.append(byte)
        self.sending = False
        if self.fifo:
            self._next()
        else:
            self.empty_pending = True
            self._update()

    def _asks(self) -> bool:
        return self.empty_pending and bool(self.registers[IER] & THR_EMPTY)

    def _update(self) -> None:
        self.line.set(self._asks() and bool(self.registers[MCR] & MCR_OUT2))
