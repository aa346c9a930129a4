"""The dirty log: which guest frames were written since the last look, for live migration.

Nested paging only. Every frame's nested entry is made read-only; the first write to a
frame exits, is noted, and gives the entry its right back, so a frame costs one exit a
round (Linux, Documentation/virt/kvm/api.rst, KVM_GET_DIRTY_LOG). What the monitor and
the devices write is noted where they write it. The bitmap lies in frames of the monitor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from virtdocs.machine.memory import WORDS_PER_PAGE, Page
from virtdocs.vmm.host import Host
from virtdocs.vmm.nested_paging import NestedPaging

WORD_BITS: Final = 64
BITS: Final = WORDS_PER_PAGE * WORD_BITS  # guest frames that one frame of the bitmap covers


class DirtyLog:
    """The log of one guest; ``pagings`` are those of its virtual CPUs."""

    def __init__(self, host: Host, pagings: Sequence[NestedPaging]) -> None:
        self.host = host
        self.pagings = pagings
        self.frames = host.guest_memory.frames
        self._bitmap = [host.monitor_frame() for _ in range(-(-self.frames // BITS))]

    def start(self) -> None:
        """From now on every write is noted."""
        for paging in self.pagings:
            paging.log = self
        self._protect()

    def stop(self) -> None:
        """Writes go through unnoticed again, each frame from its next fault on."""
        for paging in self.pagings:
            paging.log = None

    def written(self, frame: int) -> None:
        """A guest frame is about to be written."""
        self._page(frame)[frame % BITS // WORD_BITS] |= 1 << frame % WORD_BITS

    def sync(self) -> None:
        """A device's write is done: it was noted before."""

    def harvest(self) -> list[int]:
        """The guest frames written since the start or the last harvest, in order; begins anew."""
        found = []
        for first in range(0, self.frames, WORD_BITS):
            page, at = self._page(first), first % BITS // WORD_BITS
            found += [first + bit for bit in range(WORD_BITS) if page[at] >> bit & 1]
            page[at] = 0
        self._protect()
        return found

    def _protect(self) -> None:
        self.pagings[0].protect_all()  # one set of nested tables for all virtual CPUs
        for paging in self.pagings:
            paging.mmu.flush()

    def _page(self, frame: int) -> Page:
        page = self.host.memory.page(self._bitmap[frame // BITS])
        assert page is not None
        return page
