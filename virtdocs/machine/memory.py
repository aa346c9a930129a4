"""Physical memory in frames of 4 KiB, each with an owner.

A page is a list of 512 words of 64 bits. The owner of a frame is what the oracle
below every monitor asks for: a guest may touch only frames that it owns.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

PAGE_BYTES: Final = 4096
PAGE_SHIFT: Final = 12
WORDS_PER_PAGE: Final = 512
Page = list[int]

FREE: Final = "free"
MONITOR: Final = "monitor"


class Memory(Protocol):
    """What a page-table walk and a device's DMA need: frames by number."""

    @property
    def frames(self) -> int:
        """How many frames there are; addresses beyond are no memory."""

    def page(self, frame: int) -> Page | None:
        """The words of a frame, or None where there is no memory."""

    def touched(self) -> Iterable[int]:
        """The frames that may hold something else than zeros, in order."""


@dataclass(slots=True)
class PhysicalMemory:
    """Host-physical memory. Frames come into being, all zero, when first touched."""

    frames: int
    pages: dict[int, Page] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    _next_free: int = 0
    # What the fast core remembers of pages and walks: void when a frame changes hands.
    mirrors: list[dict[Any, Any]] = field(default_factory=list)

    def page(self, frame: int) -> Page | None:
        """The words of a frame, or None beyond the end of memory."""
        page = self.pages.get(frame)
        if page is None and 0 <= frame < self.frames:
            page = self.pages[frame] = [0] * WORDS_PER_PAGE
        return page

    def touched(self) -> Iterable[int]:
        """The frames that came into being."""
        return sorted(self.pages)

    def owner(self, frame: int) -> str:
        """Who owns the frame: ``free``, ``monitor``, or the name of a guest."""
        return self.owners.get(frame, FREE)

    def allocate(self, owner: str) -> int:
        """Give the next free frame to ``owner``; its content is zero."""
        while self._next_free in self.owners:
            self._next_free += 1
        if self._next_free >= self.frames:
            raise MemoryError(f"no free frame for {owner}")
        frame = self._next_free
        self.owners[frame] = owner
        self.pages.pop(frame, None)
        self.changed_hands()
        return frame

    def align(self, frames: int) -> None:
        """Have the next frame be given from a multiple of ``frames`` on; 1 fills gaps again."""
        self._next_free = -(-self._next_free // frames) * frames if frames > 1 else 0

    def release(self, frame: int) -> None:
        """Take a frame back; what it held is gone."""
        del self.owners[frame]
        self.pages.pop(frame, None)
        self._next_free = min(self._next_free, frame)
        self.changed_hands()

    def changed_hands(self) -> None:
        """A frame is another's, or a guest finds it elsewhere: nothing remembered holds."""
        for mirror in self.mirrors:
            mirror.clear()


@dataclass(slots=True)
class GuestMemory:
    """Guest-physical memory on top of host frames: ``frame_of[gfn]`` is the host's frame.

    With an ``owner``, a frame that was taken from it is no memory of the guest any more.
    """

    host: PhysicalMemory
    frame_of: list[int | None]
    owner: str | None = None
    # Puts a frame behind a number that has none, if it may: asked when the number is touched.
    populate: Callable[[int], bool] | None = None

    @property
    def frames(self) -> int:
        """How many guest frames there are."""
        return len(self.frame_of)

    def page(self, frame: int) -> Page | None:
        """The words of a guest frame, or None where the guest has no memory."""
        if not 0 <= frame < len(self.frame_of):
            return None
        host_frame = self.frame_of[frame]
        if host_frame is None:
            if self.populate is None or not self.populate(frame):
                return None
            host_frame = self.frame_of[frame]
            assert host_frame is not None
        if self.owner is not None and self.host.owners.get(host_frame) != self.owner:
            return None
        page = self.host.pages.get(host_frame)
        return page if page is not None else self.host.page(host_frame)

    def touched(self) -> Iterable[int]:
        """The frames behind which a host frame came into being."""
        pages = self.host.pages
        return [frame for frame, host_frame in enumerate(self.frame_of) if host_frame in pages]


def load_bytes(page: Page, offset: int, size: int) -> int:
    """Little-endian value of ``size`` bytes (1, 2, 4, 8) that lie within one page."""
    word, shift = offset >> 3, (offset & 7) * 8
    if shift + size * 8 <= 64:
        return page[word] >> shift & (1 << size * 8) - 1
    both = page[word] | page[word + 1] << 64
    return both >> shift & (1 << size * 8) - 1


def store_bytes(page: Page, offset: int, size: int, value: int) -> None:
    """Store ``size`` bytes little-endian within one page."""
    word, shift = offset >> 3, (offset & 7) * 8
    mask = (1 << size * 8) - 1
    if shift + size * 8 <= 64:
        page[word] = page[word] & ~(mask << shift) | (value & mask) << shift
        return
    both = page[word] | page[word + 1] << 64
    both = both & ~(mask << shift) | (value & mask) << shift
    page[word], page[word + 1] = both & (1 << 64) - 1, both >> 64


def read_physical(memory: Memory, address: int, length: int) -> bytes | None:
    """``length`` bytes at a physical address, None when any of them is no memory."""
    out = bytearray()
    while length:
        page = memory.page(address >> PAGE_SHIFT)
        if page is None:
            return None
        offset = address & PAGE_BYTES - 1
        n = min(length, PAGE_BYTES - offset)
        first, last = offset >> 3, (offset + n + 7) >> 3
        raw = b"".join(w.to_bytes(8, "little") for w in page[first:last])
        out += raw[offset & 7 : (offset & 7) + n]
        address, length = address + n, length - n
    return bytes(out)


def write_physical(memory: Memory, address: int, data: bytes) -> bool:
    """Write ``data`` at a physical address; False when any of it is no memory (nothing written)."""
    last = address + max(len(data), 1) - 1
    for frame in range(address >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1):
        if memory.page(frame) is None:
            return False
    position = 0
    while position < len(data):
        page = memory.page(address + position >> PAGE_SHIFT)
        assert page is not None
        offset = address + position & PAGE_BYTES - 1
        words = min(PAGE_BYTES - offset, len(data) - position) >> 3
        if offset & 7 or not words:
            store_bytes(page, offset, 1, data[position])
            position += 1
        else:
            first = offset >> 3
            page[first : first + words] = struct.unpack_from(f"<{words}Q", data, position)
            position += 8 * words
    return True
