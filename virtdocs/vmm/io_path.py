"""Who is on the path of a device access, between the exit and the device's registers.

The model may run in the hypervisor itself (ESXi), in a process of the host (KVM,
Workstation), in Xen's dom0, or in Hyper-V's root partition; in all but the first case
the access leaves the hypervisor for somebody with an address space of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.machine.bus import Range
from virtdocs.trace import EventKind, Party, Trace


@dataclass(slots=True)
class IoPath:
    """The parties that a device access passes after it left the guest; ``model`` runs the
    device model."""

    trace: Trace
    model: Party = Party.DEVICE_MODEL
    # A notification is left in a queue for whoever serves it (KVM's ioeventfd): the virtual CPU
    # goes straight back to its guest.
    queues_notifications: bool = False

    def reached(self, range_: Range | None) -> None:
        """An access that left the guest is on its way to a device, or to nobody."""
        if self.queues_notifications and range_ is not None and range_.notification:
            self.trace.record(EventKind.BACKEND, "notification", Party.HYPERVISOR)
        elif self.model is not Party.HYPERVISOR:
            self.trace.record(EventKind.USER_EXIT, "io", self.model)
