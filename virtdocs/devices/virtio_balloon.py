"""virtio-balloon: pages given and taken through two queues (OASIS virtio 1.2, §5.5).

The host writes the size that it wants into the configuration and interrupts; the
driver sends arrays of 32-bit page numbers, up to 256 of them a request in Linux
(drivers/virtio/virtio_balloon.c, VIRTIO_BALLOON_ARRAY_PFNS_MAX), by the inflate queue
or the deflate queue, and writes the size that it has into the configuration.

    >>> from virtdocs.experiments.run import run
    >>> page = run("balloon", io="virtio-balloon").counts_per_op
    >>> batch = [int(256 * page[key]) for key in ("kick", "device_irq")]
    >>> batch  # the balloon holds one batch, and each change of the wish interrupts too
    [1, 2]

Statistics, free page hinting and reporting are not offered. A page inside that is
touched gets a fresh frame at once, as in QEMU, which never asks to be told; with
VIRTIO_BALLOON_F_MUST_TELL_HOST there is no memory until the driver has told (§5.5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from virtdocs.devices.balloon import Balloon, BalloonError
from virtdocs.devices.virtio_transport import Transport
from virtdocs.devices.virtqueue import Chain, RingError, Virtqueue
from virtdocs.machine.board import Board

INFLATE: Final = 0
DEFLATE: Final = 1
PFN_BYTES: Final = 4
LONGEST: Final = 256  # pages a request
F_MUST_TELL_HOST: Final = 1 << 0
ACTUAL: Final = 4  # offset in the configuration; num_pages is at 0


class VirtioBalloon:
    """The device. ``latency``: instructions that the host takes for a request."""

    name = "virtio-balloon"

    def __init__(self, board: Board, pages: int, latency: int, must_tell: bool) -> None:
        self.board = board
        self.latency = latency
        self.must_tell = must_tell
        self.features = F_MUST_TELL_HOST if must_tell else 0
        self.queues = [Virtqueue(board.dma) for _ in range(2)]
        self.actual = 0
        self.balloon = Balloon(board, pages, latency, self._wish)
        self.transport = Transport(board, self)
        board.reclaim.touched = self._may_touch

    def config(self, offset: int, size: int) -> int:
        """num_pages, what the host wants; actual, what the driver says that it has."""
        fields = self.balloon.target | self.actual << 32
        return fields >> 8 * offset & (1 << 8 * size) - 1 if offset < 8 else 0

    def configure(self, offset: int, size: int, value: int) -> None:
        """The driver writes actual; the rest is read-only."""
        if (offset, size) == (ACTUAL, 4):
            self.actual = value
            self.balloon.reached(value)

    def kicked(self, queue: int) -> None:
        """Take what is offered; the host does it a little later."""
        taken = self.queues[queue].take_all()
        if taken:
            self.board.passed_on()
            agenda = self.board.agenda
            agenda.schedule(agenda.now + self.latency, partial(self._later, queue, taken))

    def _later(self, queue: int, chains: list[Chain]) -> None:
        self.board.passed_back()
        self.transport.guarded(partial(self._do, queue, chains))

    def _do(self, queue: int, chains: list[Chain]) -> None:
        move: Callable[[Sequence[int]], None]
        move = self.balloon.give if queue == INFLATE else self.balloon.take
        for chain in chains:
            pages = self._pages(chain)
            try:
                move(pages)
            except BalloonError as error:
                raise RingError(str(error)) from error
            self.queues[queue].give(chain, 0)
        self.transport.completed(queue)

    def _pages(self, chain: Chain) -> list[int]:
        """The page numbers of a request."""
        total = sum(buffer.length for buffer in chain.buffers)
        if chain.writable or total % PFN_BYTES or total > LONGEST * PFN_BYTES:
            raise RingError("no array of page numbers")
        dma = self.board.dma
        raw = b"".join(dma.read(buffer.address, buffer.length) for buffer in chain.readable)
        dma.moved("read", len(raw), self.name)
        return [
            int.from_bytes(raw[at : at + PFN_BYTES], "little")
            for at in range(0, len(raw), PFN_BYTES)
        ]

    def _wish(self) -> None:
        self.transport.configuration_changed()

    def _may_touch(self, frame: int) -> bool:
        told = frame not in self.balloon.inside
        return told or not self.must_tell
