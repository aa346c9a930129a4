"""Who is on the path of a device access, between the exit and the device's registers."""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.trace import EventKind, Party, Trace


@dataclass(slots=True)
class IoPath:
    """The parties that a device access passes after it left the guest.

    ``model`` runs the device model: the hypervisor itself, or a process of the host
    reached by a user exit.
    """

    trace: Trace
    model: Party = Party.DEVICE_MODEL

    def leave(self) -> None:
        """On to the device model."""
        if self.model is Party.DEVICE_MODEL:
            self.trace.record(EventKind.USER_EXIT, "io", self.model)
