"""Segment descriptors: their format and the checks of a load (SDM vol. 3A §3.4.5, §5).

Bases are zero but for fs and gs. Limits hold in legacy mode, and in long mode only
while EFER.LMSLE is set, as AMD's K8 offered it (APM vol. 2 §4.12.2); here it covers
cs too. The limit is compared with the linear address.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from virtdocs.machine.registers import WORD_MASK

TYPE_CODE: Final = 1 << 3
TYPE_CONFORMING: Final = 1 << 2
TYPE_READ_WRITE: Final = 1 << 1  # readable for code, writable for data
SYSTEM_TSS: Final = (0x9, 0xB)  # available, busy
# System descriptors that lsl and lar may describe in long mode: LDT, TSS; for lar call gates too
# (SDM vol. 2, LAR table 3-54, LSL table 3-63).
SYSTEM_WITH_LIMIT: Final = (0x2, *SYSTEM_TSS)
SYSTEM_WITH_RIGHTS: Final = (*SYSTEM_WITH_LIMIT, 0xC)
NO_LIMIT: Final = WORD_MASK


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor-table entry, decoded."""

    raw: int

    @property
    def type(self) -> int:
        """The four type bits."""
        return self.raw >> 40 & 15

    @property
    def segment(self) -> bool:
        """Code or data, not a system descriptor."""
        return bool(self.raw >> 44 & 1)

    @property
    def dpl(self) -> int:
        """Descriptor privilege level."""
        return self.raw >> 45 & 3

    @property
    def present(self) -> bool:
        """Whether the segment may be used."""
        return bool(self.raw >> 47 & 1)

    @property
    def code(self) -> bool:
        """A code segment."""
        return self.segment and bool(self.type & TYPE_CODE)

    @property
    def conforming(self) -> bool:
        """A code segment that runs at its caller's privilege."""
        return self.code and bool(self.type & TYPE_CONFORMING)

    @property
    def readable(self) -> bool:
        """Data, or code that may be read."""
        return not self.code or bool(self.type & TYPE_READ_WRITE)

    @property
    def writable(self) -> bool:
        """Data that may be written."""
        return not self.code and bool(self.type & TYPE_READ_WRITE)

    @property
    def base(self) -> int:
        """The base (used for a TSS only)."""
        return self.raw >> 16 & 0xFF_FFFF | (self.raw >> 56 & 0xFF) << 24

    @property
    def limit(self) -> int:
        """The last byte's offset."""
        limit = self.raw & 0xFFFF | (self.raw >> 48 & 15) << 16
        return limit << 12 | 0xFFF if self.raw >> 55 & 1 else limit

    @property
    def access_rights(self) -> int:
        """What lar reports: bits 8-15 and 20-23 of the upper half (16-19 are undefined: zero)."""
        return self.raw >> 32 & 0x00F0_FF00

    def with_dpl(self, dpl: int) -> Descriptor:
        """The same descriptor at another privilege level."""
        return Descriptor(self.raw & ~(3 << 45) | dpl << 45)

    def with_limit(self, limit: int) -> Descriptor:
        """The same descriptor with a limit of whole pages, rounded down; ValueError below one."""
        if not 0xFFF <= limit <= 0xFFFF_FFFF:
            raise ValueError(f"no limit of whole pages: {limit:#x}")
        pages = (limit + 1 >> 12) - 1 & 0xF_FFFF
        raw = self.raw & ~(0xFFFF | 15 << 48) | pages & 0xFFFF | (pages >> 16) << 48 | 1 << 55
        return Descriptor(raw)


def make_descriptor(kind: str, dpl: int, *, base: int = 0, limit: int = 0xFFFF_FFFF) -> int:
    """The raw bits of a present descriptor: kind is ``code``, ``data`` or ``tss``.

    ValueError for a base over 32 bits, or a limit that the format cannot say exactly.
    """
    if not 0 <= base < 1 << 32 or not 0 <= limit < 1 << 32:
        raise ValueError(f"base and limit have 32 bits: {base:#x}, {limit:#x}")
    if limit > 0xF_FFFF and limit & 0xFFF != 0xFFF:
        raise ValueError(f"a limit over 1 MiB ends with a page: {limit:#x}")
    access = {"code": 0x1A, "data": 0x12, "tss": 0x09}[kind] | dpl << 5 | 0x80
    if limit > 0xF_FFFF:
        limit, granular = limit >> 12, 1
    else:
        granular = 0
    raw = limit & 0xFFFF | (base & 0xFF_FFFF) << 16 | access << 40
    return raw | (limit >> 16 & 15) << 48 | granular << 55 | (base >> 24 & 0xFF) << 56


@dataclass(frozen=True, slots=True)
class Segment:
    """A loaded segment register: the selector and the hidden part."""

    selector: int
    dpl: int = 0
    limit: int = NO_LIMIT
    code: bool = False
    readable: bool = True
    writable: bool = True

    @property
    def null(self) -> bool:
        """Whether the selector is null; the hidden limit stays, as on AMD."""
        return self.selector & 0xFFFC == 0

    def nulled(self, selector: int = 0) -> Segment:
        """After loading a null selector."""
        return replace(self, selector=selector)


def loaded(selector: int, descriptor: Descriptor) -> Segment:
    """The segment register after a successful load."""
    return Segment(
        selector,
        descriptor.dpl,
        descriptor.limit,
        descriptor.code,
        descriptor.readable,
        descriptor.writable,
    )
