"""VMware's vmxnet3 (Linux 6.1, drivers/net/vmxnet3: vmxnet3_defs.h; vmxnet3_drv.c,
vmxnet3_tq_xmit, vmxnet3_rq_rx_complete, vmxnet3_msix_rx).

Rings with a generation bit in each entry: nothing has to be read to see what is new.
A transmission writes the producer register once; an interrupt masks itself, and the
driver's one write unmasks it. So a round trip is three writes: one packet, two
interrupts. The device says after how many packets it wants that register, and whether it
wants to be told of buffers given back (ctrl.txThreshold, ctrl.updateRxProd); as QEMU's, it
wants each packet at once and no buffer (hw/net/vmxnet3.c, vmxnet3_activate_device).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.interrupts import ENTRY_BYTES, Line, MessageTable
from virtdocs.devices.link import Link
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
DATA_BYTES: Final = 0x1000  # the first region: interrupt masks and producers
CONTROL: Final = 0x1000  # the second region, and its registers
CONTROL_BYTES: Final = 0x48
MESSAGES: Final = 0x2000

IMR: Final = 0x000  # 8 bytes an interrupt
TXPROD: Final = 0x600
RXPROD: Final = 0x800
VRRS, UVRS, DSAL, DSAH, CMD, ICR = 0x00, 0x08, 0x10, 0x18, 0x20, 0x38
ACTIVATE: Final = 0xCAFE_0000
QUIESCE: Final = 0xCAFE_0001
RESET: Final = 0xCAFE_0002
VECTORS: Final = 3
MAGIC: Final = 0xBABE_FEE1

# In the shared area: where the queues' descriptions are. In a description: rings and sizes.
QUEUE_DESCRIPTIONS: Final = 40
AUTOMASK: Final = 80
TX_THRESHOLD, UPDATE_RX_PRODUCER = 4, 0  # what the device says, in a description
AT_ONCE: Final = 1
TX_DESCRIPTION_BYTES: Final = 256
RING, COMPLETION_RING, RING_SIZE, COMPLETION_SIZE, INTERRUPT = 16, 32, 56, 64, 72
ENTRY: Final = 16
TX_GENERATION: Final = 1 << 14  # in the third word
TX_LAST: Final = 1 << 12  # in the fourth
GENERATION: Final = 1 << 31
LENGTH: Final = 0x3FFF
ONE_FRAME: Final = 3 << 14  # start and end of packet
TX_COMPLETED: Final = 0 << 24
RX_COMPLETED: Final = 3 << 24


@dataclass(slots=True)
class Ring:
    """A ring and how far the device is in it."""

    base: int = 0
    size: int = 0
    index: int = 0
    generation: bool = True

    @property
    def at(self) -> int:
        """Address of the current entry."""
        return self.base + ENTRY * self.index

    def advance(self) -> None:
        """On to the next entry; the generation turns over at the end."""
        self.index += 1
        if self.index >= self.size:
            self.index, self.generation = 0, not self.generation


@dataclass(slots=True)
class Queue:
    """A queue of one direction: its buffers, their completions, and the interrupt."""

    ring: Ring
    completions: Ring
    interrupt: int


class Vmxnet3:
    """The controller, with one queue each way."""

    name = "vmxnet3"

    def __init__(
        self, board: Board, link: Link, threshold: int = AT_ONCE, wants_buffers: bool = False
    ) -> None:
        """``threshold``: packets that the driver may keep back; ``wants_buffers``: whether it
        says when it has given some back."""
        self.threshold = threshold
        self.wants_buffers = wants_buffers
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.line = Line(board, self.name)
        self.messages = MessageTable(board, self.name, VECTORS)
        self.shared = 0
        self.masked = [True] * VECTORS
        self.pending = [False] * VECTORS
        self.automask = False
        self.tx: Queue | None = None
        self.rx: Queue | None = None
        self.sending = False
        self.answer = 0
        board.bus.add_mmio(BASE, DATA_BYTES, self)
        board.bus.add_mmio(BASE + CONTROL, CONTROL_BYTES, Control(self))
        board.bus.add_mmio(BASE + MESSAGES, ENTRY_BYTES * VECTORS, self.messages)

    def read(self, offset: int, size: int) -> int:
        """The interrupt masks."""
        number = offset // 8
        return int(self.masked[number]) if offset < 8 * VECTORS else 0

    def write(self, offset: int, size: int, value: int) -> None:
        """An interrupt mask, or a producer."""
        if offset < 8 * VECTORS:
            self.masked[offset // 8] = bool(value & 1)
            self._update()
        elif offset == TXPROD and self.tx is not None and not self.sending:
            self.sending = True
            self.link.later(self._send)

    def command(self, value: int) -> None:
        """Activate, or stop."""
        if value in (RESET, QUIESCE):
            self.tx = self.rx = None
        elif value == ACTIVATE:
            try:
                self._activate()
                self.answer = 0
            except DmaError:
                self.answer = 1

    def _activate(self) -> None:
        dma = self.board.dma
        if dma.load(self.shared, 4) != MAGIC:
            raise DmaError(self.shared, 4)
        descriptions = dma.load(self.shared + QUEUE_DESCRIPTIONS, 8)
        self.automask = bool(dma.load(self.shared + AUTOMASK, 1))
        dma.store(descriptions + TX_THRESHOLD, 4, self.threshold)
        self.tx = self._queue(descriptions)
        receiving = descriptions + TX_DESCRIPTION_BYTES
        dma.store(receiving + UPDATE_RX_PRODUCER, 1, self.wants_buffers)
        self.rx = self._queue(receiving)

    def _queue(self, at: int) -> Queue:
        dma = self.board.dma
        sizes = [max(dma.load(at + offset, 4), 1) for offset in (RING_SIZE, COMPLETION_SIZE)]
        ring = Ring(dma.load(at + RING, 8), sizes[0])
        interrupt = dma.load(at + INTERRUPT, 1) % VECTORS
        return Queue(ring, Ring(dma.load(at + COMPLETION_RING, 8), sizes[1]), interrupt)

    # Frames ---------------------------------------------------------------------------------

    def _send(self) -> None:
        self.sending = False
        queue, dma = self.tx, self.board.dma
        if queue is None:
            return
        frame, sent = b"", False
        try:
            # A ring that is all new is sent once round: its driver may not refill it meanwhile.
            for _ in range(queue.ring.size):
                word = dma.load(queue.ring.at + 8, 4)
                if bool(word & TX_GENERATION) != queue.ring.generation:
                    break
                length = word & LENGTH
                if length:
                    frame += dma.read(dma.load(queue.ring.at, 8), length)
                    dma.moved("read", length, self.name)
                index = queue.ring.index
                last = dma.load(queue.ring.at + 12, 4) & TX_LAST
                queue.ring.advance()
                if last:
                    self.link.send(frame)
                    self._complete(queue, index, 0, TX_COMPLETED)
                    frame, sent = b"", True
        except DmaError:
            self.tx = None  # a ring or a buffer outside memory: the queue stops
        if sent:
            self._interrupt(queue.interrupt)

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a buffer for it."""
        queue, dma = self.rx, self.board.dma
        if queue is None:
            return False
        try:
            word = dma.load(queue.ring.at + 8, 4)
            if bool(word & GENERATION) != queue.ring.generation or word & LENGTH < len(frame):
                return False
            dma.write(dma.load(queue.ring.at, 8), frame)
            dma.moved("write", len(frame), self.name)
            index = queue.ring.index
            queue.ring.advance()
            self._complete(queue, index | ONE_FRAME, len(frame), RX_COMPLETED)
        except DmaError:
            self.rx = None
            return False
        self._interrupt(queue.interrupt)
        return True

    def _complete(self, queue: Queue, first: int, length: int, kind: int) -> None:
        ring = queue.completions
        words = (first, 0, length, kind | (GENERATION if ring.generation else 0))
        self.board.dma.write(ring.at, b"".join(word.to_bytes(4, "little") for word in words))
        ring.advance()

    # Interrupts -----------------------------------------------------------------------------

    def _interrupt(self, number: int) -> None:
        self.pending[number] = True
        self._update()

    def _update(self) -> None:
        for number in range(VECTORS):
            if not self.pending[number] or self.masked[number] or not self.messages.in_use:
                continue
            self.pending[number] = False
            self.masked[number] = self.automask
            self.messages.send(number)
        if not self.messages.in_use:
            asks = any(p and not m for p, m in zip(self.pending, self.masked, strict=True))
            self.line.set(asks)

    def interrupt_causes(self) -> int:
        """ICR, for a line: what is pending; reading takes it, and masks it again."""
        causes = 0
        for number in range(VECTORS):
            if self.pending[number] and not self.masked[number]:
                causes |= 1 << number
                self.pending[number] = False
                self.masked[number] = self.automask
        self._update()
        return causes


class Control:
    """The second region: commands and the address of the shared area."""

    def __init__(self, device: Vmxnet3) -> None:
        self.device = device
        self.name = device.name

    def read(self, offset: int, size: int) -> int:
        """Versions, the last command's answer, interrupt causes."""
        if offset == ICR:
            return self.device.interrupt_causes()
        return self.device.answer if offset == CMD else int(offset in (VRRS, UVRS))

    def write(self, offset: int, size: int, value: int) -> None:
        """The shared area's address, or a command."""
        device = self.device
        if offset == DSAL:
            device.shared = device.shared >> 32 << 32 | value
        elif offset == DSAH:
            device.shared = device.shared & 0xFFFF_FFFF | value << 32
        elif offset == CMD:
            device.command(value)
