"""A domain's reservation: frames that it gives to Xen for good, and asks for again.

The guest names frames in an array: machine frames where it keeps its own tables (PV),
its own numbers where hardware translates (HVM, PVH). Xen goes through the array until
one is not possible and says how far it came. A PV guest must have taken a page out of
all its tables before: a frame that is referred to stays. Unlike a page of a balloon
that hardware or a process looks after, a page that went has no memory until the guest
has asked for it. (Xen: public/memory.h, XENMEM_decrease_reservation and
XENMEM_populate_physmap; xen/common/memory.c.) Only single pages of the guest's own
domain are offered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.machine.reclaim import Reclaim
from virtdocs.vmm.frame_reclaim import FrameReclaim

DECREASE: Final = 1
POPULATE: Final = 6
EXTENTS: Final = 512  # of one call: a page of frame numbers, as Linux' balloon uses them


class Reservation:
    """``in_use`` says of a machine frame whether the guest's own tables refer to it; with
    ``machine_frames`` the guest counts as the machine does."""

    def __init__(
        self, reclaim: FrameReclaim, machine_frames: bool, in_use: Callable[[int], bool]
    ) -> None:
        self.reclaim = reclaim
        self.guest = reclaim.guest
        self.machine_frames = machine_frames
        self.in_use = in_use

    @classmethod
    def of(
        cls, owner: Reclaim, *, machine_frames: bool, in_use: Callable[[int], bool]
    ) -> Reservation:
        """The reservation of a guest whose memory has an owner below."""
        assert isinstance(owner, FrameReclaim)
        return cls(owner, machine_frames, in_use)

    def decrease(self, extents: list[int]) -> int:
        """Take frames from the guest: how many, from the first on."""
        done = 0
        for extent in extents:
            frame = self._number(extent)
            if frame is None or not self.reclaim.possible(frame):
                break
            host_frame = self.guest.frame_of[frame]
            if host_frame is None or self.in_use(host_frame):
                break
            self.reclaim.evict(frame)
            done += 1
        self.reclaim.settle()
        return done

    def populate(self, numbers: list[int]) -> list[int]:
        """Put fresh frames behind the guest's numbers: the machine's, from the first on."""
        found = []
        for number in numbers:
            inside = number < self.guest.frames
            if not inside or self.guest.frame_of[number] is not None:
                break
            found.append(self.reclaim.back(number))
        self.reclaim.settle()
        return found

    def _number(self, extent: int) -> int | None:
        """The guest's number of a frame that it named; None for one that is not its own."""
        if not self.machine_frames:
            return extent
        try:
            return self.guest.frame_of.index(extent)
        except ValueError:
            return None
