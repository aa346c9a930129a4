"""VMware's vmxnet, second version: rings whose entries change hands, and a port to read.

A page that driver and device share says where the rings are. An entry belongs to the one or the
other by a word in it, so that nothing has to be read to see what is new. To send, the driver
reads a port, and only when as many packets wait as the device asked for; to answer an interrupt
it writes another. (open-vm-tools, the last commit with the driver, 5034ce8 of 2017:
modules/shared/vmxnet/vmxnet_def.h and vmxnet2_def.h; modules/linux/vmxnet/vmxnet.c:
vmxnet_probe_features, vmxnet_open, vmxnet_tx, vmxnet_rx, vmxnet_interrupt.)

The device's own half was never published. Taken from what the shared page is for: it interrupts
for a packet sent where the driver says that it runs low or has stopped (VMXNET2_TX_RING_LOW,
txStopped), as the driver collects the rest itself at each packet; and it asks for each packet at
once (txClusterLength stays 0). Left out: the second receive ring, segmentation, multicast
filters, morphing a PCnet into a vmxnet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.interrupts import Line
from virtdocs.devices.link import Link
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError

PORTS: Final = 0xC040
PORT_COUNT: Final = 0x40
# vmxnet_def.h: ports and commands.
INIT_ADDRESS, INIT_LENGTH, TRANSMIT, COMMAND = 0x00, 0x04, 0x08, 0x0C
MAC, LOW_VERSION, HIGH_VERSION, STATUS = 0x10, 0x18, 0x1C, 0x20
MAC_ADDRESS: Final = bytes.fromhex("005056000001")  # VMware's prefix
ACKNOWLEDGE, DISABLE, ENABLE, CHECK_SENT = 0x0001, 0x0020, 0x0040, 0x0100
GET_CAPABILITIES, GET_FEATURES = 0x1000, 0x2000
CONNECTED, ENABLED = 1, 2
ZERO_COPY: Final = 1  # the feature, and the capability to gather that belongs to it
CAPABILITIES: Final = 1 | 0x4000  # VMNET_CAP_SG, VMNET_CAP_TX_CHAIN

# vmxnet2_def.h: Vmxnet2_DriverData, and the entries of its rings.
MAGIC: Final = 0xBABE_864F
RX_LENGTH, TX_LENGTH, TX_STOPPED = 4, 40, 52
SAVED_RX, SAVED_TX, LENGTH, RX_OFFSET, TX_OFFSET = 92, 100, 104, 108, 116
DATA_BYTES: Final = 176
RX_BYTES, TX_BYTES = 24, 64
MOST: Final = 512  # entries of a ring
DRIVERS, DEVICES, DEVICE_WORKS = 0, 2, 3  # ownership
RX_BUFFER, RX_ACTUAL, RX_OWNER, RX_FLAGS = 8, 12, 16, 18
TX_FLAGS, TX_OWNER, TX_PIECES, TX_LIST = 0, 2, 14, 16
MOST_PIECES: Final = 6
CAN_KEEP, RING_LOW, MORE = 0x01, 0x02, 0x20  # flags of an entry to send


@dataclass(slots=True)
class Ring:
    """A ring and how far the device is in it."""

    base: int
    size: int
    entry_bytes: int
    index: int

    @property
    def at(self) -> int:
        """Address of the current entry."""
        return self.base + self.entry_bytes * self.index

    def advance(self) -> None:
        """On to the next entry."""
        self.index = (self.index + 1) % self.size


class Vmxnet2:
    """The controller."""

    name = "vmxnet2"

    def __init__(self, board: Board, link: Link) -> None:
        self.board = board
        self.link = link
        link.plug(self.name, self.receive)
        self.line = Line(board, self.name)
        self.address = 0
        self.data = 0
        self.answer = 0
        self.tx: Ring | None = None
        self.rx: Ring | None = None
        self.sending = False
        self.pending = False
        self.open = True  # to interrupts
        board.bus.add_ports(PORTS, PORT_COUNT, self)

    def read(self, offset: int, size: int) -> int:
        """A port; to read `TRANSMIT` is to say that there is something to send."""
        if offset == TRANSMIT:
            self._told()
        if MAC <= offset < MAC + len(MAC_ADDRESS):
            return int.from_bytes(MAC_ADDRESS[offset - MAC :][:size], "little")
        status = CONNECTED | (ENABLED if self.tx is not None else 0)
        return {
            COMMAND: self.answer, LOW_VERSION: MAGIC, HIGH_VERSION: MAGIC, STATUS: status
        }.get(offset, 0)  # fmt: skip

    def write(self, offset: int, size: int, value: int) -> None:
        """A port: the shared page, or a command."""
        if offset == INIT_ADDRESS:
            self.address = value
            self.tx = self.rx = None
        elif offset == INIT_LENGTH:
            try:
                self._initialize(value)
            except DmaError:
                self.tx = self.rx = None
        elif offset == COMMAND:
            self._command(value)

    def _command(self, value: int) -> None:
        self.answer = {GET_FEATURES: ZERO_COPY, GET_CAPABILITIES: CAPABILITIES}.get(value, 0)
        if value == ACKNOWLEDGE:
            self.pending = False
        elif value in (ENABLE, DISABLE):
            self.open = value == ENABLE
        elif value == CHECK_SENT:
            self._send()
        self._update()

    def _initialize(self, length: int) -> None:
        """Take the shared page; nothing comes of one that contradicts itself."""
        dma, at = self.board.dma, self.address
        if dma.load(at, 4) != MAGIC or dma.load(at + LENGTH, 4) != length:
            return
        found = []
        for entry_bytes, *fields in (
            (TX_BYTES, TX_LENGTH, TX_OFFSET, SAVED_TX),
            (RX_BYTES, RX_LENGTH, RX_OFFSET, SAVED_RX),
        ):
            size, offset, index = (dma.load(at + field, 4) for field in fields)
            inside = offset >= DATA_BYTES and offset + size * entry_bytes <= length
            if not 0 < size <= MOST or not inside or index >= size:
                return
            found.append(Ring(at + offset, size, entry_bytes, index))
        self.data = at
        self.tx, self.rx = found

    # Frames ---------------------------------------------------------------------------------

    def _told(self) -> None:
        """What the driver may not keep waiting for goes at once, the rest when its time comes."""
        if self.tx is None or self.sending:
            return
        try:
            keep = self.board.dma.load(self.tx.at + TX_FLAGS, 2) & CAN_KEEP
        except DmaError:
            self.tx = None
            return
        if not keep:
            self._send()
            return
        self.sending = True
        self.link.later(self._send)

    def _send(self) -> None:
        self.sending = False
        ring, dma = self.tx, self.board.dma
        if ring is None:
            return
        low = False
        try:
            # At most once round: the driver may not refill the ring meanwhile.
            for _ in range(ring.size):
                packet = self._packet(ring)
                if not packet:
                    break
                low = low or bool(dma.load(packet[0] + TX_FLAGS, 2) & RING_LOW)
                self.link.send(b"".join(self._gathered(entry) for entry in packet))
                for entry in packet:
                    dma.store(entry + TX_OWNER, 2, DRIVERS)
                    ring.advance()
            stopped = dma.load(self.data + TX_STOPPED, 4)
        except DmaError:
            self.tx = None  # a ring or a buffer outside memory: nothing is sent any more
            return
        if low or stopped:
            self._interrupt()

    def _packet(self, ring: Ring) -> list[int]:
        """Addresses of the entries of the next packet, which are the device's now; empty where
        they are not all handed over."""
        dma, found = self.board.dma, []
        for n in range(ring.size):
            entry = ring.base + ring.entry_bytes * ((ring.index + n) % ring.size)
            if dma.load(entry + TX_OWNER, 2) != DEVICES:
                break
            found.append(entry)
            if not dma.load(entry + TX_FLAGS, 2) & MORE:
                for one in found:
                    dma.store(one + TX_OWNER, 2, DEVICE_WORKS)
                return found
        return []

    def _gathered(self, entry: int) -> bytes:
        """The bytes that an entry names."""
        dma, found = self.board.dma, b""
        for n in range(min(dma.load(entry + TX_PIECES, 2), MOST_PIECES)):
            at = entry + TX_LIST + 8 * n
            length = dma.load(at + 6, 2)
            if length:
                found += dma.read(dma.load(at, 4) | dma.load(at + 4, 2) << 32, length)
                dma.moved("read", length, self.name)
        return found

    def receive(self, frame: bytes) -> bool:
        """A frame arrives; False without a buffer for it."""
        ring, dma = self.rx, self.board.dma
        if ring is None:
            return False
        try:
            at = ring.at
            room = dma.load(at + RX_BUFFER, 4)
            if dma.load(at + RX_OWNER, 2) != DEVICES or room < len(frame):
                return False
            dma.write(dma.load(at, 8), frame)
            dma.moved("write", len(frame), self.name)
            dma.store(at + RX_ACTUAL, 4, len(frame))
            dma.store(at + RX_FLAGS, 2, 0)
            dma.store(at + RX_OWNER, 2, DRIVERS)
        except DmaError:
            self.rx = None
            return False
        ring.advance()
        self._interrupt()
        return True

    # Interrupts -----------------------------------------------------------------------------

    def _interrupt(self) -> None:
        self.pending = True
        self._update()

    def _update(self) -> None:
        self.line.set(self.pending and self.open)
