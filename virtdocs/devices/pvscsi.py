"""VMware's paravirtual SCSI adapter (Linux 6.1, drivers/scsi: vmw_pvscsi.h; vmw_pvscsi.c,
pvscsi_kick_io, pvscsi_setup_req_threshold).

Requests and completions are rings in the guest's memory; a register write says that
there is something new, and a completion interrupts without being asked about. One
access a request, then: the write.

A driver may be asked to leave the write out while few requests wait (reqCallThreshold). QEMU's
adapter at 003f8db does not offer that (hw/scsi/vmw_pvscsi.c, pvscsi_commands), nor does this one
by itself. How an adapter of VMware's chooses the number is not public: one that offers it here
lets so many wait while it works anyway, and none when it is idle.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk
from virtdocs.devices.interrupts import Line, MessageTable
from virtdocs.devices.scsi import WRITE_10, perform, transfer_length
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
REGISTER_BYTES: Final = 0x5000
MESSAGES: Final = 0x6000

COMMAND: Final = 0x0000
COMMAND_DATA: Final = 0x0004
COMMAND_STATUS: Final = 0x0008
INTR_STATUS: Final = 0x100C
INTR_MASK: Final = 0x2010
KICK_NON_RW_IO: Final = 0x3014
KICK_RW_IO: Final = 0x4018

ADAPTER_RESET: Final = 1
SETUP_RINGS: Final = 3
SETUP_CALL_THRESHOLD: Final = 10
RING_PAGES: Final = 32
SETUP_WORDS: Final = (16 + 2 * 8 * RING_PAGES) // 4
COMPLETION: Final = 1  # interrupt cause

# The rings' state page: offsets of the indices.
REQUEST_PRODUCER, REQUEST_CONSUMER, COMPLETION_PRODUCER, CALL_THRESHOLD = 0, 4, 12, 24
REQUEST_BYTES: Final = 128
COMPLETION_BYTES: Final = 32
PER_PAGE: Final = 4096 // REQUEST_BYTES
COMPLETIONS_PER_PAGE: Final = 4096 // COMPLETION_BYTES
HOST_OK: Final = 0
HOST_INVALID: Final = 0x1A
FAILED: Final = 0xFFFF_FFFF
NOT_ENOUGH: Final = 0xFFFF_FFFE  # the command wants more data


class Pvscsi:
    """The adapter with one disk."""

    name = "pvscsi"

    def __init__(self, board: Board, disk: Disk, offered: int = 0) -> None:
        """``offered``: requests that may wait while others are under way; 0 offers nothing."""
        self.offered = offered
        self.board = board
        self.disk = disk
        self.line = Line(board, self.name)
        self.message = MessageTable(board, self.name, 1)
        board.bus.add_mmio(BASE, REGISTER_BYTES, self)
        board.bus.add_mmio(BASE + MESSAGES, self.message.size, self.message)
        self._reset()

    def _reset(self) -> None:
        self.command = 0
        self.command_status = 0
        self.arguments: list[int] = []
        self.state = 0
        self.request_pages: list[int] = []
        self.completion_pages: list[int] = []
        self.consumed = self.completed = 0
        self.status = 0
        self.mask = 0
        self.coalescing = False
        self.under_way = 0

    def read(self, offset: int, size: int) -> int:
        """A register."""
        return {
            COMMAND_STATUS: self.command_status, INTR_STATUS: self.status, INTR_MASK: self.mask
        }.get(offset, 0)  # fmt: skip

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; the two kicks differ only in what the driver may leave out."""
        value &= 0xFFFF_FFFF  # registers have 32 bits
        if offset == COMMAND:
            if value == ADAPTER_RESET:
                self._reset()
            self.command, self.arguments = value, []
            self.command_status = self._taken(value)
        elif offset == COMMAND_DATA and self.command == SETUP_RINGS:
            self.arguments.append(value)
            if len(self.arguments) == SETUP_WORDS:
                self._set_rings_up()
        elif offset == COMMAND_DATA and self.command == SETUP_CALL_THRESHOLD and self.offered:
            self.coalescing = bool(value)
            self.command_status = value
            self._kicked()
        elif offset in (KICK_RW_IO, KICK_NON_RW_IO):
            self._kicked()
        elif offset == INTR_STATUS:
            self.status &= ~value
            self._update()
        elif offset == INTR_MASK:
            self.mask = value
            self._update()

    def _taken(self, command: int) -> int:
        """What the status says of a command before its data: done, more is wanted, or unknown."""
        if command == SETUP_RINGS or (command == SETUP_CALL_THRESHOLD and self.offered):
            return NOT_ENOUGH
        return 0 if command == ADAPTER_RESET else FAILED

    def _say_threshold(self) -> None:
        """How many requests may wait now; nobody fetches them while the adapter is idle."""
        if self.coalescing:
            waiting = self.offered if self.under_way else 1
            self.board.dma.store(self.state + CALL_THRESHOLD, 4, waiting)

    def _set_rings_up(self) -> None:
        raw = b"".join(word.to_bytes(4, "little") for word in self.arguments)
        words = [int.from_bytes(raw[n : n + 8], "little") for n in range(8, len(raw), 8)]
        requests, completions = self.arguments[:2]
        if not 0 < requests <= RING_PAGES or not 0 < completions <= RING_PAGES:
            self.command_status = FAILED
            return
        self.state = words[0] << 12
        self.request_pages = words[1 : 1 + requests]
        self.completion_pages = words[1 + RING_PAGES : 1 + RING_PAGES + completions]
        self.command_status = 0

    # Requests -------------------------------------------------------------------------------

    def _kicked(self) -> None:
        """Fetch all new requests. A driver that claims more than the ring holds gets nothing."""
        if not self.state:
            return
        dma = self.board.dma
        try:
            produced = dma.load(self.state + REQUEST_PRODUCER, 4)
            entries = PER_PAGE * len(self.request_pages)
            if (produced - self.consumed) & 0xFFFF_FFFF > entries:
                return
            while self.consumed != produced:
                slot = self.consumed % entries
                page = self.request_pages[slot // PER_PAGE] << 12
                raw = dma.read(page + REQUEST_BYTES * (slot % PER_PAGE), REQUEST_BYTES)
                self.consumed = self.consumed + 1 & 0xFFFF_FFFF
                dma.store(self.state + REQUEST_CONSUMER, 4, self.consumed)
                self.under_way += 1
                self.disk.later(partial(self._perform, raw))
            self._say_threshold()
        except DmaError:
            self.state = 0  # rings that lie nowhere: the adapter stops until it is reset

    def _perform(self, raw: bytes) -> None:
        self.under_way = max(self.under_way - 1, 0)  # a reset forgets what is under way
        if self.coalescing:  # whatever was queued meanwhile, without a call
            self._kicked()
        dma = self.board.dma
        context, address, length = (int.from_bytes(raw[n : n + 8], "little") for n in (0, 8, 16))
        cdb = raw[40:56]
        host, status, done = HOST_OK, 0, 0
        try:
            sent = dma.read(address, length) if cdb[0] == WRITE_10 else b""
            answer = perform(self.disk, cdb, sent)
            status, done = answer.status, len(sent) or min(len(answer.data), length)
            if answer.data:
                dma.write(address, answer.data[:length])
            if transfer_length(cdb):
                dma.moved("read" if sent else "write", done, self.name)
        except DmaError:
            host = HOST_INVALID
        self._complete(context, done, host, status)

    def _complete(self, context: int, done: int, host: int, status: int) -> None:
        entry = context.to_bytes(8, "little") + done.to_bytes(8, "little") + bytes(4)
        entry += host.to_bytes(2, "little") + status.to_bytes(2, "little") + bytes(8)
        slot = self.completed % (COMPLETIONS_PER_PAGE * max(len(self.completion_pages), 1))
        dma = self.board.dma
        try:
            page = self.completion_pages[slot // COMPLETIONS_PER_PAGE] << 12
            dma.write(page + COMPLETION_BYTES * (slot % COMPLETIONS_PER_PAGE), entry)
            self.completed = self.completed + 1 & 0xFFFF_FFFF
            dma.store(self.state + COMPLETION_PRODUCER, 4, self.completed)
        except (DmaError, IndexError):
            self.state = 0
            return
        if self.message.in_use:
            if self.mask & COMPLETION:
                self.message.send(0)
            return
        self.status |= COMPLETION
        self._update()

    def _update(self) -> None:
        self.line.set(bool(self.status & self.mask) and not self.message.in_use)
