"""Who is on which side of the line that virtualization draws."""

from __future__ import annotations

from virtdocs.trace import Party

MONITOR = frozenset(
    {
        Party.HYPERVISOR,
        Party.DEVICE_MODEL,
        Party.DOM0,
        Party.ROOT_PARTITION,
        Party.HOST_KERNEL,
    }
)


def monitor_side(party: Party) -> bool:
    """True for software of the monitor and the host; the CPU and devices are neither's."""
    return party in MONITOR
