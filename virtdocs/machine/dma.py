"""Memory as a device reaches it: by the physical addresses of the machine it is plugged into.

A device model has its guest's memory in one piece (QEMU's RAM block, vhost's memory
region), so an address is a distance from the first frame, and what lies behind the
last one belongs to somebody else. ``in_range`` is the check that keeps a device from
going there for a guest; the oracle below every monitor sees each frame it goes to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

from virtdocs.machine.memory import (
    PAGE_BYTES,
    PAGE_SHIFT,
    GuestMemory,
    Memory,
    Page,
    load_bytes,
    store_bytes,
)
from virtdocs.machine.paging import Access
from virtdocs.trace import EventKind, Party, Trace

WORD_BYTES = 8


class DmaError(Exception):
    """A device was sent to an address where its machine has no memory."""

    def __init__(self, address: int, length: int) -> None:
        self.address = address
        super().__init__(f"no memory at {address:#x}, length {length}")


class Follower(Protocol):
    """A monitor that follows writes to some frames (shadowed tables, translated code)."""

    def written(self, frame: int) -> None:
        """This guest frame is about to be written."""

    def sync(self) -> None:
        """The write is done."""


class Dma:
    """A machine's memory for its devices."""

    def __init__(self, memory: Memory, trace: Trace) -> None:
        self.memory = memory
        self.trace = trace
        self.guard: Callable[[int, Access], None] | None = None
        self.followers: list[Follower] = []

    def in_range(self, address: int, length: int) -> bool:
        """Whether the machine has memory at each of these bytes."""
        if length <= 0:
            return False
        first, last = address >> PAGE_SHIFT, address + length - 1 >> PAGE_SHIFT
        return last < self.memory.frames and all(
            self.memory.page(frame) is not None for frame in range(first, last + 1)
        )

    def read(self, address: int, length: int) -> bytes:
        """Bytes at a physical address; DmaError where there is no memory."""
        self._check(address, length)
        parts = []
        for page, offset, count in self._pieces(address, length, Access.READ):
            first, last = offset // WORD_BYTES, (offset + count - 1) // WORD_BYTES + 1
            raw = struct.pack(f"<{last - first}Q", *page[first:last])
            skip = offset % WORD_BYTES
            parts.append(raw[skip : skip + count])
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes at a physical address; DmaError, and nothing written, without memory."""
        self._check(address, len(data))
        for follower in self.followers:
            for frame in range(address >> PAGE_SHIFT, (address + len(data) - 1 >> PAGE_SHIFT) + 1):
                follower.written(frame)
        done = 0
        for page, offset, count in self._pieces(address, len(data), Access.WRITE):
            write_bytes(page, offset, data[done : done + count])
            done += count
        for follower in self.followers:
            follower.sync()

    def load(self, address: int, size: int) -> int:
        """A little-endian number, as rings and descriptors hold them."""
        offset = address & PAGE_BYTES - 1
        if size > WORD_BYTES or offset + size > PAGE_BYTES:
            return int.from_bytes(self.read(address, size), "little")
        self._check(address, size)
        return load_bytes(self._page(address >> PAGE_SHIFT, Access.READ), offset, size)

    def store(self, address: int, size: int, value: int) -> None:
        """Write a little-endian number."""
        self.write(address, value.to_bytes(size, "little"))

    def moved(self, what: str, length: int, device: str) -> None:
        """Record that a device moved data: ``what`` is read or write, as the memory sees it."""
        self.trace.record(EventKind.DMA, what, Party.DEVICE, device=device, bytes=length)

    def _check(self, address: int, length: int) -> None:
        if not self.in_range(address, length):
            raise DmaError(address, length)

    def _pieces(self, address: int, length: int, access: Access) -> Iterator[tuple[Page, int, int]]:
        while length:
            offset = address & PAGE_BYTES - 1
            count = min(length, PAGE_BYTES - offset)
            yield self._page(address >> PAGE_SHIFT, access), offset, count
            address, length = address + count, length - count

    def _page(self, frame: int, access: Access) -> Page:
        """The frame's words, by distance from the first one."""
        memory = self.memory
        if not isinstance(memory, GuestMemory):
            found, number = memory.page(frame), frame
        else:
            own = memory.frame_of[frame] if frame < memory.frames else None
            number = own if own is not None else (memory.frame_of[0] or 0) + frame
            found = memory.host.page(number)
        if self.guard is not None:
            self.guard(number, access)
        if found is None:
            raise DmaError(frame << PAGE_SHIFT, PAGE_BYTES)
        return found


def write_bytes(page: Page, offset: int, data: bytes) -> None:
    """Write bytes that lie within one page: whole words at once, the rest byte by byte."""
    head = min(-offset % WORD_BYTES, len(data))
    words = (len(data) - head) // WORD_BYTES
    tail = head + words * WORD_BYTES
    for n in (*range(head), *range(tail, len(data))):
        store_bytes(page, offset + n, 1, data[n])
    first = (offset + head) // WORD_BYTES
    page[first : first + words] = struct.unpack(f"<{words}Q", data[head:tail])
