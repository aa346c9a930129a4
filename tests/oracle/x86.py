"""A real x86-64 to compare with: QEMU's translator, through unicorn, in any ring.

Flat physical memory in long mode, no paging; the GDT is this machine's, with the L bit
set in code segments, as x86 needs it to stay in 64-bit mode. unicorn gives the vector of an
exception to a hook; it does not give the error code.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import unicorn.x86_const as names
from unicorn import UC_ARCH_X86, UC_HOOK_INSN_INVALID, UC_HOOK_INTR, UC_MODE_64, Uc, UcError

from tests.machine.bench import CODE, DATA, RING_SELECTORS, STACK
from virtdocs.machine.firmware import GDT_ADDRESS, gdt_entries
from virtdocs.machine.registers import (
    FLAGS_MASK,
    FLAGS_ONE,
    GP,
    GPR_NAMES,
    UD,
)
from virtdocs.machine.segments import make_descriptor

SLOT_BYTES = 64
ENTRY = 0x70_0000  # code that goes to another ring
WINDOW = 64  # bytes compared at DATA and around STACK
_GPRS = [getattr(names, f"UC_X86_REG_{name.upper()}") for name in GPR_NAMES]
_SEGMENTS = [getattr(names, f"UC_X86_REG_{name}") for name in ("ES", "CS", "SS", "DS", "FS", "GS")]

# Descriptors beside the firmware's: one of every kind that an instruction treats in its own way.
_DATA3, _CODE3 = make_descriptor("data", 3), make_descriptor("code", 3)
_TYPE, _PRESENT, _CONFORMING, _READ_WRITE = 15 << 40, 1 << 47, 1 << 42, 1 << 41
EXTRA = {
    0x40: make_descriptor("code", 0) | _CONFORMING,
    0x48: _CODE3 | _CONFORMING,
    0x50: _CODE3 & ~_READ_WRITE,
    0x58: _DATA3 & ~_READ_WRITE,
    0x60: _DATA3 & ~_PRESENT,
    0x68: _CODE3 & ~_PRESENT,
    0x70: make_descriptor("data", 0) & ~_PRESENT,
    0x78: make_descriptor("data", 3, limit=0x1234),
    0x80: make_descriptor("code", 1, limit=0xABC_DFFF),
    0x88: make_descriptor("tss", 3) & ~_TYPE | 0x2 << 40,  # LDT
    0x90: make_descriptor("tss", 3) & ~_TYPE | 0xC << 40,  # call gate
    0x98: make_descriptor("tss", 3) & ~_TYPE | 0xE << 40,  # interrupt gate
    0xA0: make_descriptor("tss", 3) | 0xB << 40,  # busy TSS
    0xA8: 0,
}
SELECTORS = [base | rpl for base in (*range(0, 0x40, 8), *EXTRA, 0x14, 0x7FF8) for rpl in (0, 1, 3)]


@dataclass(slots=True)
class Outcome:
    """After one instruction: the exception or None, and what a program can see."""

    vector: int | None
    regs: list[int]
    flags: int
    segments: list[int]
    data: bytes
    stack: bytes
    rip: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Start:
    """What one instruction starts from: ring, registers, flags, words at DATA and STACK."""

    cpl: int = 3
    regs: dict[int, int] = field(default_factory=dict)
    flags: int = FLAGS_ONE
    data: tuple[int, ...] = ()
    stack: tuple[int, ...] = ()
    cr4: int = 0


def long_mode(raw: int) -> int:
    """The descriptor with L set and D clear where it is a code segment."""
    code = raw >> 43 & 3 == 3
    return (raw | 1 << 53) & ~(1 << 54) if code else raw


def descriptors() -> list[int]:
    """The GDT of both machines."""
    table = [*gdt_entries()]
    for selector in sorted(EXTRA):
        assert selector == 8 * len(table)
        table.append(EXTRA[selector])
    return table


class RealX86:
    """unicorn with a saved context for each ring."""

    def __init__(self) -> None:
        self.uc = Uc(UC_ARCH_X86, UC_MODE_64)
        self.uc.mem_map(0, 16 << 20)
        table = [long_mode(raw) for raw in descriptors()]
        self.uc.mem_write(GDT_ADDRESS, struct.pack(f"<{len(table)}Q", *table))
        self.uc.hook_add(UC_HOOK_INTR, self._exception)
        self.uc.hook_add(UC_HOOK_INSN_INVALID, self._invalid)
        self.vector: int | None = None
        self._slots: dict[bytes, int] = {}
        self._next = CODE + SLOT_BYTES  # CODE itself is where the way into a ring ends
        self.uc.mem_write(DATA, struct.pack("<HQ", 8 * len(table) - 1, GDT_ADDRESS))
        self._at(ENTRY, bytes.fromhex("0f011425") + struct.pack("<I", DATA))  # lgdt [DATA]
        fresh = self.uc.context_save()
        self._contexts = {}
        for ring, (code, stack) in RING_SELECTORS.items():
            self.uc.context_restore(fresh)
            frame = (CODE, code, FLAGS_ONE, STACK, stack)
            self.uc.mem_write(STACK - 40, struct.pack("<5Q", *frame))
            self.uc.reg_write(names.UC_X86_REG_RSP, STACK - 40)
            self._at(ENTRY + 0x100, bytes.fromhex("48cf"))  # iretq
            for number in (0, 3, 4, 5):
                self.uc.reg_write(_SEGMENTS[number], 0)
            self._contexts[ring] = self.uc.context_save()
            assert self.uc.reg_read(names.UC_X86_REG_CS) == code

    def _at(self, address: int, code: bytes) -> None:
        self.uc.mem_write(address, code)
        self.uc.emu_start(address, 0, count=1)

    def _exception(self, uc: Uc, number: int, data: object) -> None:
        self.vector = number
        uc.emu_stop()

    def _invalid(self, uc: Uc, data: object) -> bool:
        self.vector = UD
        uc.emu_stop()
        return True

    def _slot(self, code: bytes) -> int:
        """Each code has an address of its own, so no translation is ever stale."""
        if code not in self._slots:
            self.uc.mem_write(self._next, code)
            self._slots[code] = self._next
            self._next += SLOT_BYTES
        return self._slots[code]

    def run(self, code: bytes, start: Start) -> Outcome:
        """One instruction from a fresh context."""
        uc = self.uc
        uc.context_restore(self._contexts[start.cpl])
        uc.mem_write(DATA, words(start.data))
        uc.mem_write(STACK - WINDOW, bytes(WINDOW) + words(start.stack))
        for number, register in enumerate(_GPRS):
            uc.reg_write(register, start.regs.get(number, STACK if number == 4 else 0))
        uc.reg_write(names.UC_X86_REG_EFLAGS, start.flags)
        uc.reg_write(names.UC_X86_REG_CR4, uc.reg_read(names.UC_X86_REG_CR4) | start.cr4)
        self.vector = None
        at = self._slot(code)
        try:
            uc.emu_start(at, 0, count=1)
        except UcError:
            self.vector = GP if self.vector is None else self.vector
        if start.cr4:
            uc.reg_write(names.UC_X86_REG_CR4, uc.reg_read(names.UC_X86_REG_CR4) & ~start.cr4)
        return Outcome(
            self.vector,
            [uc.reg_read(register) for register in _GPRS],
            uc.reg_read(names.UC_X86_REG_EFLAGS) & FLAGS_MASK,
            [uc.reg_read(register) for register in _SEGMENTS],
            bytes(uc.mem_read(DATA, WINDOW)),
            bytes(uc.mem_read(STACK - WINDOW, 2 * WINDOW)),
            uc.reg_read(names.UC_X86_REG_RIP) - at,
        )


def words(values: tuple[int, ...]) -> bytes:
    """Little-endian words, padded with zeros to the compared window."""
    return b"".join(value.to_bytes(8, "little") for value in values).ljust(WINDOW, b"\0")
