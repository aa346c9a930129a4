"""Fusion-MPT's messages: what a request frame says, and what comes back in a reply frame.

The layouts are those of LSI's headers as Linux 6.1 has them (drivers/message/fusion/lsi:
mpi_init.h, mpi_ioc.h, mpi.h), and as QEMU's at e351b82 (hw/scsi/mpi.h). A driver can name its
data by a list of simple elements, which a chain element continues elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.dma import Dma

SCSI_IO, IOC_INIT, IOC_FACTS, PORT_FACTS, PORT_ENABLE = 0x00, 0x02, 0x03, 0x05, 0x06
# What a request has to hold, in bytes.
REQUEST_BYTES: Final = {SCSI_IO: 48, IOC_INIT: 44, IOC_FACTS: 12, PORT_FACTS: 12, PORT_ENABLE: 12}
HEADER_BYTES: Final = 12
FRAME_BYTES: Final = 128
CHAIN_DEPTH: Final = 0x22  # QEMU, hw/scsi/mptsas.h: MPTSAS_MAXIMUM_CHAIN_DEPTH

# IOCStatus (mpi.h).
SUCCESS, INVALID_FUNCTION, INVALID_SGL, INTERNAL_ERROR = 0x0000, 0x0001, 0x0003, 0x0004
INSUFFICIENT_RESOURCES, INVALID_FIELD, INVALID_STATE = 0x0006, 0x0007, 0x0008
INVALID_BUS, INVALID_TARGET, DATA_OVERRUN, DATA_UNDERRUN, DATA_ERROR = 0x41, 0x42, 0x44, 0x45, 0x46
NO_SCSI_STATUS: Final = 0x04  # SCSIState

NO_DATA, TO_DEVICE, TO_HOST = 0x0000_0000, 0x0100_0000, 0x0200_0000
DIRECTION: Final = 0x0300_0000

LAST_ELEMENT, END_OF_BUFFER, END_OF_LIST = 1 << 31, 1 << 30, 1 << 24
ELEMENT, SIMPLE, CHAIN, LONG_ADDRESS = 3 << 28, 1 << 28, 3 << 28, 1 << 25
LENGTH: Final = 0xFF_FFFF
# As many elements as the deepest chain of whole frames holds: a longer list is none.
ELEMENTS: Final = (CHAIN_DEPTH + 1) * FRAME_BYTES // 8


class MessageError(Exception):
    """A request that cannot be done; ``status`` is the IOCStatus of its reply."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"IOCStatus {status:#x}")


@dataclass(frozen=True, slots=True)
class ScsiIo:
    """A SCSI command as its frame says it (MSG_SCSI_IO_REQUEST)."""

    raw: bytes
    at: int  # physical address of the frame

    @property
    def target(self) -> int:
        """Which device on the bus."""
        return self.raw[0]

    @property
    def bus(self) -> int:
        """Which bus of the adapter."""
        return self.raw[1]

    @property
    def context(self) -> int:
        """What the driver knows the request by."""
        return _word(self.raw, 8)

    @property
    def direction(self) -> int:
        """`NO_DATA`, `TO_DEVICE` or `TO_HOST`."""
        return _word(self.raw, 20) & DIRECTION

    @property
    def cdb(self) -> bytes:
        """The SCSI command."""
        return self.raw[24:40]

    @property
    def length(self) -> int:
        """Bytes of data that the driver has room for, or sends."""
        return _word(self.raw, 40)

    def pieces(self, dma: Dma) -> Iterator[tuple[int, int]]:
        """Address and length of each piece of memory, up to `length` bytes in all.

        MessageError for a list that breaks the rules (QEMU, mptsas_build_sgl) or that has
        more than `ELEMENTS`; DmaError where the list itself lies nowhere.
        """
        at, left = self.at + REQUEST_BYTES[SCSI_IO], self.length
        chain = self.at + 4 * self.raw[2] if self.raw[2] else 0
        for _ in range(ELEMENTS):
            flags = dma.load(at, 4)
            wide = 8 if flags & LONG_ADDRESS else 4
            count = min(flags & LENGTH, left)
            ends = flags & (END_OF_LIST | END_OF_BUFFER)
            if flags & ELEMENT != SIMPLE or not (flags & LENGTH or ends):
                raise MessageError(INVALID_SGL)
            if not count:
                break
            yield dma.load(at + 4, wide), count
            left -= count
            at += 4 + wide
            if flags & END_OF_LIST or (flags & LAST_ELEMENT and not chain):
                break
            if flags & LAST_ELEMENT:
                link = dma.load(chain, 4)
                if link & ELEMENT != CHAIN:
                    raise MessageError(INVALID_SGL)
                at = dma.load(chain + 4, 8 if link & LONG_ADDRESS else 4)
                next_chain = link >> 16 & 0xFF
                chain = at + 4 * next_chain if next_chain else 0
        else:
            raise MessageError(INVALID_SGL)
        if left:
            raise MessageError(INVALID_SGL)

    def reply(self, ioc_status: int, scsi_status: int, state: int, moved: int) -> bytes:
        """The reply frame (MSG_SCSI_IO_REPLY), for what did not go as it should."""
        words = bytearray(self.raw[:2] + bytes([9]) + self.raw[3:12] + bytes(24))
        words[12], words[13] = scsi_status, state
        words[14:16] = ioc_status.to_bytes(2, "little")
        words[20:24] = moved.to_bytes(4, "little")
        return bytes(words)


def answer(request: bytes, length: int, fields: dict[int, tuple[int, int]]) -> bytes:
    """A reply of ``length`` bytes: the request's header, and ``fields``: size and value by offset.

    The third byte is the length in words, as in each reply (MSG_DEFAULT_REPLY).
    """
    found = bytearray(request[:HEADER_BYTES] + bytes(length - HEADER_BYTES))
    found[2] = length // 4
    for at, (size, value) in fields.items():
        found[at : at + size] = value.to_bytes(size, "little")
    return bytes(found)


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")
