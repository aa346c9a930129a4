"""A routine of the guest's kernel beside what the translation cache holds for it, from a run.

The guest runs to its end under binary translation; then the cache is read, as its own
code: jumps that were linked during the run are linked, others still call the monitor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName
from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.disassembler import text_of
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import build
from virtdocs.machine.isa import INSTRUCTION_BYTES, decode
from virtdocs.vmm.binary_translation import BinaryTranslationEngine
from virtdocs.vmm.translation_cache import (
    IF_BEFORE_STI,
    SCRATCH_A,
    SCRATCH_B,
    SLOTS_PER_PAGE,
    VIRTUAL_IF,
    VIRTUAL_IOPL,
    CalloutKind,
    Slot,
    TranslationCache,
)
from virtdocs.vmm.translator import Block

TECHNIQUE: Final = "bt"
# Routine -> (workload whose kernel runs it, operations, how many instructions are shown).
ROUTINES: Final[Mapping[str, tuple[str, int, int]]] = MappingProxyType(
    {
        "wait_for_tick": ("popf_wait", 4, 7),
        "system_call_done": ("syscall", 8, 4),
        "load_root": ("context_switch", 4, 3),
    }
)
# Words of the virtual CPU's page, which translated code reaches through fs.
DATA_NAMES: Final = {
    VIRTUAL_IF: "virtual_if",
    VIRTUAL_IOPL: "virtual_iopl",
    IF_BEFORE_STI: "if_before_sti",
    SCRATCH_A: "scratch_a",
    SCRATCH_B: "scratch_b",
}
SAME, IN_PLACE, CALLOUT, ADAPTED, JUMP = "same", "in_place", "callout", "adapted", "jump"


@dataclass(frozen=True, slots=True)
class Translated:
    """One guest instruction: its text in the image, what became of it (``same`` text,
    ``in_place``, a ``callout``, one ``adapted`` after its faults, or a ``jump`` made anew), and
    the slots that stand for it."""

    address: int
    text: str
    role: str
    slots: tuple[tuple[int, str], ...]


def translated_routine(routine: str) -> tuple[Translated, ...]:
    """The instructions of a routine in order; UnknownName for one that is not offered."""
    if routine not in ROUTINES:
        raise UnknownName("", "routine", routine, ROUTINES)
    workload, ops, count = ROUTINES[routine]
    preset = technique(TECHNIQUE)
    program = build(workload, preset.build, ops=ops, levels=preset.levels)
    engine = execute(preset, program, "intel", DEFAULT_STEPS).machine.engines[0]
    if not isinstance(engine, BinaryTranslationEngine):
        raise TypeError(f"{TECHNIQUE} runs on {type(engine).__name__}")
    blocks = tuple(engine.blocks.values())
    listing = _Listing(engine.cache, blocks, frozenset(engine.adapted), program)
    return tuple(listing.routine(program.labels[routine], count))


class _Listing:
    def __init__(
        self,
        cache: TranslationCache,
        blocks: tuple[Block, ...],
        adapted: frozenset[int],
        program: Program,
    ) -> None:
        self.cache = cache
        self.adapted = adapted
        self.program = program
        self.first = {block.guest_rip: block.first_slot for block in blocks}
        self.starts = sorted(block.first_slot for block in blocks)
        labels = {address: name for name, address in program.labels.items()}
        self.names = {
            cache.address(slot): f"translation_of_{labels.get(rip, f'{rip:x}')}"
            for rip, slot in self.first.items()
        }

    def routine(self, address: int, count: int) -> list[Translated]:
        """``count`` instructions from ``address`` on, block after block."""
        found: list[Translated] = []
        while len(found) < count:
            block = self._block(address)
            if not block:
                raise LookupError(f"no translation of {address:#x} was left in the cache")
            found += block
            address = found[-1].address + INSTRUCTION_BYTES
        return found[:count]

    def _block(self, address: int) -> list[Translated]:
        """The instructions of the block that starts at a guest address."""
        if address not in self.first:
            return []
        first = self.first[address]
        later = [slot for slot in self.starts if slot > first]
        numbers = range(first, later[0] if later else len(self.cache.slots))
        by_rip: dict[int, list[int]] = {}
        for number in numbers:
            slot = self.cache.slots[number]
            if slot.starts or slot.guest_rip in by_rip:
                by_rip.setdefault(slot.guest_rip, []).append(number)
        return [self._instruction(rip, slots) for rip, slots in by_rip.items()]

    def _instruction(self, rip: int, numbers: list[int]) -> Translated:
        source = self.program.lines[rip].text
        text = " ".join(source.split(";")[0].split())
        slots = [self.cache.slots[number] for number in numbers]
        return Translated(
            rip,
            text,
            self._role(rip, slots, numbers),
            tuple((number, self._text(number)) for number in numbers),
        )

    def _role(self, rip: int, slots: list[Slot], numbers: list[int]) -> str:
        if any(slot.inline for slot in slots):
            return IN_PLACE
        kinds = {slot.callout.kind for slot in slots if slot.callout}
        if CalloutKind.EMULATE in kinds:
            return ADAPTED if rip in self.adapted else CALLOUT
        same = len(numbers) == 1 and self._words(numbers[0]) == self._guest_words(rip)
        return SAME if same else JUMP

    def _words(self, number: int) -> tuple[int, ...]:
        page = self.cache.memory.page(self.cache.frames[number // SLOTS_PER_PAGE])
        assert page is not None
        at = number % SLOTS_PER_PAGE * 2
        return tuple(page[at : at + 2])

    def _guest_words(self, rip: int) -> tuple[int, ...]:
        raw = self.program.bytes_at(rip, INSTRUCTION_BYTES)
        return tuple(int.from_bytes(raw[at : at + 8], "little") for at in (0, 8))

    def _text(self, number: int) -> str:
        """The slot as assembly text, with names for targets and for the virtual CPU's words."""
        local = {self.cache.address(n): str(n) for n in range(number, number + 8)}
        first, second = self._words(number)
        text = text_of(decode(first, second), {**local, **self.names}) or ""
        return re.sub(
            r"fs:\[(\d+|0x[0-9a-f]+)\]",
            lambda match: f"fs:[{DATA_NAMES.get(int(match[1], 0), match[1])}]",
            text,
        )
