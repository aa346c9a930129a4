"""virtio-scsi: SCSI commands through a virtqueue (OASIS virtio 1.2, §5.6).

Queues: control, events, requests. A request is a header with the command, data for
the device, a response, data for the driver; it costs one kick and one interrupt, as
with virtio-blk.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.disk import Disk
from virtdocs.devices.scsi import perform, transfer_length
from virtdocs.devices.virtio_transport import Transport
from virtdocs.devices.virtqueue import Chain, RingError, Virtqueue
from virtdocs.machine.board import Board

REQUEST_QUEUE: Final = 2
REQUEST_BYTES: Final = 51
CDB: Final = slice(19, 51)
RESPONSE_BYTES: Final = 108
STATUS: Final = 10  # offset in the response


class VirtioScsi:
    """The device, with one disk as target 0, unit 0."""

    name = "virtio-scsi"
    features = 0

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.queues = [Virtqueue(board.dma) for _ in range(REQUEST_QUEUE + 1)]
        self.transport = Transport(board, self)

    def config(self, offset: int, size: int) -> int:
        """The number of request queues, at offset 0."""
        return 1 if offset == 0 else 0

    def kicked(self, queue: int) -> None:
        """Take what is offered in the request queue; the others carry nothing here."""
        if queue != REQUEST_QUEUE:
            return
        taken = self.queues[queue].take_all()
        if taken:
            self.disk.later(lambda: self.transport.guarded(lambda: self._do(taken)))

    def _do(self, chains: list[Chain]) -> None:
        for chain in chains:
            self.queues[REQUEST_QUEUE].give(chain, self._request(chain))
        self.transport.completed(REQUEST_QUEUE)

    def _request(self, chain: Chain) -> int:
        """Perform one request; the number of bytes written to the driver."""
        readable, writable = chain.readable, chain.writable
        if not readable or readable[0].length != REQUEST_BYTES:
            raise RingError("no virtio-scsi request")
        if not writable or writable[0].length != RESPONSE_BYTES:
            raise RingError("no room for the response")
        dma = self.board.dma
        cdb = dma.read(readable[0].address, REQUEST_BYTES)[CDB]
        sent = b"".join(dma.read(b.address, b.length) for b in readable[1:])
        if sent:
            dma.moved("read", len(sent), self.name)
        answer = perform(self.disk, cdb, sent)
        done = 0
        for buffer in writable[1:]:
            piece = answer.data[done : done + buffer.length]
            if piece:
                dma.write(buffer.address, piece)
                dma.moved("write", len(piece), self.name)
            done += len(piece)
        response = bytearray(RESPONSE_BYTES)
        response[4:8] = (transfer_length(cdb) - len(sent) - done).to_bytes(4, "little")
        response[STATUS] = answer.status
        dma.write(writable[0].address, bytes(response))
        return RESPONSE_BYTES + done
