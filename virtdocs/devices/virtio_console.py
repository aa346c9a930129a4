"""virtio-console: a port with a queue each way (OASIS virtio 1.2, §5.3).

Of the device's ports there is the first one: no multiport, no size. A line is one
buffer in the transmit queue: one kick, and one interrupt when the host has taken it,
whatever the line's length.

    >>> from virtdocs.experiments.run import run
    >>> line = run("console_line", io="virtio-console").counts_per_op
    >>> line["kick"], line["device_irq"], line["device_access"]
    (1, 1, {})

As recorded on QEMU 7.2 with Linux 6.1 (data/measured): the driver's put_chars
(drivers/char/virtio_console.c) adds one buffer, kicks, and waits until the buffer is
back; QEMU (hw/char/virtio-serial-bus.c, do_flush_queued_data) returns it as soon as
the character device has it.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.virtio_transport import Transport
from virtdocs.devices.virtqueue import Chain, RingError, Virtqueue
from virtdocs.machine.board import Board

RECEIVE: Final = 0
TRANSMIT: Final = 1


class VirtioConsole:
    """The device; what the guest sends appears on the board's console.

    ``wire``: instructions that the host takes for what it is given.
    """

    name = "virtio-console"
    features = 0

    def __init__(self, board: Board, wire: int) -> None:
        self.board = board
        self.wire = wire
        self.queues = [Virtqueue(board.dma) for _ in range(2)]
        self.waiting = b""  # typed, and no buffer was there for it
        self.transport = Transport(board, self)

    def config(self, offset: int, size: int) -> int:
        """No feature that was offered has a field here."""
        return 0

    def kicked(self, queue: int) -> None:
        """Send what is offered; a fresh buffer to receive into takes what was typed meanwhile."""
        if queue == RECEIVE:
            self._deliver()
            return
        taken = self.queues[TRANSMIT].take_all()
        if not taken:
            return
        agenda = self.board.agenda
        if self.wire:
            agenda.schedule(agenda.now + self.wire, lambda: self._later(taken))
        else:
            self._send(taken)

    def _later(self, chains: list[Chain]) -> None:
        self.transport.guarded(lambda: self._send(chains))

    def _send(self, chains: list[Chain]) -> None:
        dma, ring = self.board.dma, self.queues[TRANSMIT]
        for chain in chains:
            if chain.writable:
                raise RingError("a buffer to write in the transmit queue")  # §5.3.6.2
            for buffer in chain.readable:
                self.board.console += dma.read(buffer.address, buffer.length)
                dma.moved("read", buffer.length, self.name)
            ring.give(chain, 0)
        self.transport.completed(TRANSMIT)

    def type(self, text: bytes) -> None:
        """Somebody types on the host's side; what finds no buffer waits for one."""
        self.waiting += text
        self.transport.guarded(self._deliver)

    def _deliver(self) -> None:
        dma, ring = self.board.dma, self.queues[RECEIVE]
        while self.waiting:
            chain = ring.take()
            if chain is None:
                ring.listen()
                break
            done = 0
            for buffer in chain.writable:
                piece, self.waiting = self.waiting[: buffer.length], self.waiting[buffer.length :]
                if piece:
                    dma.write(buffer.address, piece)
                done += len(piece)
            if not chain.writable:
                raise RingError("a buffer to read in the receive queue")
            dma.moved("write", done, self.name)
            ring.give(chain, done)
        self.transport.completed(RECEIVE)
