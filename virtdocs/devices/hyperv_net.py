"""Hyper-V's network controller: RNDIS messages in two buffers that the guest lends.

To send, the guest copies a frame into a section of its send buffer and says which; it
is told by a completion when the section is free again. A received frame lies in the
receive buffer until the guest completes it, which is a packet like any other: it needs
a signal where the ring was empty. Control messages (RNDIS: initialize, set the packet
filter) lie in a page that their packet names, their answers in the receive buffer; no
frame arrives before the filter is set. (Linux, drivers/net/hyperv: hyperv_net.h for the
messages, netvsc.c for their order, rndis_filter.c for what is in the buffers.)
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.link import LONGEST, Link
from virtdocs.devices.vmbus_channel import Channel, ChildPartition
from virtdocs.devices.vmbus_ring import (
    COMPLETION,
    GPA_DIRECT,
    INBAND,
    TRANSFER_PAGES,
    ChannelError,
    Packet,
    bytes_of,
    packed,
    pieces_of,
    words_of,
)
from virtdocs.machine.dma import DmaError

VERSION: Final = 5 << 16  # NVSP_PROTOCOL_VERSION_5
MESSAGE_BYTES: Final = 40  # every message has this length, whatever it needs
INIT, INIT_COMPLETE, NDIS_VERSION, NDIS_CONFIG = 1, 2, 100, 125
RECEIVE_BUFFER, RECEIVE_COMPLETE, SEND_BUFFER, SEND_COMPLETE = 101, 102, 104, 105
SEND_RNDIS, SEND_RNDIS_COMPLETE = 107, 108
SUCCESS, FAILED, UNSUPPORTED = 1, 2, 7
NOT_IN_SEND_BUFFER: Final = 0xFFFF_FFFF
RECEIVE_BUFFER_ID: Final = 0xCAFE
SECTION_BYTES: Final = 2048  # of either buffer; the controller chooses
RNDIS_PACKET: Final = 1
RNDIS_HEADER: Final = 44
INITIALIZE, QUERY, SET = 2, 4, 5  # control messages; an answer has the highest bit set as well
ANSWERS: Final = 1 << 31
PACKET_FILTER: Final = 0x0001_010E  # OID_GEN_CURRENT_PACKET_FILTER
NOT_SUPPORTED: Final = 0xC000_00BB
INVALID_DATA: Final = 0xC001_0015
CONTROL_BYTES: Final = 12  # type, length, number of the request: what each control message has
DATA_OFFSET_AT: Final = 8  # the word that says where data begins, counted from itself


class HypervNet(Channel):
    """The controller, with one channel."""

    name = "hyperv-net"
    interface = bytes.fromhex("635161f83edfc546913ff2d2f965ed0e")  # HV_NIC_GUID

    def __init__(self, partition: ChildPartition, link: Link) -> None:
        super().__init__(partition)
        self.link = link
        link.plug(self.name, self.receive)
        self.send_handle = self.receive_handle = 0
        self.free: list[int] = []  # sections of the receive buffer
        self.taken: set[int] = set()  # those that lie with the guest
        self.filter = 0  # which frames the guest wants; 0: none

    def received(self, packet: Packet) -> None:
        """A step of the setup, a frame to send, or a section that is free again."""
        if packet.kind == COMPLETION:
            if packet.transaction not in self.taken:
                raise ChannelError(f"completion of {packet.transaction}")
            self.taken.remove(packet.transaction)
            self.free.append(packet.transaction)
            return
        if packet.kind not in (INBAND, GPA_DIRECT) or len(packet.content) < MESSAGE_BYTES:
            raise ChannelError(f"a packet of kind {packet.kind}")
        kind, first, second, third = words_of(packet.content[:16])
        if packet.kind == GPA_DIRECT:
            if (kind, second) != (SEND_RNDIS, NOT_IN_SEND_BUFFER):
                raise ChannelError(f"message {kind} with pages")
            self._control(packet)
            return
        if kind == INIT:
            known = first <= VERSION <= second
            self._answer(packet, INIT_COMPLETE, VERSION, 0, SUCCESS if known else UNSUPPORTED)
        elif kind == RECEIVE_BUFFER:
            sections = self._sections(first)
            self.receive_handle = first
            self.free, self.taken = list(range(sections)), set()
            end = sections * SECTION_BYTES
            self._answer(packet, RECEIVE_COMPLETE, SUCCESS, 1, 0, SECTION_BYTES, sections, end)
        elif kind == SEND_BUFFER:
            self._sections(first)
            self.send_handle = first
            self._answer(packet, SEND_COMPLETE, SUCCESS, SECTION_BYTES)
        elif kind == SEND_RNDIS:
            self.link.later(partial(self._send, packet, second, third))
        elif kind not in (NDIS_VERSION, NDIS_CONFIG):
            raise ChannelError(f"message {kind}")

    def _sections(self, handle: int) -> int:
        if handle not in self.lent:
            raise ChannelError(f"no pages under the handle {handle}")
        return self.lent[handle].size // SECTION_BYTES

    def _answer(self, packet: Packet, *words: int) -> None:
        self.complete(packet, bytes_of(*words).ljust(MESSAGE_BYTES, b"\0"))

    def _send(self, packet: Packet, section: int, size: int) -> None:
        status = SUCCESS
        try:
            frame = self._frame(section, size)
            self.board.dma.moved("read", len(frame), self.name)
            self.link.send(frame)
        except (ChannelError, DmaError):
            status = FAILED
        self._answer(packet, SEND_RNDIS_COMPLETE, status)

    def _control(self, packet: Packet) -> None:
        """A control message: its own completion, then its answer as if it were a frame."""
        pieces = pieces_of(packet)
        if sum(count for _, count in pieces) > SECTION_BYTES:
            raise ChannelError("a control message longer than a section")
        raw = b"".join(self.board.dma.read(at, count) for at, count in pieces)
        if len(raw) < CONTROL_BYTES:
            raise ChannelError("no control message")
        kind, _, request = words_of(raw[:CONTROL_BYTES])
        self._answer(packet, SEND_RNDIS_COMPLETE, SUCCESS)
        words = (kind | ANSWERS, 0, request, *self._controlled(kind, raw))
        self._hand_over(bytes_of(words[0], 4 * len(words), *words[2:]))

    def _controlled(self, kind: int, raw: bytes) -> tuple[int, ...]:
        """What an answer says: its status, and what belongs to its kind."""
        if kind == INITIALIZE:
            # Version 1.0, connectionless, 802.3, one frame a message, its longest, no alignment.
            return (0, 1, 0, 1, 0, 1, SECTION_BYTES, 0, 0, 0)
        if kind == QUERY:
            return (NOT_SUPPORTED, 0, 0)
        if kind != SET:
            return (NOT_SUPPORTED,)
        oid, length, offset = words_of(raw[CONTROL_BYTES : CONTROL_BYTES + 12].ljust(12, b"\0"))
        value = raw[DATA_OFFSET_AT + offset : DATA_OFFSET_AT + offset + 4]
        if oid != PACKET_FILTER:
            return (NOT_SUPPORTED,)
        if length != 4 or len(value) != length:
            return (INVALID_DATA,)
        (self.filter,) = words_of(value)
        return (0,)

    def _frame(self, section: int, size: int) -> bytes:
        """The frame of the RNDIS message in a section; ChannelError where there is none."""
        lent = self.lent.get(self.send_handle)
        if lent is None or not RNDIS_HEADER < size <= SECTION_BYTES:
            raise ChannelError(f"{size} bytes of section {section}")
        message = lent.read(section * SECTION_BYTES, size)
        kind, _, offset, length = words_of(message[:16])
        start = DATA_OFFSET_AT + offset
        frame = message[start : start + length]
        if kind != RNDIS_PACKET or not 0 < length <= LONGEST or len(frame) != length:
            raise ChannelError("no RNDIS packet")
        return frame

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a free section, or when the guest wants none."""
        if not self.filter or len(frame) > LONGEST:
            return False
        length, offset = RNDIS_HEADER + len(frame), RNDIS_HEADER - DATA_OFFSET_AT
        message = bytes_of(RNDIS_PACKET, length, offset, len(frame)).ljust(RNDIS_HEADER, b"\0")
        taken = self._hand_over(message + frame)
        if taken:
            self.board.dma.moved("write", len(frame), self.name)
        return taken

    def _hand_over(self, message: bytes) -> bool:
        """Put a message into a section of the receive buffer; False where there is none."""
        if not self.free or self.outward is None:
            return False
        section, lent = self.free[0], self.lent[self.receive_handle]
        try:
            lent.write(section * SECTION_BYTES, message)
        except (ChannelError, DmaError):
            self.break_off()
            return False
        self.taken.add(self.free.pop(0))
        # struct vmtransfer_page_packet_header: whose buffer, one range, its length and place.
        ranges = bytes_of(RECEIVE_BUFFER_ID, 1, len(message), section * SECTION_BYTES)
        content = bytes_of(SEND_RNDIS, 0, NOT_IN_SEND_BUFFER, 0).ljust(MESSAGE_BYTES, b"\0")
        self.send(packed(TRANSFER_PAGES, section, content, ranges))
        return True
