"""One recorded guest instruction, and which instructions can be translated at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction, encode
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import WORD_MASK
from virtdocs.machine.segments import Segment

LAST_PAGE: Final = (1 << 64 - PAGE_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Mode:
    """What translated code relies on without looking: a part of every translation's key."""

    cpl: int
    protect: bool  # CR0.WP
    last: int  # highest page number that every data segment reaches; all of them in long mode
    limited: bool  # segment limits hold
    # Where fs leads while a monitor's translated code runs: its data, past all limits. Else 0.
    monitor_data: int = 0

    @property
    def user(self) -> bool:
        """Whether page tables see a user."""
        return self.cpl == 3


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction where it was seen, in the mode it ran in, and where it led."""

    rip: int
    ins: Instruction
    mode: Mode
    target: int  # rip after it
    # What the instruction found in system registers and descriptors: specialised on, and checked
    # before each run. See ``privileged.facts``.
    facts: tuple[int, ...] = ()
    # A monitor's translated code may take several steps for one guest instruction.
    retires: bool = True
    inline: str = ""  # the guest instruction that is complete with this step, replaced in place
    across: bool = False  # its memory operand left its word when it was recorded
    # For iret: code and stack segment that it loaded, and their descriptors.
    returned: tuple[tuple[Segment, int], ...] = ()
    # The engine runs it, not the trace (see ``through``): the mode that it led to.
    through: Mode | None = None

    @property
    def words(self) -> tuple[int, int]:
        """Its code."""
        return encode(self.ins)

    @property
    def after(self) -> int:
        """Address of the instruction that follows in memory."""
        return self.rip + INSTRUCTION_BYTES & WORD_MASK


PLAIN_GROUPS: Final = ("data", "alu")
PLAIN: Final = frozenset(("jmp", "call", "ret", "jrcxz", "nop", "stc", "clc", "pushf", "popf"))
FULL_FLAGS: Final = frozenset(
    ("add", "sub", "cmp", "and", "or", "xor", "test", "neg", "imul", "mul")
)
SHIFTS: Final = frozenset(("shl", "shr", "sar"))
STACK: Final = frozenset(("push", "pop", "call", "ret", "pushf", "popf", "iret"))


def flushes(step: Step) -> bool:
    """Whether the TLB is another one after it."""
    return step.ins.spec.name == "mov_cr" and step.ins.form == "cr"


def unmasks(step: Step) -> bool:
    """Whether IF may be set after it; the engine looks after its own steps."""
    return step.through is None and step.ins.spec.name in ("sti", "popf", "iret", "sysret")


def changes_page(one: Step, other: Step) -> bool:
    """Whether the fetch of the second step may miss although that of the first did not."""
    if flushes(one) or one.through is not None:
        return True
    return one.mode != other.mode or one.rip >> PAGE_SHIFT != other.rip >> PAGE_SHIFT


def conditional(ins: Instruction) -> bool:
    """A jump that looks at the flags."""
    return ins.spec.group == "flow" and ins.mnemonic.startswith("j") and (
        ins.mnemonic not in ("jmp", "jmpf", "jrcxz")
    )  # fmt: skip


def plain(ins: Instruction) -> bool:
    """An instruction whose effect depends on no system state."""
    if ins.spec.group in PLAIN_GROUPS:
        return not (ins.spec.name == "pop" and ins.form == "m" and ins.segment)
    return ins.spec.name in PLAIN or conditional(ins)


def sets_all_flags(ins: Instruction) -> bool:
    """Whether every arithmetic flag is new after it, whatever it was before."""
    name = ins.spec.name
    if name in SHIFTS:
        return ins.form == "ri" and ins.imm & 63 != 0
    return name in FULL_FLAGS


def shows_flags(ins: Instruction) -> bool:
    """Whether the flags before it may be seen: by itself, or because the trace can end here."""
    name = ins.spec.name
    return (
        ("m" in ins.form and name != "lea")
        or name in STACK
        or name == "div"
        or (name in SHIFTS and ins.form == "rr")
        or ins.spec.group not in ("data", "alu")
    )
