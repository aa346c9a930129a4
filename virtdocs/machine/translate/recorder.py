"""Follows the reference interpreter along a hot path, one instruction behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction, Undecodable, decode
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import CS, SS
from virtdocs.machine.segments import Segment
from virtdocs.machine.translate.privileged import facts, translatable
from virtdocs.machine.translate.steps import Mode, Step
from virtdocs.machine.translate.views import Views


class Ending(Enum):
    """Why a recording stops."""

    OPEN = "open"  # it does not yet
    LOOP = "loop"  # back where it began
    JOINS = "joins"  # another trace goes on from here, or is going to
    FULL = "full"
    BREAK = "break"  # an instruction that only the reference interpreter does, or a trap


def instruction_at(views: Views, rip: int) -> Instruction | None:
    """The instruction that the CPU would fetch from the TLB's page; nothing is counted."""
    entry = views.fetched(rip >> PAGE_SHIFT)
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
    entry = views.mmu.tlb.entries.get(address >> PAGE_SHIFT)
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

    def expect(self, cpu: Cpu, views: Views, mode: Mode) -> bool:
        """Note the instruction at rip before it runs; False when a trace cannot hold it."""
        self.at = cpu.rip
        self.across = False
        self.mode = mode
        self.ins = instruction_at(views, cpu.rip)
        if self.ins is None:
            return True  # its page is not in the TLB yet: looked at afterwards
        self.facts = facts(cpu, self.ins, mode)
        self.across = leaves_its_word(cpu, self.ins)
        return translatable(cpu, self.ins, mode)

    def turns_back(self) -> bool:
        """Whether the last step closed a loop inside this recording, which is its own trace."""
        last = self.steps[-1]
        if last.target > last.rip or last.ins.spec.name in ("call", "ret"):
            return False
        return any(step.rip == last.target for step in self.steps)

    def ran(self, cpu: Cpu, views: Views, part: tuple[bool, str]) -> bool:
        """Keep the instruction that has just run; False when something came in between.

        ``part`` says whether a guest instruction is complete with it, and which one in place.
        """
        # ``execute`` sets rip to next_rip at the very end; a trap or an interrupt does not.
        if cpu.rip != cpu.next_rip:
            return False
        ins = self.ins or instruction_at(views, self.at)
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
        self.steps.append(
            Step(self.at, ins, self.mode, cpu.rip, self.facts, *part, self.across, returned)
        )
        return True
