"""Bitmaps in host memory that tell the hardware which ports and MSRs exit.

(SDM vol. 3C §25.6.4 and §25.6.9; APM vol. 2 §15.10, §15.11.) One bit per port over
two frames; one bit per MSR and direction over one frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.machine.memory import Memory, Page

MSR_HIGH: Final = 0xC000_0000
MSR_RANGE: Final = 0x2000


def set_bit(memory: Memory, frame: int, bit: int, value: bool) -> None:
    """Set or clear bit ``bit`` of a frame."""
    page = memory.page(frame)
    assert page is not None
    mask = 1 << bit % 64
    page[bit // 64] = page[bit // 64] | mask if value else page[bit // 64] & ~mask


def get_bit(memory: Memory, frame: int, bit: int) -> bool:
    """Read bit ``bit`` of a frame."""
    page = memory.page(frame)
    assert page is not None
    return bool(page[bit // 64] >> bit % 64 & 1)


class PortMap:
    """Which ports exit; all of them until a port is passed through."""

    def __init__(self, memory: Memory, allocate: Callable[[], int]) -> None:
        self.memory = memory
        self.frames = (allocate(), allocate())
        for frame in self.frames:
            page = memory.page(frame)
            assert page is not None
            page[:] = [(1 << 64) - 1] * len(page)

    def pass_through(self, port: int) -> None:
        """Let the guest use this port without an exit."""
        set_bit(self.memory, self.frames[port >> 15], port & 0x7FFF, False)

    def exits(self, port: int, size: int) -> bool:
        """Whether any port of this access exits."""
        for number in range(port, port + size):
            if get_bit(self.memory, self.frames[number >> 15 & 1], number & 0x7FFF):
                return True
        return False


class MsrMap:
    """Which MSRs exit on read and on write; all until passed through."""

    def __init__(self, memory: Memory, allocate: Callable[[], int]) -> None:
        self.memory = memory
        self.frame = allocate()
        page = memory.page(self.frame)
        assert page is not None
        page[:] = [(1 << 64) - 1] * len(page)

    @staticmethod
    def _bit(msr: int, write: bool) -> int | None:
        # Read low, read high, write low, write high: 1 KiB each (SDM vol. 3C §25.6.9).
        if msr < MSR_RANGE:
            return msr + (0x4000 if write else 0)
        if MSR_HIGH <= msr < MSR_HIGH + MSR_RANGE:
            return msr - MSR_HIGH + (0x6000 if write else 0x2000)
        return None

    def pass_through(self, msr: int) -> None:
        """Let the guest read and write this MSR without an exit."""
        for write in (False, True):
            bit = self._bit(msr, write)
            if bit is None:
                raise ValueError(f"MSR {msr:#x} lies outside the bitmap")
            set_bit(self.memory, self.frame, bit, False)

    def exits(self, msr: int, write: bool) -> bool:
        """Whether this access exits; always for MSRs outside the bitmap's ranges."""
        bit = self._bit(msr, write)
        return True if bit is None else get_bit(self.memory, self.frame, bit)

    def words(self) -> Page:
        """The map as it lies in memory."""
        page = self.memory.page(self.frame)
        assert page is not None
        return page

    def merge(self, one: Page, other: Page) -> None:
        """Exit for what either of two maps exits for."""
        self.words()[:] = [a | b for a, b in zip(one, other, strict=True)]
