"""The translation cache: code of this ISA, in frames of the monitor, run by the machine.

A slot is one instruction of translated code. For each the monitor keeps which guest
instruction it belongs to, whether that one is complete when the slot is done, and
what to do when the slot calls out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from virtdocs.machine.instructions import BY_NAME
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction, encode
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.vmm.monitor_region import MonitorRegion

TRANSLATION: Final = "translation"  # owner of the code's frames: the guest may execute them
TRANSLATION_DATA: Final = "translation_data"  # the virtual CPU's page: fs-relative only
DATA_PAGE: Final = 1  # pages of the region, from the CPU's first on
FIRST_CODE_PAGE: Final = 2
CODE_PAGES: Final = 254
SLOTS_PER_PAGE: Final = 256
CALLOUT_VECTOR: Final = 0xF1

# Words of the virtual CPU's page, as fs displacements in bytes.
VIRTUAL_IF: Final = 0
VIRTUAL_IOPL: Final = 8
IF_BEFORE_STI: Final = 16
SCRATCH_A: Final = 24
SCRATCH_B: Final = 32


class CalloutKind(StrEnum):
    """Why translated code calls the monitor."""

    EMULATE = "emulate"  # perform the guest's instruction on the virtual CPU
    CHAIN = "chain"  # a direct jump whose target is not translated yet
    INDIRECT = "indirect"  # a computed target that the site's cache does not hold
    STALE = "stale"  # the guest changed the code that this block came from


@dataclass(frozen=True, slots=True)
class Callout:
    """What a slot asks of the monitor."""

    kind: CalloutKind
    name: str = ""  # the guest's instruction
    target: int = 0  # guest address, for CHAIN
    key_slot: int | None = None  # slot whose immediate is the site's cached target, INDIRECT
    jump_slot: int | None = None  # slot to turn into a jump once the target is translated
    retires: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """What the monitor knows of one translated instruction."""

    guest_rip: int
    starts: bool  # the first slot of a guest instruction: interrupts may come here
    retires: bool  # the guest instruction is complete after it
    after_sti: bool = False
    inline: str = ""  # name of the guest instruction that this sequence replaces in place
    callout: Callout | None = None


class TranslationCache:
    """Slots in the monitor's region; full means flushed."""

    def __init__(self, memory: PhysicalMemory, region: MonitorRegion, first_page: int) -> None:
        self.memory = memory
        self.region = region
        self.first_page = first_page
        self.data_frame = memory.allocate(TRANSLATION_DATA)
        self.data_address = region.map(first_page + DATA_PAGE, self.data_frame)
        self.base = region.base + (first_page + FIRST_CODE_PAGE << PAGE_SHIFT)
        self.frames: list[int] = []
        self.slots: list[Slot] = []

    @property
    def room(self) -> int:
        """Free slots."""
        return CODE_PAGES * SLOTS_PER_PAGE - len(self.slots)

    def address(self, slot: int) -> int:
        """Linear address of a slot."""
        return self.base + slot * INSTRUCTION_BYTES

    def slot_at(self, address: int) -> int | None:
        """The slot at a linear address, None outside the cache."""
        slot, rest = divmod(address - self.base, INSTRUCTION_BYTES)
        return slot if rest == 0 and 0 <= slot < len(self.slots) else None

    def emit(self, ins: Instruction, slot: Slot) -> int:
        """Append one instruction; its slot number."""
        number = len(self.slots)
        if number // SLOTS_PER_PAGE >= len(self.frames):
            frame = self.memory.allocate(TRANSLATION)
            self.region.map(self.first_page + FIRST_CODE_PAGE + len(self.frames), frame)
            self.frames.append(frame)
        self.slots.append(slot)
        self._write(number, ins)
        return number

    def patch(self, number: int, ins: Instruction, slot: Slot) -> None:
        """Overwrite a slot in place."""
        self.slots[number] = slot
        self._write(number, ins)

    def flush(self) -> None:
        """Forget all translations."""
        self.slots.clear()

    def data(self, displacement: int) -> int:
        """A word of the virtual CPU's page."""
        page = self.memory.page(self.data_frame)
        assert page is not None
        return page[displacement // 8]

    def set_data(self, displacement: int, value: int) -> None:
        """Write a word of the virtual CPU's page."""
        page = self.memory.page(self.data_frame)
        assert page is not None
        page[displacement // 8] = value

    def _write(self, number: int, ins: Instruction) -> None:
        page = self.memory.page(self.frames[number // SLOTS_PER_PAGE])
        assert page is not None
        at = number % SLOTS_PER_PAGE * 2
        page[at : at + 2] = encode(ins)


def make(name: str, form: str = "", **fields: int | str) -> Instruction:
    """An instruction by the name of its declaration."""
    build: Callable[..., Instruction] = Instruction
    return build(BY_NAME[name], form, **fields)


def jump(address: int) -> Instruction:
    """A jump to a linear address."""
    return make("jmp", "i", imm=address)


def call_out() -> Instruction:
    """The software interrupt by which translated code calls the monitor."""
    return make("int", "i", imm=CALLOUT_VECTOR)
