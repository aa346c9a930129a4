"""From guest code to translated code, one block at a time.

Most instructions are copied as they are. Control flow is rebuilt, a few sensitive
instructions are replaced in place by code that works on the virtual CPU's page, and
the rest calls out. Nothing the sequences do touches an arithmetic flag that the
guest's own instruction would not: they use mov, lea, not and jrcxz only.
(Adams & Agesen 2006, §3; Bugnion et al. 2012, §4.2.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction
from virtdocs.machine.registers import IF, IOPL, RAX, RCX, RSP, WORD_MASK
from virtdocs.vmm.translation_cache import (
    IF_BEFORE_STI,
    SCRATCH_A,
    SCRATCH_B,
    VIRTUAL_IF,
    VIRTUAL_IOPL,
    Callout,
    CalloutKind,
    Slot,
    TranslationCache,
    call_out,
    make,
)

BLOCK_INSTRUCTIONS: Final = 32
SLOTS_PER_INSTRUCTION: Final = 16  # no sequence below is longer
IDENTICAL_GROUPS: Final = ("data", "alu")
IDENTICAL: Final = ("stc", "clc", "nop")
CONDITIONAL_PREFIX: Final = "j"
INLINE: Final = ("cli", "sti", "pushf", "popf")


@dataclass(frozen=True, slots=True)
class Block:
    """A translated block: where it starts in the cache, and the guest code it came from."""

    first_slot: int
    guest_rip: int
    guest_frame: int
    words: tuple[int, ...]  # the guest's code as translated, from the block's first word on


def saved(displacement: int, register: int) -> Instruction:
    """mov fs:[displacement], register."""
    return make("mov", "mr", a=register, disp=displacement, segment="fs")


def restored(register: int, displacement: int) -> Instruction:
    """mov register, fs:[displacement]."""
    return make("mov", "rm", a=register, disp=displacement, segment="fs")


class Translator:
    """Emits one block into the cache."""

    def __init__(self, cache: TranslationCache, cpl: int, adapted: frozenset[int]) -> None:
        self.cache = cache
        self.cpl = cpl
        self.adapted = adapted  # guest addresses whose faults cost more than a callout
        self.rip = 0
        self.fresh = True
        self.after_sti = False

    def translate(self, code: Sequence[Instruction], rip: int) -> int:
        """Translate straight-line code from ``rip`` on; the first slot. Ends with a jump."""
        first = len(self.cache.slots)
        for number, ins in enumerate(code, 1):
            self.rip, self.fresh = rip, True
            # The instruction in the shadow of sti must lie in the same block.
            last = number == len(code) and ins.spec.name == "sti"
            ended = self._emulate("sti") if last else self._one(ins)
            self.after_sti = ins.spec.name == "sti" and ins.spec.name in INLINE and self.cpl == 0
            rip = rip + INSTRUCTION_BYTES & WORD_MASK
            if ended:
                return first
        self.rip, self.fresh = rip, False
        self._chain(rip, retires=False)
        return first

    def _emit(
        self, ins: Instruction, *, retires: bool = False, inline: str = "",
        callout: Callout | None = None,
    ) -> int:  # fmt: skip
        slot = Slot(self.rip, self.fresh, retires, self.after_sti and self.fresh, inline, callout)
        self.fresh = False
        return self.cache.emit(ins, slot)

    def _one(self, ins: Instruction) -> bool:
        """Emit one guest instruction; whether it ends the block."""
        name = ins.spec.name
        if self.rip in self.adapted or ins.segment == "fs":
            return self._emulate(name)
        if ins.spec.group in IDENTICAL_GROUPS or name in IDENTICAL:
            self._emit(ins, retires=True)
            return False
        if name in INLINE and self.cpl == 0:
            getattr(self, f"_{name}")()
            return False
        if name == "jmp" and ins.form == "i":
            self._chain(ins.imm, retires=True)
        elif name == "call" and ins.form == "i":
            self._emit(make("push", "i", imm=self.rip + INSTRUCTION_BYTES & WORD_MASK))
            self._chain(ins.imm, retires=True)
        elif name.startswith(CONDITIONAL_PREFIX) and name not in ("jmp", "jmpf"):
            self._conditional(ins)
        elif name in ("jmp", "call", "ret"):
            self._indirect(ins)
        else:
            return self._emulate(name)
        return True

    def _emulate(self, name: str) -> bool:
        self._emit(call_out(), callout=Callout(CalloutKind.EMULATE, name))
        return True

    def _chain(self, target: int, retires: bool) -> None:
        """A direct jump: it calls out once, then it is a jump within the cache."""
        callout = Callout(
            CalloutKind.CHAIN, "", target, jump_slot=len(self.cache.slots), retires=retires
        )
        self._emit(call_out(), callout=callout)

    def _conditional(self, ins: Instruction) -> None:
        here = len(self.cache.slots)
        taken = self.cache.address(here + 2)
        self._emit(make(ins.spec.name, "i", imm=taken), retires=True)
        self._chain(self.rip + INSTRUCTION_BYTES & WORD_MASK, retires=False)
        self._chain(ins.imm, retires=False)

    def _indirect(self, ins: Instruction) -> None:
        """A computed target is compared with the one this site saw last.

        rcx := target; rax := complement of the cached target; their sum plus one is
        zero exactly when they are equal, and no flag was touched.
        """
        name = ins.spec.name
        self._emit(saved(SCRATCH_A, RAX))
        self._emit(saved(SCRATCH_B, RCX))
        if name == "ret":
            self._emit(make("mov", "rm", a=RCX, base=RSP))
        elif ins.form == "r":
            self._emit(make("mov", "rr", a=RCX, b=ins.a))
        else:
            self._emit(
                make(
                    "mov", "rm", a=RCX, base=ins.base, index=ins.index, scale=ins.scale,
                    size=ins.size, segment=ins.segment, disp=ins.disp,
                )
            )  # fmt: skip
        key = self._emit(make("mov", "ri", a=RAX, imm=WORD_MASK))
        self._emit(make("lea", "rm", a=RCX, base=RCX, index=RAX, disp=1))
        self._emit(restored(RAX, SCRATCH_A))
        here = len(self.cache.slots)
        self._emit(make("jrcxz", "i", imm=self.cache.address(here + 3)))
        self._emit(restored(RCX, SCRATCH_B))
        hit_end = here + 5
        callout = Callout(CalloutKind.INDIRECT, name, key_slot=key, jump_slot=hit_end)
        self._emit(call_out(), callout=callout)
        self._emit(restored(RCX, SCRATCH_B))
        if name == "ret":
            self._emit(make("lea", "rm", a=RSP, base=RSP, disp=8))
        elif name == "call":
            self._emit(make("push", "i", imm=self.rip + INSTRUCTION_BYTES & WORD_MASK))
        else:
            self._emit(make("nop"))
        # Until a target is known the key stands for address 0, and so does this jump.
        self._chain(0, retires=True)

    # In place -----------------------------------------------------------------------------

    def _cli(self) -> None:
        self._emit(
            make("mov", "mi", disp=VIRTUAL_IF, segment="fs", imm=0), retires=True, inline="cli"
        )

    def _sti(self) -> None:
        self._emit(saved(SCRATCH_A, RAX))
        self._emit(restored(RAX, VIRTUAL_IF))
        self._emit(saved(IF_BEFORE_STI, RAX))
        self._emit(make("mov", "mi", disp=VIRTUAL_IF, segment="fs", imm=IF))
        self._emit(restored(RAX, SCRATCH_A), retires=True, inline="sti")

    def _pushf(self) -> None:
        """Push the real flags, then put the virtual IF and IOPL where the real ones are."""
        self._emit(make("pushf"))
        self._emit(saved(SCRATCH_A, RAX))
        self._emit(saved(SCRATCH_B, RCX))
        self._emit(make("mov", "rm", a=RAX, base=RSP))
        self._emit(restored(RCX, VIRTUAL_IF))
        # The real IF is always on in ring 1, the real IOPL always 0.
        self._emit(make("lea", "rm", a=RAX, base=RAX, index=RCX, disp=-IF))
        self._emit(restored(RCX, VIRTUAL_IOPL))
        self._emit(make("lea", "rm", a=RAX, base=RAX, index=RCX))
        self._emit(make("mov", "mr", a=RAX, base=RSP))
        self._emit(restored(RAX, SCRATCH_A))
        self._emit(restored(RCX, SCRATCH_B), retires=True, inline="pushf")

    def _popf(self) -> None:
        """Split the word into virtual IF and IOPL; the real popf takes the arithmetic flags."""
        self._emit(saved(SCRATCH_A, RAX))
        self._emit(saved(SCRATCH_B, RCX))
        self._emit(make("mov", "rm", a=RAX, base=RSP))
        # From here on nothing faults, and the flags are about to be replaced anyway.
        self._emit(make("mov", "rr", a=RCX, b=RAX))
        self._emit(make("and", "ri", a=RCX, imm=IF))
        self._emit(saved(VIRTUAL_IF, RCX))
        self._emit(make("and", "ri", a=RAX, imm=IOPL))
        self._emit(saved(VIRTUAL_IOPL, RAX))
        self._emit(restored(RAX, SCRATCH_A))
        self._emit(restored(RCX, SCRATCH_B))
        self._emit(make("popf"), retires=True, inline="popf")
