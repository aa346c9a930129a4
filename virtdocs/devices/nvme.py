"""An NVM Express controller (NVMe base specification 1.4, PCIe transport).

A queue pair is two rings in memory and two doorbells: the driver writes one for new
commands, and one for the completions it has taken back. A completion carries a phase
bit that says it is new, so nothing has to be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.interrupts import ENTRY_BYTES, Line, MessageTable
from virtdocs.machine.board import SECTOR_BYTES, Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
DOORBELLS: Final = 0x1000
MESSAGES: Final = 0x2000
QUEUES: Final = 2  # the admin pair and one for I/O
PAGE: Final = 4096

CAP, VS, INTMS, INTMC, CC, CSTS, AQA, ASQ, ACQ = 0, 8, 0x0C, 0x10, 0x14, 0x1C, 0x24, 0x28, 0x30
CAP_VALUE: Final = 255 | 1 << 16 | 1 << 37  # 256 entries, contiguous queues, NVM commands
VERSION: Final = 0x0001_0400
CC_ENABLE: Final = 1
CSTS_READY: Final = 1
CSTS_FATAL: Final = 2

CREATE_SUBMISSION, CREATE_COMPLETION = 0x01, 0x05  # admin commands
FLUSH, WRITE, READ = 0x00, 0x01, 0x02  # NVM commands
SUCCESS, INVALID_OPCODE, INVALID_FIELD, LBA_OUT_OF_RANGE = 0x00, 0x01, 0x02, 0x80
TRANSFER_ERROR: Final = 0x04
COMMAND_BYTES: Final = 64
COMPLETION_BYTES: Final = 16


@dataclass(slots=True)
class Pair:
    """A submission queue and its completion queue."""

    submission: int = 0
    completion: int = 0
    entries: int = 0
    head: int = 0  # of the submission queue
    tail: int = 0  # of the completion queue
    taken: int = 0  # completions that the driver has taken: its doorbell
    phase: int = 1
    message: int = 0


class Nvme:
    """The controller with one namespace."""

    name = "nvme"

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.line = Line(board, self.name)
        self.messages = MessageTable(board, self.name, QUEUES)
        self.registers = {CC: 0, CSTS: 0, AQA: 0, ASQ: 0, ACQ: 0}
        self.pairs = [Pair() for _ in range(QUEUES)]
        board.bus.add_mmio(BASE, DOORBELLS + 8 * QUEUES, self)
        board.bus.add_mmio(BASE + MESSAGES, ENTRY_BYTES * QUEUES, self.messages)

    # Registers ------------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> int:
        """A register; doorbells read as zero."""
        return {CAP: CAP_VALUE, VS: VERSION}.get(offset, self.registers.get(offset, 0))

    def write(self, offset: int, size: int, value: int) -> None:
        """A register or a doorbell."""
        if offset >= DOORBELLS:
            pair, is_completion = divmod((offset - DOORBELLS) // 4, 2)
            if is_completion:
                self._taken(self.pairs[pair], value)
            else:
                self._submitted(pair, value)
        elif offset == CC:
            self.registers[CC] = value
            self._enable(bool(value & CC_ENABLE))
        elif offset in (AQA, ASQ, ACQ):
            self.registers[offset] = value

    def _enable(self, on: bool) -> None:
        self.pairs = [Pair() for _ in range(QUEUES)]
        admin = self.pairs[0]
        admin.submission, admin.completion = self.registers[ASQ], self.registers[ACQ]
        admin.entries = (self.registers[AQA] & 0xFFF) + 1
        self.registers[CSTS] = CSTS_READY if on else 0

    def _taken(self, pair: Pair, value: int) -> None:
        pair.taken = value
        self._update_line()

    def _update_line(self) -> None:
        waiting = any(pair.taken != pair.tail for pair in self.pairs)
        self.line.set(waiting and not self.messages.in_use)

    # Commands -------------------------------------------------------------------------------

    def _submitted(self, number: int, tail: int) -> None:
        pair = self.pairs[number]
        if not self.registers[CSTS] & CSTS_READY or tail >= max(pair.entries, 1):
            self.registers[CSTS] |= CSTS_FATAL
            return
        try:
            while pair.head != tail:
                at = pair.submission + COMMAND_BYTES * pair.head
                raw = self.board.dma.read(at, COMMAND_BYTES)
                pair.head = (pair.head + 1) % pair.entries
                perform = partial(self._perform, number, raw)
                if number:
                    self.disk.later(perform)
                else:
                    self.board.agenda.schedule(self.board.agenda.now, perform)
        except DmaError:
            self.registers[CSTS] |= CSTS_FATAL

    def _perform(self, number: int, raw: bytes) -> None:
        word = [int.from_bytes(raw[n : n + 4], "little") for n in range(0, COMMAND_BYTES, 4)]
        try:
            status = self._admin(word) if number == 0 else self._io(word)
        except DiskError:
            status = LBA_OUT_OF_RANGE
        except DmaError:
            status = TRANSFER_ERROR
        self._complete(number, word[0] >> 16, status)

    def _admin(self, word: list[int]) -> int:
        opcode, address = word[0] & 0xFF, word[6] | word[7] << 32
        number, entries = word[10] & 0xFFFF, (word[10] >> 16) + 1
        if opcode not in (CREATE_COMPLETION, CREATE_SUBMISSION):
            return INVALID_OPCODE
        if not 0 < number < QUEUES:
            return INVALID_FIELD
        pair = self.pairs[number]
        pair.entries = entries
        if opcode == CREATE_COMPLETION:
            pair.completion, pair.message = address, word[11] >> 16
        else:
            pair.submission = address
        return SUCCESS

    def _io(self, word: list[int]) -> int:
        opcode = word[0] & 0xFF
        if opcode == FLUSH:
            self.disk.flush()
            return SUCCESS
        if opcode not in (READ, WRITE):
            return INVALID_OPCODE
        sector, length = word[10] | word[11] << 32, ((word[12] & 0xFFFF) + 1) * SECTOR_BYTES
        dma = self.board.dma
        pieces = self._pages(word[6] | word[7] << 32, word[8] | word[9] << 32, length)
        if opcode == READ:
            data, done = self.disk.read(sector, length), 0
            for address, count in pieces:
                dma.write(address, data[done : done + count])
                done += count
            dma.moved("write", length, self.name)
        else:
            self.disk.write(sector, b"".join(dma.read(*piece) for piece in pieces))
            dma.moved("read", length, self.name)
        return SUCCESS

    def _pages(self, first: int, second: int, length: int) -> list[tuple[int, int]]:
        """The pieces of memory that the two PRP entries name (§4.1.1)."""
        count = min(length, PAGE - first % PAGE)
        pieces = [(first, count)]
        left = length - count
        if left <= PAGE:
            return [*pieces, (second, left)] if left else pieces
        at = second
        while left:
            count = min(left, PAGE)
            pieces.append((self.board.dma.load(at, 8), count))
            left -= count
            at += 8
        return pieces

    def _complete(self, number: int, identifier: int, status: int) -> None:
        pair = self.pairs[number]
        if not pair.entries or self.registers[CSTS] & CSTS_FATAL:
            return
        words = (0, 0, pair.head | number << 16, identifier | pair.phase << 16 | status << 17)
        entry = b"".join(word.to_bytes(4, "little") for word in words)
        try:
            self.board.dma.write(pair.completion + COMPLETION_BYTES * pair.tail, entry)
        except DmaError:
            self.registers[CSTS] |= CSTS_FATAL
            return
        pair.tail = (pair.tail + 1) % pair.entries
        if pair.tail == 0:
            pair.phase ^= 1
        if self.messages.in_use:
            self.messages.send(pair.message)
        self._update_line()
