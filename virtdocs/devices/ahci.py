"""An AHCI controller with one SATA disk (Serial ATA AHCI 1.3.1, native command queuing).

The driver builds a command in memory and sets a bit for its slot in two registers;
the controller fetches it, moves the data along its PRD table, clears the bit and
interrupts. Five accesses answer an interrupt, however many slots it completes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk, DiskError
from virtdocs.devices.interrupts import Line, MessageTable
from virtdocs.machine.board import SECTOR_BYTES, Board
from virtdocs.machine.dma import DmaError

BASE: Final = 0xFE00_0000
REGISTER_BYTES: Final = 0x180
MESSAGES: Final = 0x1000  # in place of the MSI capability of PCI's configuration space
SLOTS: Final = 32

# Generic host control (§3.1) and port 0 (§3.3).
CAP: Final = 0x00
GHC: Final = 0x04
IS: Final = 0x08
PI: Final = 0x0C
PX_CLB: Final = 0x100
PX_CLBU: Final = 0x104
PX_IS: Final = 0x110
PX_IE: Final = 0x114
PX_CMD: Final = 0x118
PX_TFD: Final = 0x120
PX_SIG: Final = 0x124
PX_SSTS: Final = 0x128
PX_SERR: Final = 0x130
PX_SACT: Final = 0x134
PX_CI: Final = 0x138

CAP_VALUE: Final = 1 << 30 | (SLOTS - 1) << 8  # native command queuing, 32 slots, one port
GHC_IE: Final = 1 << 1
CMD_ST: Final = 1
D2H_FIS: Final = 1 << 0  # port interrupt status: a command ended
SET_DEVICE_BITS: Final = 1 << 3  # queued commands ended
TASK_FILE_ERROR: Final = 1 << 30
HOST_BUS_ERROR: Final = 1 << 29
READY: Final = 0x50
READY_WITH_ERROR: Final = 0x51
DETECTED: Final = 0x113
SIGNATURE: Final = 0x101

READ_FPDMA: Final = 0x60
WRITE_FPDMA: Final = 0x61
FLUSH_CACHE_EXT: Final = 0xEA
HEADER_BYTES: Final = 32
PRDT: Final = 0x80
PRD_BYTES: Final = 16
ONES_CLEAR: Final = frozenset({PX_IS, PX_SERR})
ONES_SET: Final = frozenset({PX_SACT, PX_CI})


@dataclass(frozen=True, slots=True)
class Command:
    """A command as fetched: the ATA command, where on the disk, and the regions of memory."""

    slot: int
    code: int
    sector: int
    length: int
    regions: tuple[tuple[int, int], ...]

    @property
    def queued(self) -> bool:
        """Whether it is one of NCQ."""
        return self.code in (READ_FPDMA, WRITE_FPDMA)


class Ahci:
    """The controller."""

    name = "ahci"

    def __init__(self, board: Board, disk: Disk) -> None:
        self.board = board
        self.disk = disk
        self.line = Line(board, self.name)
        self.message = MessageTable(board, self.name, 1)
        self.registers = {
            CAP: CAP_VALUE, GHC: 0, IS: 0, PI: 1, PX_CLB: 0, PX_CLBU: 0, PX_IS: 0, PX_IE: 0,
            PX_CMD: 0, PX_TFD: READY, PX_SIG: SIGNATURE, PX_SSTS: DETECTED, PX_SERR: 0,
            PX_SACT: 0, PX_CI: 0,
        }  # fmt: skip
        board.bus.add_mmio(BASE, REGISTER_BYTES, self)
        board.bus.add_mmio(BASE + MESSAGES, self.message.size, self.message)

    def read(self, offset: int, size: int) -> int:
        """A register."""
        return self.registers.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; ones clear status, ones set slots."""
        registers = self.registers
        if offset in ONES_CLEAR:
            registers[offset] &= ~value
        elif offset == IS:
            registers[IS] &= ~value
            self._update()  # a port that still has something sets its bit again
        elif offset in ONES_SET:
            fresh = value & ~registers[offset]
            registers[offset] |= value
            if offset == PX_CI and registers[PX_CMD] & CMD_ST:
                self._issue(fresh)
        elif offset in (GHC, PX_CLB, PX_CLBU, PX_IE, PX_CMD):
            registers[offset] = value

    # Commands -------------------------------------------------------------------------------

    def _issue(self, slots: int) -> None:
        for slot in range(SLOTS):
            if not slots >> slot & 1:
                continue
            try:
                command = self._fetch(slot)
            except DmaError:
                self._ended(slot, HOST_BUS_ERROR)
                continue
            if command.queued:
                self.registers[PX_CI] &= ~(1 << slot)  # accepted; SACT stays until it is done
            self.disk.later(partial(self._perform, command))

    def _fetch(self, slot: int) -> Command:
        dma = self.board.dma
        header = (self.registers[PX_CLB] | self.registers[PX_CLBU] << 32) + HEADER_BYTES * slot
        entries = dma.load(header + 2, 2)
        table = dma.load(header + 8, 8)
        fis = dma.read(table, 20)
        code = fis[2]
        sector = int.from_bytes(fis[4:7] + fis[8:11], "little")
        count = fis[3] | fis[11] << 8 if code in (READ_FPDMA, WRITE_FPDMA) else 0
        regions = []
        for n in range(entries):
            at = table + PRDT + PRD_BYTES * n
            regions.append((dma.load(at, 8), (dma.load(at + 12, 4) & 0x3F_FFFF) + 1))
        return Command(slot, code, sector, count * SECTOR_BYTES, tuple(regions))

    def _perform(self, command: Command) -> None:
        dma = self.board.dma
        cause = SET_DEVICE_BITS if command.queued else D2H_FIS
        try:
            if command.code == READ_FPDMA:
                data = self.disk.read(command.sector, command.length)
                done = 0
                for address, count in command.regions:
                    dma.write(address, data[done : done + count])
                    done += count
                dma.moved("write", done, self.name)
            elif command.code == WRITE_FPDMA:
                data = b"".join(dma.read(*region) for region in command.regions)
                self.disk.write(command.sector, data[: command.length])
                dma.moved("read", len(data), self.name)
            elif command.code == FLUSH_CACHE_EXT:
                self.disk.flush()
            else:
                cause = TASK_FILE_ERROR
        except DiskError:
            cause = TASK_FILE_ERROR
        except DmaError:
            cause = HOST_BUS_ERROR
        self._ended(command.slot, cause)

    def _ended(self, slot: int, cause: int) -> None:
        registers = self.registers
        failed = cause in (TASK_FILE_ERROR, HOST_BUS_ERROR)
        registers[PX_TFD] = READY_WITH_ERROR if failed else READY
        for register in ONES_SET:
            registers[register] &= ~(1 << slot)
        registers[PX_IS] |= cause
        self._update()

    def _update(self) -> None:
        registers = self.registers
        before = registers[IS]
        if registers[PX_IS] & registers[PX_IE]:
            registers[IS] |= 1
        asks = bool(registers[IS] and registers[GHC] & GHC_IE)
        if not self.message.in_use:
            self.line.set(asks)
        elif asks and not before:
            self.message.send(0)
