"""Follows the reference interpreter along a hot path, one instruction behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction, Undecodable, decode
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import CS, SS
from virtdocs.machine.segments import Segment
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.translate.privileged import facts, translatable
from virtdocs.machine.translate.steps import Mode, Step
from virtdocs.machine.translate.views import Views

if TYPE_CHECKING:
    from virtdocs.machine.translate.trace import Trace

ENDS: Final = ("hlt",)  # nothing goes on after it


@dataclass(frozen=True, slots=True)
class Effects:
    """What an instruction may have done beside its registers and memory."""

    retired: int = 0
    elsewhere: int = 0  # faults and interrupts that the guest was given
    device: int = 0  # device registers that were read or written

    def one_more(self, before: Effects) -> bool:
        """Whether exactly one instruction was completed since, and nothing came in between."""
        return self.retired == before.retired + 1 and self.elsewhere == before.elsewhere


class Ending(Enum):
    """Why a recording stops."""

    OPEN = "open"  # it does not yet
    LOOP = "loop"  # back where it began
    JOINS = "joins"  # another trace goes on from here, or is going to
    FULL = "full"
    BREAK = "break"  # an instruction that only the reference interpreter does, or a trap


def instruction_in(entry: TlbEntry | None, rip: int) -> Instruction | None:
    """The instruction that the CPU would fetch from this page; nothing is counted."""
    if entry is None or entry.page is None or rip & 15:
        return None
    word = rip >> 3 & 511
    try:
        return decode(entry.page[word], entry.page[word + 1])
    except Undecodable:
        return None


def leaves_its_word(cpu: Cpu, ins: Instruction) -> bool:
    """Whether the memory operand is about to lie in two words."""
    if "m" not in ins.form:
        return False
    _, address = cpu.linear(ins)
    return (address & 7) + ins.size > 8


def descriptor_at(views: Views, cpu: Cpu, segment: int) -> int:
    """The descriptor that a segment register was just loaded from, 0 where it is not to be had."""
    selector = cpu.segments[segment].selector
    address = cpu.gdtr[0] + (selector & 0xFFF8)
    entry = views.mmu.cached(address >> PAGE_SHIFT)
    if selector & 0xFFFC == 0 or entry is None or entry.page is None or address & 7:
        return 0
    return entry.page[address >> 3 & 511]


@dataclass(slots=True)
class Recorder:
    """One recording. ``next`` is the instruction that the interpreter is about to run."""

    head: int
    mode: Mode
    longest: int
    steps: list[Step] = field(default_factory=list)
    at: int = 0
    ins: Instruction | None = None
    facts: tuple[int, ...] = ()
    across: bool = False
    through: bool = False  # whether the engine may run instructions in the middle of a trace
    instead: Trace | None = None  # the trace of before, if this is a second recording
    before: Effects = Effects()
    entry: TlbEntry | None = None  # where the next instruction lies
    # Where the code was while it ran: its pages need not stay in the TLB until the end.
    pages: dict[tuple[Mode, int], TlbEntry] = field(default_factory=dict)

    def expect(self, cpu: Cpu, views: Views, mode: Mode, effects: Effects) -> bool:
        """Note the instruction at rip before it runs; False when a trace cannot hold it."""
        self.at = cpu.rip
        self.before = effects
        self.across = False
        self.mode = mode
        self.entry = views.fetched(cpu.rip >> PAGE_SHIFT)
        self.ins = instruction_in(self.entry, cpu.rip)
        if self.ins is None:
            return True  # its page is not in the TLB yet: looked at afterwards
        self.facts = facts(cpu, self.ins, mode)
        self.across = leaves_its_word(cpu, self.ins)
        if translatable(cpu, self.ins, mode):
            return True
        return self.through and self.ins.spec.name not in ENDS

    def turns_back(self) -> bool:
        """Whether the last step closed a loop inside this recording, which is its own trace."""
        last = self.steps[-1]
        if last.target > last.rip or last.ins.spec.name in ("call", "ret"):
            return False
        return any(step.rip == last.target for step in self.steps)

    def ran(
        self, cpu: Cpu, views: Views, part: tuple[bool, str], mode: Mode, effects: Effects
    ) -> bool:
        """Keep the instruction that has just run; False when something came in between.

        ``part`` says whether a guest instruction is complete with it, and which one in place;
        ``mode`` is the one that it led to.
        """
        if self.through and self.ins is not None and self._elsewhere(cpu, effects):
            if not effects.one_more(self.before):
                return False
            return self._keep(Step(self.at, self.ins, self.mode, cpu.rip, through=mode))
        # ``execute`` sets rip to next_rip at the very end; a trap or an interrupt does not.
        if cpu.rip != cpu.next_rip:
            return False
        if self.ins is None:
            self.entry = views.fetched(self.at >> PAGE_SHIFT)
        ins = self.ins or instruction_in(self.entry, self.at)
        if ins is None or cpu.running != ins:
            return False
        if self.ins is None:
            self.facts = facts(cpu, ins, self.mode)
            if not translatable(cpu, ins, self.mode):
                return False
        returned: tuple[tuple[Segment, int], ...] = ()
        if ins.spec.name == "iret":
            returned = tuple((cpu.segments[n], descriptor_at(views, cpu, n)) for n in (CS, SS))
            if not all(raw for _, raw in returned):
                return False
        return self._keep(
            Step(self.at, ins, self.mode, cpu.rip, self.facts, *part, self.across, returned)
        )

    def _elsewhere(self, cpu: Cpu, effects: Effects) -> bool:
        """Whether the engine has to run the instruction that has just run."""
        assert self.ins is not None
        reached = effects.device != self.before.device
        return reached or not translatable(cpu, self.ins, self.mode)

    def _keep(self, step: Step) -> bool:
        """Add a step, unless its page is another one than that of an earlier step there."""
        assert self.entry is not None
        known = self.pages.setdefault((step.mode, step.rip >> PAGE_SHIFT), self.entry)
        if known.page is not self.entry.page:
            return False
        self.steps.append(step)
        return True
