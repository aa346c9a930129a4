"""What the hypervisor in a guest takes for the machine: memory with numbers of its own.

Its lowest frames are its own: control structure, bitmaps, nested tables. Above them lies
what it gives to its guest. Behind each number is a frame of the host, so that whoever runs
below it can find what it wrote; a frame of its own has an owner that no guest is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from virtdocs.machine.memory import Page
from virtdocs.vmm.host import Host

LEVEL_ONE: Final = "level_one"
OWN_FRAMES: Final = 64  # more than its structures and tables need


class LevelOneMemory:
    """Frames as the first level numbers them."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.own: list[int] = []  # the host's frames behind the first level's own numbers

    @property
    def frames(self) -> int:
        """Its own frames, and those of its guest."""
        return OWN_FRAMES + self.host.guest_memory.frames

    def allocate(self) -> int:
        """The next frame of its own; MemoryError when there is none left."""
        if len(self.own) == OWN_FRAMES:
            raise MemoryError("no free frame of the first level's own")
        self.own.append(self.host.memory.allocate(LEVEL_ONE))
        return len(self.own) - 1

    def given(self, guest_frame: int) -> int | None:
        """The number of a frame that its guest has under ``guest_frame``, or None."""
        guest = self.host.guest_memory
        # One that was given to the host may come back.
        return OWN_FRAMES + guest_frame if guest.page(guest_frame) is not None else None

    def host_frame(self, frame: int) -> int | None:
        """The host's frame behind a number; None where the first level has no memory."""
        if 0 <= frame < len(self.own):
            return self.own[frame]
        guest_frame = frame - OWN_FRAMES
        if 0 <= guest_frame < self.host.guest_memory.frames:
            return self.host.guest_memory.frame_of[guest_frame]
        return None

    def page(self, frame: int) -> Page | None:
        """The words of a frame, or None where there is no memory."""
        found = self.host_frame(frame)
        return None if found is None else self.host.memory.page(found)

    def touched(self) -> Iterable[int]:
        """The frames that may hold something else than zeros, in order."""
        pages = self.host.memory.pages
        return [frame for frame in range(self.frames) if self.host_frame(frame) in pages]
