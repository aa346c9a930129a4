"""LSI Logic's 53C1030, the SCSI adapter of VMware's virtual machines before its own.

Fusion-MPT: the driver writes the address of a request frame to a FIFO, and reads another
FIFO for what is done, until that says that there is no more. So a request is a write and at
least two reads: its own context, and the end. What went wrong comes in a reply frame,
whose address the driver writes back. (QEMU at 07e070a, hw/scsi/mptsas.c, which is of the same
family: mptsas_mmio_read, mptsas_mmio_write, mptsas_command_complete; Linux 6.1,
drivers/message/fusion/mptbase.c: mpt_put_msg_frame, mpt_interrupt, mpt_reply.)

It interrupts by a line: the driver leaves messages off for parallel SCSI (mptbase.c,
mpt_msi_enable_spi). Left out: task management, configuration pages, events, firmware.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Final

from virtdocs.devices import mpt_message as mpt
from virtdocs.devices.disk import Disk
from virtdocs.devices.interrupts import Line
from virtdocs.devices.mpt_doorbell import HANDSHAKE, Doorbell
from virtdocs.devices.scsi import WRITE_10, perform, transfer_length
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
REGISTER_BYTES: Final = 0x100
# Linux, mptbase.h: SYSIF_REGS.
DOORBELL, DIAGNOSTIC, STATUS, MASK, REQUESTS, REPLIES = 0x00, 0x08, 0x30, 0x34, 0x40, 0x44
MESSAGE_UNIT_RESET: Final = 0x40  # the function in a doorbell's highest byte
RESET_ADAPTER: Final = 1 << 2
REPLY, RUNG = 1 << 3, 1 << 0  # of status and mask

READY, OPERATIONAL, FAULT = 0x1000_0000, 0x2000_0000, 0x4000_0000
QUEUE_DEPTH: Final = 128  # QEMU, mptsas.h: MPTSAS_REQUEST_QUEUE_DEPTH, MPTSAS_REPLY_QUEUE_DEPTH
NO_MORE: Final = 0xFFFF_FFFF
IS_ADDRESS: Final = 1 << 31  # a reply's address, halved; else its context
VERSION: Final = 0x0105  # of the messages, as QEMU's (mptsas_process_ioc_facts)
PARALLEL_SCSI: Final = 0x01  # a port's type
INITIATOR: Final = 0x0008  # MPI_PORTFACTS_PROTOCOL_INITIATOR
INITIATOR_ID: Final = 7
BUS_DEVICES: Final = 16  # of a wide bus, the initiator among them


class LsiLogic:
    """The adapter with one disk, target 0 of its bus."""

    name = "lsilogic"

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.line = Line(board, self.name)
        self.doorbell = Doorbell(self._message)
        board.bus.add_mmio(BASE, REGISTER_BYTES, self)
        self.mask = REPLY | RUNG
        self.generation = 0
        self._reset()

    def _reset(self) -> None:
        """Back to ready: queues empty, and what the disk still does is forgotten."""
        self.state = READY
        self.generation += 1
        self.doorbell.reset()
        self.initialized_by = 0
        self.reply_bytes = 0
        self.high = 0
        self.outstanding = 0
        self.free: deque[int] = deque()
        self.posted: deque[int] = deque()
        self.replied = False

    def read(self, offset: int, size: int) -> int:
        """A register; the reply FIFO gives what is done, one a read."""
        if offset == DOORBELL:
            return self.state | self.initialized_by << 24 & 0x0700_0000 | self.doorbell.read()
        if offset == STATUS:
            return self._status()
        if offset == MASK:
            return self.mask
        if offset != REPLIES:
            return 0
        if self.posted:
            return self.posted.popleft()
        self.replied = False
        self._update()
        return NO_MORE

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; the request FIFO takes addresses, and the reply FIFO frames to fill."""
        value &= NO_MORE  # registers have 32 bits
        if offset == DOORBELL:
            self._rung(value)
        elif offset == DIAGNOSTIC and value & RESET_ADAPTER:
            self._reset()
            self.mask = REPLY | RUNG
        elif offset == STATUS:
            self.doorbell.cleared()
        elif offset == MASK:
            self.mask = value & (REPLY | RUNG)
        elif offset == REQUESTS:
            self._request(value & ~3)  # the lowest bits say how long the frame is
        elif offset == REPLIES:
            if len(self.free) < QUEUE_DEPTH:
                self.free.append(value)
            else:
                self._fault(mpt.INSUFFICIENT_RESOURCES)
        self._update()

    def _status(self) -> int:
        return (REPLY if self.replied else 0) | (RUNG if self.doorbell.rings else 0)

    def _update(self) -> None:
        self.line.set(bool(self._status() & ~self.mask))

    def _fault(self, code: int) -> None:
        """The controller stops, and says why in its doorbell, until it is reset."""
        if not self.state & FAULT:
            self.state = FAULT | code

    # Messages by the doorbell ----------------------------------------------------------------

    def _rung(self, value: int) -> None:
        if self.doorbell.writing:
            self.doorbell.write(value)
        elif value >> 24 == MESSAGE_UNIT_RESET:
            self._reset()
        elif value >> 24 == HANDSHAKE:
            self.doorbell.begin(value)

    def _message(self, message: bytes) -> bytes:
        """The reply to a message; none, and a fault, for what only a queue takes, or nobody."""
        function = message[3]
        if function == mpt.SCSI_IO or function not in mpt.REQUEST_BYTES:
            self._fault(mpt.INVALID_FUNCTION)
            return b""
        if len(message) < mpt.REQUEST_BYTES[function]:
            self._fault(mpt.INVALID_FIELD)
            return b""
        if function == mpt.IOC_INIT:
            return self._initialize(message)
        if function == mpt.IOC_FACTS:
            return self._facts(message)
        if function == mpt.PORT_FACTS:
            there = {21: (1, PARALLEL_SCSI), 22: (2, BUS_DEVICES), 24: (2, INITIATOR_ID),
                     26: (2, INITIATOR)}  # fmt: skip
            return mpt.answer(message, 40, {} if message[6] else there)
        return mpt.answer(message, 20, {})

    def _initialize(self, message: bytes) -> bytes:
        self.initialized_by = message[0]
        self.reply_bytes = int.from_bytes(message[12:14], "little")
        self.high = int.from_bytes(message[16:20], "little") << 32
        if self.state == READY:
            self.state = OPERATIONAL
        return mpt.answer(message, 20, {})

    def _facts(self, message: bytes) -> bytes:
        fields = {
            0: (2, VERSION), 20: (1, mpt.CHAIN_DEPTH), 21: (1, self.initialized_by),
            22: (1, mpt.REQUEST_BYTES[mpt.SCSI_IO] // 4), 24: (2, QUEUE_DEPTH),
            26: (2, mpt.FRAME_BYTES // 4), 32: (4, self.high >> 32), 36: (2, QUEUE_DEPTH),
            38: (1, 1), 44: (2, self.reply_bytes), 46: (1, 1), 47: (1, 1),
        }  # fmt: skip
        return mpt.answer(message, 64, fields)

    # Requests by the FIFO ---------------------------------------------------------------------

    def _request(self, address: int) -> None:
        if self.state != OPERATIONAL:
            self._fault(mpt.INVALID_STATE)
            return
        if self.outstanding == QUEUE_DEPTH:
            self._fault(mpt.INSUFFICIENT_RESOURCES)
            return
        at = self.high | address
        try:
            header = self.board.dma.read(at, mpt.HEADER_BYTES)
            if header[3] != mpt.SCSI_IO:
                self._fault(mpt.INVALID_FUNCTION)
                return
            # The header is not read again: a guest could change it in between.
            rest = mpt.REQUEST_BYTES[mpt.SCSI_IO] - mpt.HEADER_BYTES
            request = mpt.ScsiIo(header + self.board.dma.read(at + mpt.HEADER_BYTES, rest), at)
        except DmaError:
            self._fault(mpt.INTERNAL_ERROR)
            return
        try:
            pieces = self._checked(request)
        except mpt.MessageError as wrong:
            self._reply(request.reply(wrong.status, 0, mpt.NO_SCSI_STATUS, 0))
            return
        self.outstanding += 1
        self.disk.later(partial(self._perform, request, pieces, self.generation))

    def _checked(self, request: mpt.ScsiIo) -> tuple[tuple[int, int], ...]:
        """Where its data is; MessageError for what no device on the bus could do."""
        if request.bus:
            raise mpt.MessageError(mpt.INVALID_BUS)
        if request.target:
            raise mpt.MessageError(mpt.INVALID_TARGET)
        try:
            pieces = tuple(request.pieces(self.board.dma)) if request.length else ()
        except DmaError:
            raise mpt.MessageError(mpt.INVALID_SGL) from None
        moves = transfer_length(request.cdb)
        way = mpt.TO_DEVICE if request.cdb[0] == WRITE_10 else mpt.TO_HOST
        if moves > request.length or request.direction != (way if moves else mpt.NO_DATA):
            raise mpt.MessageError(mpt.DATA_OVERRUN)
        return _first(pieces, moves)

    def _perform(
        self, request: mpt.ScsiIo, pieces: tuple[tuple[int, int], ...], generation: int
    ) -> None:
        if generation != self.generation:
            return
        self.outstanding -= 1
        dma = self.board.dma
        sends = request.direction == mpt.TO_DEVICE
        try:
            sent = b"".join(dma.read(at, count) for at, count in pieces) if sends else b""
            answer = perform(self.disk, request.cdb, sent)
            done = 0
            for at, count in pieces if answer.data else ():
                part = answer.data[done : done + count]
                dma.write(at, part)
                done += len(part)
        except DmaError:
            self._reply(request.reply(mpt.DATA_ERROR, 0, mpt.NO_SCSI_STATUS, 0))
            return
        moved = len(sent) or done
        if answer.status:
            self._reply(request.reply(mpt.DATA_UNDERRUN, answer.status, 0, 0))
            return
        if moved:
            dma.moved("read" if sends else "write", moved, self.name)
        if moved < request.length:
            self._reply(request.reply(mpt.DATA_UNDERRUN, 0, 0, moved))
        else:
            self._post(request.context & ~IS_ADDRESS)

    def _reply(self, frame: bytes) -> None:
        """Into a frame that the driver has given away; without one the controller stops."""
        if not self.free:
            self._fault(mpt.INSUFFICIENT_RESOURCES)
            return
        low = self.free.popleft()
        kept = frame[: self.reply_bytes]
        try:
            self.board.dma.write(self.high | low, kept)
        except DmaError:
            self._fault(mpt.INTERNAL_ERROR)
            return
        self._post(IS_ADDRESS | low >> 1)

    def _post(self, entry: int) -> None:
        if len(self.posted) == QUEUE_DEPTH:
            self._fault(mpt.INSUFFICIENT_RESOURCES)
            return
        self.posted.append(entry)
        self.replied = True
        self._update()


def _first(pieces: tuple[tuple[int, int], ...], length: int) -> tuple[tuple[int, int], ...]:
    """The first ``length`` bytes of a request's memory: what its command moves."""
    found = []
    for at, count in pieces:
        if not length:
            break
        found.append((at, min(count, length)))
        length -= found[-1][1]
    return tuple(found)
