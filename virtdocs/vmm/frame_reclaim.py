"""A guest's frames go back to the host one by one, and come again when they are touched.

The host takes the frame from behind the guest's number: no table of the monitor's
leads there any more, no translation is cached, and the frame's owner in the host's
memory is nobody, until it is given to somebody else. A number without a frame gets a
fresh one, all zero, at the next touch, as Linux' userspace hypervisors do it
(madvise(2), MADV_DONTNEED), if whoever asked for the frame has no objection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from virtdocs.machine.board import Board
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.host import GUEST, Host
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.shadow_paging import ShadowPaging


class FrameReclaim:
    """For one guest. ``mmus`` are the hardware's, one for each virtual CPU."""

    def __init__(
        self,
        host: Host,
        board: Board,
        pagings: Iterable[NestedPaging | ShadowPaging],
        mmus: Sequence[HardwareMmu],
    ) -> None:
        self.host = host
        self.board = board
        self.guest = host.guest_memory
        self.pagings = tuple(pagings)
        self.mmus = mmus
        self.touched: Callable[[int], bool] = lambda _frame: True
        self.missing: Callable[[int], None] = lambda _count: None
        # The guest's numbers that have no frame: until they are touched, or until it asks.
        self.taken: set[int] = set()
        self.evicted: set[int] = set()
        self.guest.populate = self._populate

    def possible(self, frame: int) -> bool:
        """A frame of the guest's own memory that the hypervisor does not need itself."""
        if not 0 <= frame < self.guest.frames:
            return False
        host_frame = self.guest.frame_of[frame]
        if host_frame is None:
            return frame in self.taken
        owner = self.host.memory.owners.get(host_frame)
        return owner == GUEST and host_frame not in self.host.kept

    def take(self, frames: Sequence[int]) -> None:
        """Take the frames behind these numbers, as one step: TLBs are flushed once."""
        for frame in frames:
            if self.guest.frame_of[frame] is None:
                continue  # not touched since it went: there is nothing behind it
            # Whoever follows the content (shadowed tables, translated code) sees it go.
            self.board.dma.write(frame << PAGE_SHIFT, bytes(PAGE_BYTES))
            self.remove(frame)
        self._flush()

    def remove(self, frame: int) -> None:
        """One number loses its frame until it is touched; the caller flushes."""
        self._detach(frame)
        self.taken.add(frame)

    def evict(self, frame: int) -> None:
        """One number loses its frame until the guest asks for one; ``settle`` follows."""
        self._detach(frame)
        self.evicted.add(frame)

    def settle(self) -> None:
        """Frames went or came at the guest's own request."""
        self._flush()
        self.missing(len(self.evicted))

    def _detach(self, frame: int) -> None:
        host_frame = self.guest.frame_of[frame]
        assert host_frame is not None
        for paging in self.pagings:
            paging.unmap(frame)
        self.guest.frame_of[frame] = None
        self.host.memory.release(host_frame)
        self._record("reclaim", frame)

    def give_back(self, frames: Sequence[int]) -> None:
        """Nothing to do before they are touched."""

    def _populate(self, frame: int) -> bool:
        """A number without a frame is touched."""
        if frame not in self.taken or not self.touched(frame):
            return False
        self.back(frame)
        return True

    def back(self, frame: int) -> int:
        """A fresh frame behind a number: the host's number of it."""
        host_frame = self.host.memory.allocate(GUEST)
        self.guest.frame_of[frame] = host_frame
        self.taken.discard(frame)
        self.evicted.discard(frame)
        self._record("populate", frame)
        return host_frame

    def _flush(self) -> None:
        for mmu in self.mmus:
            mmu.flush()

    def _record(self, what: str, frame: int) -> None:
        self.board.trace.record(
            EventKind.BALLOON, what, Party.HYPERVISOR, time=self.board.agenda.now, frame=frame
        )
