"""VMBus' control path: how a guest of Hyper-V finds the root partition's devices.

The guest posts messages (HvPostMessage): it makes contact, asks for offers, lends pages
(a GPADL) and opens a channel with a ring each way; the root partition answers by
messages. (Linux, include/linux/hyperv.h, enum vmbus_channel_message_type and the
structures that follow it; drivers/hv/connection.c, channel.c, channel_mgmt.c.) One
device is offered, with one channel. Lists of pages that need several messages,
monitor pages (signals without a hypercall, seen late) and sub-channels are left out.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from virtdocs.devices.vmbus_channel import WAKES_AFTER, Channel
from virtdocs.devices.vmbus_ring import ChannelError, Lent, bytes_of, words_of
from virtdocs.machine.dma import DmaError
from virtdocs.machine.memory import PAGE_BYTES
from virtdocs.trace import EventKind, Party

OFFER, RESCIND, REQUEST_OFFERS, ALL_OFFERS, OPEN, OPEN_RESULT = 1, 2, 3, 4, 5, 6
GPADL_HEADER, GPADL_CREATED, INITIATE_CONTACT, VERSION_RESPONSE = 8, 10, 14, 15
VERSION: Final = 4 << 16  # VERSION_WIN10: Windows 10 and Server 2016
MESSAGE_CONNECTION: Final = 1  # VMBUS_MESSAGE_CONNECTION_ID
MESSAGE_BYTES: Final = 240
RELATIVE_ID: Final = 1  # of the one channel: its event flag
CONNECTION: Final = 0x2001  # where the guest signals it; ours, a guest takes it from the offer
SINT: Final = 2  # VMBUS_MESSAGE_SINT: messages and event flags alike
OFFER_BYTES: Final = 196
FIRST_FRAME: Final = 28  # of a list of pages: where the numbers begin
INVALID_PARAMETER: Final = 0xC000_000D  # Windows' status; a guest looks for "not 0"
BUFFERS: Final = 16  # messages that may be under way, either way; ours
LISTS: Final = 16  # lists of pages that a guest may lend; ours (Hyper-V bounds their sum)


class VmBus:
    """The bus of one guest."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.partition = channel.partition
        self.connected = False
        self.under_way = 0  # messages of the guest's that were not answered yet
        channel.rescind = partial(self._reply, RESCIND, RELATIVE_ID)

    @property
    def full(self) -> bool:
        """Whether no buffer is left for another message of the guest's."""
        return self.under_way + self.partition.waiting() >= BUFFERS

    def message(self, connection: int, payload: bytes) -> bool:
        """A message of the guest's is on its way; False for a connection that is not there."""
        if connection != MESSAGE_CONNECTION:
            return False
        self.under_way += 1
        board = self.partition.board
        now = board.agenda.now
        board.trace.record(EventKind.BACKEND, "message", Party.ROOT_PARTITION, time=now)
        board.agenda.schedule(now + WAKES_AFTER, partial(self._answer, payload))
        return True

    def signal(self, connection: int) -> bool:
        """The channel is signalled; False for a connection that is not there."""
        if connection != CONNECTION:
            return False
        self.channel.signal()
        return True

    def _answer(self, payload: bytes) -> None:
        self.under_way -= 1
        payload = payload.ljust(MESSAGE_BYTES, b"\0")
        words = words_of(payload)
        kind = words[0]
        if kind == INITIATE_CONTACT:
            self.connected = words[2] == VERSION
            self._reply(VERSION_RESPONSE, int(self.connected))
        elif kind == REQUEST_OFFERS and self.connected:
            if not self.channel.broken:
                self.partition.post(self._offer())
            self._reply(ALL_OFFERS)
        elif kind == GPADL_HEADER and words[2] == RELATIVE_ID:
            status = self._lend(words, payload)
            self._reply(GPADL_CREATED, RELATIVE_ID, words[3], status)
        elif kind == OPEN and words[2] == RELATIVE_ID:
            self._reply(OPEN_RESULT, RELATIVE_ID, words[3], self._open(words))
        else:
            trace = self.partition.board.trace
            trace.record(EventKind.UNCLAIMED, f"VMBus message {kind}", Party.ROOT_PARTITION)

    def _reply(self, kind: int, *words: int) -> None:
        self.partition.post(bytes_of(kind, 0, *words))

    def _offer(self) -> bytes:
        """struct vmbus_channel_offer_channel: a dedicated interrupt, no monitor page."""
        offer = bytearray(OFFER_BYTES)
        offer[0] = OFFER
        offer[8:24] = offer[24:40] = self.channel.interface  # class, and its only instance
        offer[184:188] = bytes_of(RELATIVE_ID)
        offer[190] = 1  # is_dedicated_interrupt
        offer[192:196] = bytes_of(CONNECTION)
        return bytes(offer)

    def _lend(self, words: tuple[int, ...], payload: bytes) -> int:
        """Remember a list of pages under its handle; the status, 0 for success."""
        length, offset = words[5:7]
        count = length // PAGE_BYTES
        end, lent = FIRST_FRAME + 8 * count, self.channel.lent
        if offset or not count or length % PAGE_BYTES or end > len(payload):
            return INVALID_PARAMETER
        if words[3] in lent or len(lent) >= LISTS:
            return INVALID_PARAMETER
        frames = [
            int.from_bytes(payload[at : at + 8], "little") for at in range(FIRST_FRAME, end, 8)
        ]
        dma = self.partition.board.dma
        if not all(dma.in_range(frame * PAGE_BYTES, PAGE_BYTES) for frame in frames):
            return INVALID_PARAMETER
        lent[words[3]] = Lent(dma, frames)
        return 0

    def _open(self, words: tuple[int, ...]) -> int:
        """Both rings lie in one list of pages, the guest's first; the status, 0 for success."""
        lent, split = self.channel.lent.get(words[4]), words[6]
        if lent is None or not 0 < split < len(lent.frames):
            return INVALID_PARAMETER
        halves = lent.frames[:split], lent.frames[split:]
        try:
            self.channel.open(*(Lent(lent.dma, frames) for frames in halves))
        except (ChannelError, DmaError):
            return INVALID_PARAMETER
        return 0
