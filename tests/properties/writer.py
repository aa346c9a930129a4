"""Writes random code: instructions at an address, and the pointers and numbers that they use."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from random import Random

from tests.properties import layout
from virtdocs.machine.instructions import BY_FORM
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction, encode
from virtdocs.machine.registers import RBP, RSP, WORD_MASK

SIZES = (1, 2, 4, 8)
SMALL = 1 << 31


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory operand's fields, without its size."""

    base: int = -1
    index: int = -1
    scale: int = 1
    disp: int = 0
    segment: str = ""


@dataclass(slots=True)
class Writer:
    """Code that grows at ``at``; ``pieces`` are its parts that may be left out again."""

    rng: Random
    start: int
    levels: int
    vendor: str
    words: list[tuple[int, int]] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)

    @property
    def at(self) -> int:
        """The address of the next instruction."""
        return self.start + INSTRUCTION_BYTES * len(self.words)

    def put(
        self, mnemonic: str, form: str = "", memory: Memory | None = None, **fields: int
    ) -> int:
        """Append one instruction; its number."""
        spec = BY_FORM[mnemonic, form]
        where = memory or Memory()
        made = Instruction(
            spec, form, fields.get("a", 0), fields.get("b", 0), where.base, where.index,
            where.scale, fields.get("size", 8), where.segment, where.disp, fields.get("imm", 0),
        )  # fmt: skip
        return self.raw(*encode(made))

    def raw(self, low: int, high: int) -> int:
        """Append 16 bytes, whatever they are."""
        self.words.append((low, high))
        return len(self.words) - 1

    def load(self, register: int, value: int) -> None:
        """mov register, value."""
        self.put("mov", "ri", a=register, imm=value & WORD_MASK)

    def store(self, address: int, value: int) -> None:
        """mov [address], value through rax where it must."""
        if -SMALL <= value < SMALL:
            self.put("mov", "mi", at(address), imm=value & WORD_MASK)
        else:
            self.load(0, value)
            self.put("mov", "mr", at(address), a=0)

    def aim(self, number: int, target: int | None = None) -> None:
        """Give the jump with this number its target, the next address if none is given."""
        low, _ = self.words[number]
        self.words[number] = low, self.at if target is None else target

    def bytes(self) -> bytes:
        """What was written."""
        return b"".join(struct.pack("<QQ", *pair) for pair in self.words)

    # Choices --------------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.rng.random() < share

    def register(self, *but: int) -> int:
        """Any register but rsp and those named."""
        while True:
            number = self.rng.randrange(16)
            if number != RSP and number not in but:
                return number

    def number(self) -> int:
        """A value: small, an edge, or any."""
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            return rng.randrange(64)
        if kind == 1:
            return rng.choice((0, 1, WORD_MASK, 1 << 63, (1 << 63) - 1, 1 << 32, 0xFFFF_FFFF))
        return rng.getrandbits(32 if kind == 2 else 64)

    def hole(self) -> int:
        """An address where nothing can be: not mapped, not canonical, or a monitor's."""
        rng = self.rng
        bits = 12 + 9 * self.levels
        return rng.choice((
            0x100_0000 + 8 * rng.randrange(1 << 14),
            layout.STACK_GUARD + rng.randrange(4000),
            (1 << bits - 1) + rng.randrange(-16, 1 << 20),
            (1 << 32) - rng.randrange(32),
            -(1 << bits - 1) + rng.randrange(-16, 64) & WORD_MASK,
            -(1 << 12 + 9 * (self.levels - 1)) + rng.randrange(-16, 1 << 21) & WORD_MASK,
            WORD_MASK - rng.randrange(4096 * 512),
        ))  # fmt: skip

    def edited(self) -> int:
        """A page whose entry the guest edits."""
        region = self.rng.choice(
            (layout.EDITED, layout.EDITED, layout.SWITCHED, layout.USER_EDITED,
             layout.USER_SWITCHED, layout.LARGE)
        )  # fmt: skip
        return region + layout.PAGE * self.rng.randrange(layout.EDITED_PAGES)

    def offset(self) -> int:
        """An offset in a page: aligned, odd, or across its end."""
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            return rng.randrange(4096 - 1)
        return 4096 - rng.randrange(1, 16) if kind == 1 else 8 * rng.randrange(512)

    def place(self, write: bool, user: bool = False) -> int:
        """An address for an access; a kernel's write never meets tables or handlers' state."""
        rng = self.rng
        kind = rng.randrange(16)
        if kind < 6:
            return self.edited() + self.offset()
        if kind < 7:
            return self.hole()
        if kind < 8:
            return layout.LARGE + rng.randrange(layout.REGION)
        if user or kind < 10:
            return layout.USER_DATA + rng.randrange(2 * layout.PAGE)
        if kind < 12 and not write:
            return rng.choice((0x100, 0x1000, 0x2000, 0xA000, 0xF000, layout.WINDOW)) + (
                rng.randrange(4096)
            )
        return layout.DATA + rng.randrange(layout.DATA_PAGES * layout.PAGE - 8)

    def memory(self, write: bool, user: bool = False) -> Memory:
        """A memory operand to such a place, with the loads that prepare its registers."""
        rng = self.rng
        place = self.place(write, user)
        if self.chance(0.05):
            return Memory(self._base(8 * rng.randrange(64)), segment=rng.choice(("fs", "gs")))
        if place < SMALL and self.chance(0.5):
            return at(place)
        disp = rng.randrange(-64, 64)
        if self.chance(0.3):
            index = self.register(RBP)
            count = rng.randrange(8)
            scale = rng.choice((1, 2, 4, 8))
            self.load(index, count)
            base = self._base(place - disp - count * scale, index)
            return Memory(base, index, scale, disp)
        return Memory(self._base(place - disp), disp=disp)

    def _base(self, value: int, *but: int) -> int:
        register = self.register(*but)
        self.load(register, value)
        return register


def at(address: int) -> Memory:
    """The operand [address]."""
    return Memory(disp=address - (1 << 32) if address >= SMALL else address)
