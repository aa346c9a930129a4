"""Hyper-V's synthetic interrupt controller: messages and event flags in pages of the guest's.

A virtual CPU has sixteen sources (SINTs), each with a vector of its choice, a slot for
one message and 2,048 event flags. A message that finds its slot taken waits, and the
slot says so; the guest empties it and writes the end-of-message register. A source may
have its interrupts acknowledged by the hypervisor at delivery (AutoEOI), which saves the
guest an exit. (Microsoft, TLFS, "Inter-Partition Communication" and "Virtual
Interrupts"; register numbers as in Linux' asm/hyperv-tlfs.h.) The pages are the guest's
own frames here; Hyper-V lays its own over them.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.apic import Apic
from virtdocs.machine.board import Board
from virtdocs.machine.memory import PAGE_BYTES
from virtdocs.machine.registers import GP
from virtdocs.machine.traps import fault
from virtdocs.trace import EventKind, Party

SCONTROL: Final = 0x4000_0080
SVERSION: Final = 0x4000_0081
SIEFP: Final = 0x4000_0082
SIMP: Final = 0x4000_0083
EOM: Final = 0x4000_0084
SINT0: Final = 0x4000_0090
SOURCES: Final = 16
SINT_MASKED: Final = 1 << 16
SINT_AUTO_EOI: Final = 1 << 17
ENABLED: Final = 1
LOWEST_VECTOR: Final = 16  # the vectors below are the processor's own
SLOT_BYTES: Final = 256  # a message slot, and the event flags of a source
HEADER_BYTES: Final = 16
FLAG_COUNT: Final = 8 * SLOT_BYTES
MESSAGE_FLAGS: Final = 5  # offset of the byte whose bit 0 says that more messages wait
MESSAGE_TYPE: Final = 1  # any that is not 0, which stands for an empty slot


class Synic:
    """For one virtual CPU."""

    def __init__(self, board: Board, apic: Apic) -> None:
        self.board = board
        self.apic = apic
        self.registers = {SCONTROL: 0, SIEFP: 0, SIMP: 0}
        self.registers |= {SINT0 + n: SINT_MASKED for n in range(SOURCES)}
        self.waiting: dict[int, list[bytes]] = {}  # by source

    def has_msr(self, number: int) -> bool:
        """Those of this file."""
        return number in self.registers or number in (SVERSION, EOM)

    def read_msr(self, number: int) -> int:
        """What was written; the version is 1, the end of message reads as 0."""
        return int(number == SVERSION) if number in (SVERSION, EOM) else self.registers[number]

    def write_msr(self, number: int, value: int) -> None:
        """Turn on the controller, its pages or a source, or end a message; #GP for a page that
        is no memory and for a vector that is the processor's."""
        if number == SVERSION:
            raise fault(GP, 0)
        if number in (SIEFP, SIMP) and value & ENABLED:
            self._check(value & -PAGE_BYTES)
        if number >= SINT0 and not value & SINT_MASKED and value & 0xFF < LOWEST_VECTOR:
            raise fault(GP, 0)
        if number != EOM:
            self.registers[number] = value
        for source in list(self.waiting):
            self._deliver(source)

    def post(self, source: int, payload: bytes) -> None:
        """A message to the guest: into the slot, or behind the one that is there."""
        header = MESSAGE_TYPE.to_bytes(4, "little") + bytes((len(payload), 0))
        message = header.ljust(HEADER_BYTES, b"\0") + payload
        self.waiting.setdefault(source, []).append(message.ljust(SLOT_BYTES, b"\0"))
        self._deliver(source)

    def queued(self, source: int) -> int:
        """How many messages wait for the slot."""
        return len(self.waiting.get(source, ()))

    def _deliver(self, source: int) -> None:
        waiting, page = self.waiting.get(source), self.registers[SIMP]
        if not waiting or not self._on(page):
            return
        dma, slot = self.board.dma, (page & -PAGE_BYTES) + SLOT_BYTES * source
        if dma.load(slot, 4):  # its type: somebody else's message is still there
            flags = dma.load(slot + MESSAGE_FLAGS, 1)
            dma.store(slot + MESSAGE_FLAGS, 1, flags | 1)
            return
        message = bytearray(waiting.pop(0))
        message[MESSAGE_FLAGS] = int(bool(waiting))
        dma.write(slot, bytes(message))
        self._interrupt(source, "vmbus")

    def set_flag(self, source: int, number: int, device: str) -> None:
        """Set event flag ``number`` for ``device``; only one that was clear interrupts."""
        page = self.registers[SIEFP]
        if not self._on(page):
            return
        at = (page & -PAGE_BYTES) + SLOT_BYTES * source + 8 * (number % FLAG_COUNT // 64)
        flags, bit = self.board.dma.load(at, 8), 1 << number % 64
        if not flags & bit:
            self.board.dma.store(at, 8, flags | bit)
            self._interrupt(source, device)

    def acknowledges(self, vector: int) -> bool:
        """Whether a source with AutoEOI has this vector: then no end of interrupt follows."""
        return any(
            value & (0xFF | SINT_AUTO_EOI | SINT_MASKED) == vector | SINT_AUTO_EOI
            for number, value in self.registers.items()
            if number >= SINT0
        )

    def _interrupt(self, source: int, device: str) -> None:
        value, board = self.registers[SINT0 + source], self.board
        if value & SINT_MASKED:
            return
        vector = value & 0xFF
        if not self.apic.requested >> vector & 1:  # one that still waits absorbs this one
            board.trace.record(
                EventKind.DEVICE_IRQ,
                device,
                Party.ROOT_PARTITION,
                time=board.agenda.now,
                vector=vector,
            )
        self.apic.request(vector)

    def _on(self, page: int) -> bool:
        return bool(self.registers[SCONTROL] & page & ENABLED)

    def _check(self, address: int) -> None:
        if not self.board.dma.in_range(address, PAGE_BYTES):
            raise fault(GP, 0)
