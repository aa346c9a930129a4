"""From recorded steps to a Python function, compiled once and shared between runs.

The key is what the text depends on: each instruction, its address, the mode it ran
in, where it led, and the facts it was specialised on. State comes in as parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from types import CodeType
from typing import Any, Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import Page
from virtdocs.machine.translate import arithmetic, control, data, privileged
from virtdocs.machine.translate.flags import KEPT
from virtdocs.machine.translate.memory_access import note_bound
from virtdocs.machine.translate.source import HEAD, Mark, Source
from virtdocs.machine.translate.steps import Mode, Step, changes_page, sets_all_flags, shows_flags
from virtdocs.machine.translate.through import Through
from virtdocs.machine.translate.views import INDEX, Leave, Views, load_across, store_across

TraceFunction = Callable[[int], int]
KEPT_TRANSLATIONS: Final = 4096
VIEW_KINDS: Final = ("R", "W", "M", "find_R", "find_W", "find_M", "fetch", "forget")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A trace as code, for any machine that is in the state its steps were recorded in."""

    steps: tuple[Step, ...]
    loop: bool
    modes: tuple[Mode, ...]
    text: str
    marks: dict[int, Mark]
    head: dict[str, str]
    constants: dict[str, object]
    pages: dict[tuple[Mode, int], int]
    code: CodeType
    # Only where steps are not guest instructions one by one: how many are complete after each
    # number of steps, and which steps complete one that was replaced in place.
    retired: tuple[int, ...] | None
    inline: tuple[tuple[int, str], ...]

    def bind(
        self,
        cpu: Cpu,
        views_of: dict[Mode, Views],
        pages: dict[tuple[Mode, int], Page],
        through: Through,
    ) -> TraceFunction:
        """The function for one CPU, with its code in these pages."""
        space: dict[str, Any] = {
            "Leave": Leave, "leave": leave, "cpu": cpu, "regs": cpu.regs, "code": self,
            "through": through,
            "T2": INDEX[2], "T4": INDEX[4], "T8": INDEX[8], "load_across": load_across,
            "store_across": store_across, **self.constants,
        }  # fmt: skip
        for number, mode in enumerate(self.modes):
            view = views_of[mode]
            space |= {f"R{number}": view.read, f"find_R{number}": view.find_read}
            space |= {f"W{number}": view.write, f"find_W{number}": view.find_write}
            space |= {f"M{number}": view.modify, f"find_M{number}": view.find_modify}
            space |= {f"fetch{number}": view.fetch, f"forget{number}": view.forget}
        for key, number in self.pages.items():
            space[f"P{number}"] = pages[key]
        exec(self.code, space)
        function: TraceFunction = space["trace"]
        return function


def leave(code: Compiled, line: int, names: dict[str, Any]) -> int:
    """Put the state before the instruction of this line into the CPU; how many steps were done."""
    mark = code.marks[line]
    cpu: Cpu = names["cpu"]
    for number in mark.dirty:
        cpu.regs[number] = names[f"r{number}"]
    if mark.flags != KEPT:
        text = mark.flags.value
        for placeholder, expression in code.head.items():
            text = text.replace(placeholder, expression)
        cpu.rflags = eval(_expression(text), {}, names)
    cpu.rip = code.steps[mark.index % len(code.steps)].rip  # past the end: a loop's head
    done: int = names.get("n", 0)
    return done + mark.index


@lru_cache(maxsize=KEPT_TRANSLATIONS)
def _expression(text: str) -> CodeType:
    return compile(text, "<flags>", "eval")


@lru_cache(maxsize=KEPT_TRANSLATIONS)
def compiled(steps: tuple[Step, ...], loop: bool) -> Compiled:
    """Translate; ``loop`` says that the last step leads back to the first."""
    seen = _flags_seen(steps)
    source = _emit(steps, loop, seen, bool(loop and seen[0]))
    if loop and source.flags.from_head:
        source = _emit(steps, loop, seen, False)
    found = source.finish()
    names = ["cpu", "regs", "T2", "T4", "T8", "Leave", "load_across", "store_across", "through"]
    names += [f"{kind}{n}" for n in range(len(source.modes)) for kind in VIEW_KINDS]
    names += [*source.constants, *(f"P{number}" for number in source.pages.values())]
    parameters = ", ".join(f"{name}={name}" for name in names if name in found.body)
    text = f"def trace(limit, {parameters}):\n{found.body}\n"
    where = f"<trace {steps[0].rip:#x}>"
    return Compiled(
        steps, loop, tuple(source.modes), text, found.marks, found.head, source.constants,
        source.pages,
        compile(text, where, "exec"), _retired(steps),
        tuple((index, step.inline) for index, step in enumerate(steps) if step.inline),
    )  # fmt: skip


def _retired(steps: tuple[Step, ...]) -> tuple[int, ...] | None:
    if all(step.retires and not step.inline for step in steps):
        return None
    return (0, *accumulate(int(step.retires) for step in steps))


def _flags_seen(steps: tuple[Step, ...]) -> list[bool]:
    """For each instruction: whether the flags before it may be seen; one more for the end."""
    seen = [True] * (len(steps) + 1)
    for index in range(len(steps) - 1, -1, -1):
        ins = steps[index].ins
        seen[index] = shows_flags(ins) or (not sets_all_flags(ins) and seen[index + 1])
    return seen


def _emit(steps: tuple[Step, ...], loop: bool, seen: list[bool], carries: bool) -> Source:
    """The lines of all steps; ``carries`` says that flags flow from round to round in locals."""
    source = Source(steps, loop, HEAD if carries else KEPT)
    for index, step in enumerate(steps):
        ins = step.ins
        source.shadowed = index > 0 and steps[index - 1].ins.spec.name == "sti"
        source.begin(index, seen[index + 1] and not sets_all_flags(ins), seen[index + 1])
        source.across = step.across
        if index and changes_page(steps[index - 1], step):
            source.fetch(step)
        if step.through is not None:
            source.through(step, step.through)
            continue
        _one(source, step)
        if "m" in ins.form and ins.spec.name not in ("lea", "invlpg"):
            note_bound(source, ins)
        if source.shadowed:
            source.line("cpu.interrupt_shadow = 0")
            source.shadowed = False
    if loop:
        if not carries and seen[0]:
            source.settle_flags()
        source.close_loop()
    else:
        source.begin(len(steps) - 1, True, True)
        source.line(source.exit(str(steps[-1].target), len(steps)))
    return source


def _one(source: Source, step: Step) -> None:
    name = step.ins.spec.name
    emit = privileged.EMIT.get(name) or data.EMIT.get(name) or arithmetic.EMIT.get(name)
    if emit is not None:
        emit(source, step)
    else:
        control.emit(source, step)
