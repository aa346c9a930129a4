"""How much TCP payload an Ethernet link can carry: octets of one full frame.

Sizes: IEEE 802.3 clauses 3 and 4 (frame, preamble, interpacket gap), RFC 791 (IPv4),
RFC 9293 (TCP), RFC 7323 (timestamps option, 10 octets padded to 12).
"""

from __future__ import annotations

from fractions import Fraction

PREAMBLE_AND_START = 8
HEADER = 14
CHECK_SEQUENCE = 4
INTERPACKET_GAP = 12
IPV4_HEADER = 20
TCP_HEADER = 20
TIMESTAMPS_OPTION = 12


def tcp_payload_rate(link_mbps: int, mtu: int = 1500, *, timestamps: bool = False) -> Fraction:
    """The most TCP payload in Mbps on a link of ``link_mbps``, in full frames of ``mtu`` octets."""
    options = TIMESTAMPS_OPTION if timestamps else 0
    payload = mtu - IPV4_HEADER - TCP_HEADER - options
    on_the_wire = PREAMBLE_AND_START + HEADER + mtu + CHECK_SEQUENCE + INTERPACKET_GAP
    return Fraction(link_mbps * payload, on_the_wire)
