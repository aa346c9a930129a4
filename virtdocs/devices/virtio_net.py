"""virtio-net: a queue for each direction (OASIS virtio 1.2, §5.1).

A packet costs one kick, if the device is not busy sending anyway, and one interrupt
each way; buffers to receive into are handed back without a kick as long as the
device has others.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.link import Link
from virtdocs.devices.virtio_transport import Transport
from virtdocs.devices.virtqueue import RingError, Virtqueue
from virtdocs.machine.board import Board

RECEIVE: Final = 0
TRANSMIT: Final = 1
HEADER_BYTES: Final = 12


class VirtioNet:
    """The device."""

    name = "virtio-net"
    features = 0

    def __init__(self, board: Board, link: Link) -> None:
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.queues = [Virtqueue(board.dma) for _ in range(2)]
        self.busy = False
        self.transport = Transport(board, self)

    def config(self, offset: int, size: int) -> int:
        """No feature that was offered has a field here."""
        return 0

    def kicked(self, queue: int) -> None:
        """Send what is offered, a little later; until then there is no need to kick again."""
        if queue == TRANSMIT and not self.busy:
            self.busy = True
            self.queues[TRANSMIT].mute()
            self.link.later(lambda: self.transport.guarded(self._send))

    def _send(self) -> None:
        ring = self.queues[TRANSMIT]
        self.busy = False
        for chain in ring.take_all():
            frame = b"".join(self.board.dma.read(b.address, b.length) for b in chain.readable)
            if len(frame) <= HEADER_BYTES:
                raise RingError("a packet without content")
            self.board.dma.moved("read", len(frame), self.name)
            self.link.send(frame[HEADER_BYTES:])
            ring.give(chain, 0)
        self.transport.completed(TRANSMIT)

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a buffer for it."""
        return self.transport.guarded(lambda: self._receive(frame))

    def _receive(self, frame: bytes) -> bool:
        ring = self.queues[RECEIVE]
        chain = ring.take()
        if chain is None:
            ring.listen()
            return False
        data = bytes(HEADER_BYTES - 2) + (1).to_bytes(2, "little") + frame  # one buffer
        done = 0
        for buffer in chain.writable:
            piece = data[done : done + buffer.length]
            if piece:
                self.board.dma.write(buffer.address, piece)
            done += len(piece)
        self.board.dma.moved("write", done, self.name)
        ring.give(chain, done)
        self.transport.completed(RECEIVE)
        return True
