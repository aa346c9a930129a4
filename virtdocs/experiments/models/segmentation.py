"""What a network driver hands over at once: one packet, or many segments in one buffer.

A driver that negotiated it gives the device a buffer with one set of headers, and whoever
puts it on the wire cuts it into segments (virtio 1.2 §5.1.6.2, VIRTIO_NET_F_HOST_TSO4; the
82540EM's TCP segmentation, manual §3.5). In the other direction several received segments come
in one buffer (VIRTIO_NET_F_GUEST_TSO4 with VIRTIO_NET_F_MRG_RXBUF, §5.1.6.4). The device
works once for a buffer; bytes and segments are as many as before (RULES.md, T1 and T2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.devices.registry import DeviceType
from virtdocs.experiments.eras import Era

# IPv4 and TCP headers with timestamps (RFC 791, RFC 9293, RFC 7323), in bytes.
HEADERS: Final = 20 + 20 + 12
LARGEST_PACKET: Final = 65_535  # IPv4's total length has 16 bits (RFC 791 §3.1)
DIRECTIONS: Final = ("tx", "rx")


@dataclass(frozen=True, slots=True)
class Buffer:
    """What is handed over at once: ``segments`` packets of the wire, ``payload`` bytes of TCP."""

    segments: int
    payload: int

    def wire_bytes(self) -> int:
        """Bytes of IP packets on the wire: each segment has headers of its own."""
        return self.payload + self.segments * HEADERS

    def handed_bytes(self) -> int:
        """Bytes between driver and device: the headers are there once."""
        return self.payload + HEADERS


def takes_segments(device: DeviceType, era: Era, direction: str) -> bool:
    """Whether a buffer of this device holds several segments then, in this direction."""
    return era.segmentation and direction in device.segments


def buffer(mtu: int, several: bool) -> Buffer:
    """As many whole segments as fit where ``several`` do, else one; ``mtu`` in bytes."""
    segment = mtu - HEADERS
    count = (LARGEST_PACKET - HEADERS) // segment if several else 1
    return Buffer(count, count * segment)
