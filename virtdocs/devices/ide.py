"""An ATA disk on an IDE channel with a bus master (ATA/ATAPI-6; Programming Interface for
Bus Master IDE Controller, rev. 1.0).

The task file is eight ports, and a request means writing each of them; data goes
through one of them, two or four bytes at a time (PIO), or by bus-master DMA along a
table of physical regions (PRD). The interrupt line drops when Status is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.interrupts import Line
from virtdocs.machine.board import SECTOR_BYTES, Board
from virtdocs.machine.dma import DmaError

COMMAND_BLOCK: Final = 0x1F0
CONTROL_BLOCK: Final = 0x3F6
BUS_MASTER: Final = 0xC000

# Command block, offsets. Error and Features share one, Status and Command too.
DATA, FEATURES, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS = range(8)
BSY: Final = 0x80
DRDY: Final = 0x40
DSC: Final = 0x10
DRQ: Final = 0x08
ERR: Final = 0x01
ABRT: Final = 0x04
IDNF: Final = 0x10
NO_INTERRUPTS: Final = 0x02  # Device Control

READ_MULTIPLE: Final = 0xC4
WRITE_MULTIPLE: Final = 0xC5
READ_DMA: Final = 0xC8
WRITE_DMA: Final = 0xCA
FLUSH_CACHE: Final = 0xE7
FLUSH_CACHE_EXT: Final = 0xEA
MULTIPLE: Final = 16  # sectors a DRQ block, as QEMU's disks have it

# Bus master, offsets and bits.
BM_COMMAND: Final = 0
BM_STATUS: Final = 2
BM_TABLE: Final = 4
BM_START: Final = 1
BM_TO_MEMORY: Final = 8
BM_ACTIVE: Final = 1
BM_ERROR: Final = 2
BM_INTERRUPT: Final = 4
PRD_BYTES: Final = 8
PRD_LAST: Final = 1 << 31
PRD_LIMIT: Final = 8_192  # a table lies within 64 KiB


class Ide:
    """One channel with one disk, which is device 0."""

    name = "ide"

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.line = Line(board, self.name)
        self.file = [0] * 8
        self.status = DRDY | DSC
        self.error = 0
        self.control = 0
        self.buffer = bytearray()
        self.position = 0  # in the buffer: what PIO has moved
        self.left = 0  # sectors of the command that are still to come
        self.sector = 0
        self.command = 0
        self.master = BusMaster(self)
        board.bus.add_ports(COMMAND_BLOCK, 8, self)
        board.bus.add_ports(CONTROL_BLOCK, 1, ControlBlock(self))
        board.bus.add_ports(BUS_MASTER, 8, self.master)

    # Registers ------------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> int:
        """Command block; reading Status drops the interrupt line."""
        if offset == DATA:
            return self._data_in(size)
        if offset == STATUS:
            self.line.set(False)
            return self.status
        return self.error if offset == FEATURES else self.file[offset]

    def write(self, offset: int, size: int, value: int) -> None:
        """Command block; a write to Command starts."""
        if offset == DATA:
            self._data_out(size, value)
        elif offset == STATUS:
            self._start(value)
        elif not self.status & (BSY | DRQ):
            self.file[offset] = value

    # Commands -------------------------------------------------------------------------------

    def _start(self, command: int) -> None:
        self.line.set(False)
        self.command, self.error = command, 0
        self.status = DRDY | DSC
        low, middle, high, device = self.file[LBA_LOW : DEVICE + 1]
        self.sector = low | middle << 8 | high << 16 | (device & 0x0F) << 24
        self.left = self.file[COUNT] or 256
        if command == READ_MULTIPLE:
            self._later(self._next_read)
        elif command == WRITE_MULTIPLE:
            self._expect()  # the first block is asked for without an interrupt
        elif command in (READ_DMA, WRITE_DMA):
            self.status |= BSY
            self.master.try_start()
        elif command in (FLUSH_CACHE, FLUSH_CACHE_EXT):
            self._later(self._flush)
        else:
            self._fail(ABRT)

    def _later(self, action: Callable[[], object]) -> None:
        self.status = (self.status | BSY) & ~DRQ
        self.disk.later(action)

    def _block_sectors(self) -> int:
        return min(self.left, MULTIPLE)

    def _next_read(self) -> None:
        count = self._block_sectors()
        try:
            self.buffer = bytearray(self.disk.read(self.sector, count * SECTOR_BYTES))
        except DiskError:
            self._fail(IDNF)
            return
        self.position = 0
        self.status = DRDY | DSC | DRQ
        self.interrupt()

    def _data_in(self, size: int) -> int:
        if not self.status & DRQ:
            return 0
        piece = self.buffer[self.position : self.position + size]
        self.position += size
        if self.position >= len(self.buffer):
            self._block_done()
            if self.left:
                self._later(self._next_read)
        return int.from_bytes(piece, "little")

    def _expect(self) -> None:
        self.buffer = bytearray(self._block_sectors() * SECTOR_BYTES)
        self.position = 0
        self.status = DRDY | DSC | DRQ

    def _data_out(self, size: int, value: int) -> None:
        if not self.status & DRQ:
            return
        self.buffer[self.position : self.position + size] = value.to_bytes(size, "little")
        self.position += size
        if self.position >= len(self.buffer):
            self._later(self._written)

    def _written(self) -> None:
        try:
            self.disk.write(self.sector, bytes(self.buffer))
        except DiskError:
            self._fail(IDNF)
            return
        self._block_done()
        if self.left:
            self._expect()
        self.interrupt()

    def _block_done(self) -> None:
        count = self._block_sectors()
        self.sector += count
        self.left -= count
        self.status = DRDY | DSC

    def _flush(self) -> None:
        self.disk.flush()
        self.finish()

    def finish(self, error: int = 0) -> None:
        """The command is over: ready again, with an interrupt."""
        if error:
            self._fail(error)
            return
        self.status = DRDY | DSC
        self.interrupt()

    def _fail(self, error: int) -> None:
        self.error = error
        self.status = DRDY | DSC | ERR
        self.interrupt()

    def interrupt(self) -> None:
        """Raise the line unless Device Control forbids it; the bus master takes note."""
        if not self.control & NO_INTERRUPTS:
            self.master.status |= BM_INTERRUPT
            self.line.set(True)


class ControlBlock:
    """Alternate Status and Device Control: Status without dropping the line."""

    def __init__(self, channel: Ide) -> None:
        self.channel = channel
        self.name = channel.name

    def read(self, offset: int, size: int) -> int:
        """Alternate Status."""
        return self.channel.status

    def write(self, offset: int, size: int, value: int) -> None:
        """Device Control."""
        self.channel.control = value


class BusMaster:
    """Moves a command's data between the disk and the regions of a PRD table."""

    def __init__(self, channel: Ide) -> None:
        self.channel = channel
        self.name = channel.name
        self.command = 0
        self.status = 0
        self.table = 0

    def read(self, offset: int, size: int) -> int:
        """Command, status or the table's address."""
        return {BM_COMMAND: self.command, BM_STATUS: self.status, BM_TABLE: self.table}.get(
            offset, 0
        )

    def write(self, offset: int, size: int, value: int) -> None:
        """Command (starts on the rising edge), status (ones clear), the table's address."""
        if offset == BM_COMMAND:
            starts = value & BM_START and not self.command & BM_START
            self.command = value
            if starts:
                self.status |= BM_ACTIVE
                self.try_start()
            elif not value & BM_START:
                self.status &= ~BM_ACTIVE
        elif offset == BM_STATUS:
            self.status &= ~(value & (BM_INTERRUPT | BM_ERROR))
        elif offset == BM_TABLE:
            self.table = value & ~3

    def try_start(self) -> None:
        """Disk and bus master must both be ready, in either order."""
        channel = self.channel
        if self.status & BM_ACTIVE and channel.command in (READ_DMA, WRITE_DMA):
            channel.disk.later(self._transfer)

    def _transfer(self) -> None:
        channel = self.channel
        length = channel.left * SECTOR_BYTES
        try:
            if channel.command == READ_DMA:
                self._scatter(channel.disk.read(channel.sector, length))
            else:
                channel.disk.write(channel.sector, self._gather(length))
        except DiskError:
            self.status &= ~BM_ACTIVE
            channel.finish(IDNF)
            return
        except DmaError:
            # The table, or a region of it, lies where the machine has no memory.
            self.status = self.status & ~BM_ACTIVE | BM_ERROR
            channel.finish(ABRT)
            return
        self.status &= ~BM_ACTIVE
        channel.finish()

    def _regions(self, length: int) -> list[tuple[int, int]]:
        """The table's regions, until ``length`` bytes are covered."""
        dma = self.channel.board.dma
        regions: list[tuple[int, int]] = []
        for number in range(PRD_LIMIT):
            at = self.table + PRD_BYTES * number
            address, control = dma.load(at, 4), dma.load(at + 4, 4)
            count = min(control & 0xFFFE or 0x1_0000, length)
            regions.append((address, count))
            length -= count
            if not length:
                return regions
            if control & PRD_LAST:
                break
        raise DmaError(self.table, length)

    def _scatter(self, data: bytes) -> None:
        dma, done = self.channel.board.dma, 0
        for address, count in self._regions(len(data)):
            dma.write(address, data[done : done + count])
            dma.moved("write", count, self.name)
            done += count

    def _gather(self, length: int) -> bytes:
        dma, parts = self.channel.board.dma, []
        for address, count in self._regions(length):
            parts.append(dma.read(address, count))
            dma.moved("read", count, self.name)
        return b"".join(parts)
