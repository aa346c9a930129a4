"""Event channels: a PV guest's interrupts are bits in a page that it shares with the hypervisor.

(Barham et al. 2003, §3.2; Xen's public/xen.h, struct shared_info.) Word 0 of a
virtual CPU's part says that something is pending, word 1 that the guest does not
want to hear of it now: closing interrupts is a store, not a trap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT, Memory, Page
from virtdocs.vmm.domain_builder import SHARED_INFO

PENDING: Final = 0
MASK: Final = 1
CPU_WORDS: Final = 16
PORTS_PENDING: Final = 3
PORTS_MASKED: Final = 4
SYSTEM_TIME: Final = 5
FAULT_ADDRESS: Final = 6  # what cr2 is on bare hardware, per CPU
TIME_STAMP: Final = 7  # the time-stamp counter when SYSTEM_TIME was written
PORT_LIMIT: Final = 64


@dataclass(slots=True)
class EventChannels:
    """Ports of one guest, and the shared page: ``frame`` of ``memory``."""

    memory: Memory
    frame: int = SHARED_INFO >> PAGE_SHIFT
    target: dict[int, int] = field(default_factory=dict)  # port -> virtual CPU
    timer_port: dict[int, int] = field(default_factory=dict)  # virtual CPU -> port
    # Ports whose other end is in a driver domain, and who takes such a port there.
    remote: dict[int, Callable[[], None]] = field(default_factory=dict)
    driver_domain: Callable[[int], Callable[[], None]] | None = None

    @property
    def page(self) -> Page:
        """The shared page's words."""
        page = self.memory.page(self.frame)
        assert page is not None
        return page

    def bind(self, cpu: int) -> int | None:
        """A fresh port for a virtual CPU; None when all are taken."""
        port = len(self.target) + 1
        if port >= PORT_LIMIT:
            return None
        self.target[port] = cpu
        return port

    def offer(self, cpu: int) -> int | None:
        """A fresh port to the driver domain; None when there is none, or no port left."""
        port = self.bind(cpu) if self.driver_domain is not None else None
        if port is not None and self.driver_domain is not None:
            self.remote[port] = self.driver_domain(port)
        return port

    def send(self, port: int) -> int | None:
        """Raise a port; the virtual CPU that is to be told, None when nobody is."""
        if port not in self.target:
            return None
        page = self.page
        page[PORTS_PENDING] |= 1 << port
        if page[PORTS_MASKED] >> port & 1:
            return None
        cpu = self.target[port]
        page[CPU_WORDS * cpu + PENDING] = 1
        return cpu

    def pending(self, cpu: int) -> bool:
        """Whether this virtual CPU has something to hear."""
        return bool(self.page[CPU_WORDS * cpu + PENDING])

    def masked(self, cpu: int) -> bool:
        """Whether this virtual CPU does not want to hear it now."""
        return bool(self.page[CPU_WORDS * cpu + MASK] & 1)

    def set_mask(self, cpu: int, on: bool) -> None:
        """What delivery and iret do to the mask."""
        self.page[CPU_WORDS * cpu + MASK] = int(on)

    def set_fault_address(self, cpu: int, address: int) -> None:
        """Where a PV guest reads the address of a page fault."""
        self.page[CPU_WORDS * cpu + FAULT_ADDRESS] = address

    def set_time(self, now: int) -> None:
        """The time that the guest reads without asking, and what the counter, which counts
        nanoseconds here, was then: so the guest can tell what has passed since."""
        self.page[SYSTEM_TIME] = now
        self.page[TIME_STAMP] = now
