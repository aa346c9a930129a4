"""Xen's balloon: a wish in the Xenstore, and hypercalls that change the domain's reservation.

There is no device: the toolstack in dom0 writes how large the domain should be and the
guest's balloon driver (Linux: drivers/xen/balloon.c) calls the hypervisor with up to
512 frame numbers at a time. A PV guest makes one more hypercall for each page, which
takes it out of its own tables or puts it back.

    >>> from virtdocs.experiments.run import run
    >>> calls = {n: run("balloon", n).counts_per_op["hypercall"] for n in ("xen_pv64", "xen_pvh")}
    >>> [int(512 * calls[name].get("update_va_mapping", 0)) for name in calls]
    [512, 0]
    >>> [int(512 * calls[name]["memory_op"]) for name in calls]
    [2, 2]

The Xenstore is the same page of words that the split drivers here publish their rings
in (xen_ring.py): reading it costs nothing, where it really is a ring and an event.
"""

from __future__ import annotations

from typing import Final

from virtdocs.devices.balloon import Balloon
from virtdocs.devices.xen_ring import STORE, BackEnd, DriverDomain
from virtdocs.machine.board import RAM_FRAMES

TARGET: Final = STORE + 32  # memory/target, in KiB
STATIC_MAX: Final = STORE + 40  # memory/static-max, in KiB
KIB_PER_PAGE: Final = 4


class XenBalloon(BackEnd):
    """The toolstack of one domain. ``pause``: instructions before the next wish."""

    name = "xen-balloon"

    def __init__(self, domain: DriverDomain, pages: int, pause: int) -> None:
        super().__init__(domain)
        self.balloon = Balloon(domain.board, pages, pause, self._wish)
        domain.board.reclaim.missing = self.balloon.reached
        self._write()

    def connect(self) -> None:
        """The guest watches its target: nothing to map."""

    def disconnect(self) -> None:
        """Nothing was mapped."""

    def look(self) -> None:
        """The guest's driver is there: a watch fires once when it is set up."""
        self.domain.notify(self.port, self.name)

    def _wish(self) -> None:
        self._write()
        if self.connected:
            self.domain.notify(self.port, self.name)

    def _write(self) -> None:
        dma = self.domain.board.dma
        dma.store(STATIC_MAX, 8, KIB_PER_PAGE * RAM_FRAMES)
        dma.store(TARGET, 8, KIB_PER_PAGE * (RAM_FRAMES - self.balloon.target))
