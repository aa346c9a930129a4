"""Hyper-V's SCSI controller: commands in packets, data in pages that the packet names.

A request with data is a GPA-direct packet, one without is inband (struct vstor_packet,
EXECUTE_SRB), and it comes back as a completion. (Linux, drivers/scsi/storvsc_drv.c:
storvsc_channel_init, storvsc_do_io, storvsc_on_io_completion.)
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.disk import Disk
from virtdocs.devices.scsi import CHECK_CONDITION, Answer, perform, transfer_length
from virtdocs.devices.vmbus_channel import Channel, ChildPartition
from virtdocs.devices.vmbus_ring import (
    GPA_DIRECT,
    INBAND,
    ChannelError,
    Packet,
    bytes_of,
    pieces_of,
    words_of,
)
from virtdocs.machine.dma import DmaError

PACKET_BYTES: Final = 64  # a vstor_packet since Windows 8
COMPLETE_IO, EXECUTE_SRB = 1, 3
SETUP: Final = (7, 8, 9, 10)  # begin and end of initialization, version, properties
SRB_STATUS, SCSI_STATUS, DIRECTION, LENGTH, CDB = 14, 15, 22, 24, 28
CDB_BYTES: Final = 16
SRB_SUCCESS, SRB_ERROR = 1, 4
READS: Final = 1


class HypervScsi(Channel):
    """The controller, with one disk."""

    name = "hyperv-scsi"
    interface = bytes.fromhex("d96361baa104294db60572e2ffb1dc7f")  # HV_SCSI_GUID

    def __init__(self, partition: ChildPartition, disk: Disk) -> None:
        super().__init__(partition)
        self.disk = disk

    def received(self, packet: Packet) -> None:
        """A command, or a step of the setup."""
        if len(packet.content) < PACKET_BYTES:
            raise ChannelError("no vstor_packet")
        (operation,) = words_of(packet.content[:4])
        if packet.kind == INBAND and operation in SETUP:
            self.complete(packet, _answer(packet.content, SRB_SUCCESS, 0))
        elif packet.kind in (INBAND, GPA_DIRECT) and operation == EXECUTE_SRB:
            self.disk.later(partial(self._perform, packet))
        else:
            raise ChannelError(f"operation {operation} in a packet of kind {packet.kind}")

    def _perform(self, packet: Packet) -> None:
        try:
            answer = self._command(packet)
        except (ChannelError, DmaError):  # its pages are none: this request fails, no other
            answer = Answer(CHECK_CONDITION)
        status = SRB_ERROR if answer.status else SRB_SUCCESS
        self.complete(packet, _answer(packet.content, status, answer.status))

    def _command(self, packet: Packet) -> Answer:
        content, dma = packet.content, self.board.dma
        cdb, reads = content[CDB : CDB + CDB_BYTES], content[DIRECTION] == READS
        (length,) = words_of(content[LENGTH : LENGTH + 4])
        pieces = pieces_of(packet)
        if sum(count for _, count in pieces) != length or length != transfer_length(cdb):
            raise ChannelError("the command's length is not that of its pages")
        for at, count in pieces:
            if not dma.in_range(at, count):
                raise DmaError(at, count)
        sent = b"" if reads else b"".join(dma.read(at, count) for at, count in pieces)
        answer = perform(self.disk, cdb, sent)
        if answer.status:
            return answer
        if reads:
            if len(answer.data) != length:
                raise ChannelError("a command that reads nothing")
            done = 0
            for at, count in pieces:
                dma.write(at, answer.data[done : done + count])
                done += count
        if length:
            dma.moved("write" if reads else "read", length, self.name)
        return answer


def _answer(request: bytes, srb_status: int, scsi_status: int) -> bytes:
    """The request again, with how it went: operation, flags and status come first."""
    answer = bytearray(bytes_of(COMPLETE_IO, 0, 0) + request[12:PACKET_BYTES])
    answer[SRB_STATUS], answer[SCSI_STATUS] = srb_status, scsi_status
    return bytes(answer)
