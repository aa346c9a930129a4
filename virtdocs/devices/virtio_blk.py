"""virtio-blk: a disk behind one virtqueue (OASIS virtio 1.2, §5.2).

A request is a header (type, sector), the data, and a byte of status; in steady state
its driver kicks once and is interrupted once. Requests that are offered together
share both: at depth 8 an eighth of each.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.virtio_transport import Transport
from virtdocs.devices.virtqueue import Buffer, Chain, RingError, Virtqueue
from virtdocs.machine.board import Board

HEADER_BYTES: Final = 16
F_FLUSH: Final = 1 << 9
T_IN: Final = 0
T_OUT: Final = 1
T_FLUSH: Final = 4
S_OK: Final = 0
S_IOERR: Final = 1
S_UNSUPP: Final = 2
QUEUE: Final = 0


class VirtioBlk:
    """The device."""

    name = "virtio-blk"
    features = F_FLUSH

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.queues = [Virtqueue(board.dma)]
        self.transport = Transport(board, self)

    def config(self, offset: int, size: int) -> int:
        """The capacity in sectors, at offset 0."""
        return self.disk.sectors >> 8 * offset & (1 << 8 * size) - 1 if offset < 8 else 0

    def kicked(self, queue: int) -> None:
        """Take everything that is offered, and do it a disk's latency later."""
        taken = self.queues[QUEUE].take_all()
        if taken:
            self.disk.later(lambda: self.transport.guarded(lambda: self._do(taken)))

    def _do(self, chains: list[Chain]) -> None:
        ring = self.queues[QUEUE]
        for chain in chains:
            ring.give(chain, self._request(chain))
        self.transport.completed(QUEUE)

    def _request(self, chain: Chain) -> int:
        """Perform one request; the number of bytes written to the driver."""
        readable, writable = chain.readable, chain.writable
        if not readable or readable[0].length != HEADER_BYTES or not writable:
            raise RingError("no virtio-blk request")
        dma = self.board.dma
        header = dma.read(readable[0].address, HEADER_BYTES)
        kind, sector = int.from_bytes(header[:4], "little"), int.from_bytes(header[8:], "little")
        data, status = writable[:-1], writable[-1]
        if status.length != 1:
            raise RingError("no status byte")
        written, code = self._perform(kind, sector, readable[1:], data)
        dma.store(status.address, 1, code)
        return written + 1

    def _perform(
        self, kind: int, sector: int, source: tuple[Buffer, ...], target: tuple[Buffer, ...]
    ) -> tuple[int, int]:
        dma = self.board.dma
        written = 0
        try:
            if kind == T_IN:
                for buffer in target:
                    dma.write(buffer.address, self.disk.read(sector, buffer.length))
                    dma.moved("write", buffer.length, self.name)
                    sector += buffer.length // 512
                    written += buffer.length
            elif kind == T_OUT:
                for buffer in source:
                    self.disk.write(sector, dma.read(buffer.address, buffer.length))
                    dma.moved("read", buffer.length, self.name)
                    sector += buffer.length // 512
            elif kind == T_FLUSH:
                self.disk.flush()
            else:
                return 0, S_UNSUPP
        except DiskError:
            return written, S_IOERR
        return written, S_OK
