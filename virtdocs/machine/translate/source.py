"""The text of one trace: registers in locals, exits, and how to recover at each line.

A trace is a function of the steps that it may take; it returns how many it took. Its
locals hold the guest's registers, which it writes back where it ends. Every line
knows which instruction it belongs to and what the flags were before it, so that a
trace can be left in the middle as if that instruction had never begun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.translate.flags import KEPT, Flags
from virtdocs.machine.translate.neighbours import Neighbours
from virtdocs.machine.translate.steps import Mode, Step, changes_page

REGISTERS: Final = 16
WHOLE_FILE: Final = 7  # from so many registers on, all sixteen are moved at once
# In a loop the flags at its head are the last round's, if there was one.
HEAD: Final = Flags("@C@", "@Z@", "@S@", "@O@")
DIRTY: Final = "@STORE@"
HEAD_USE: Final = re.compile("@[CZSO]@")
VIEW_USE: Final = re.compile(r"\b[RWM][0-9]+\b")
BODY_INDENT: Final = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """How to leave at a line: the instruction not begun, registers and flags before it."""

    index: int
    dirty: tuple[int, ...]
    flags: Flags


@dataclass(frozen=True, slots=True)
class Text:
    """The body of the function ``trace``, from its second line on."""

    body: str
    marks: dict[int, Mark]
    head: dict[str, str]  # what the placeholders of the loop's head stand for


@dataclass(slots=True)
class _Line:
    text: str
    indent: int
    index: int
    dirty: frozenset[int]
    flags: Flags
    places: int  # accesses before the end of this line


class Source:
    """Collects the lines of one trace."""

    def __init__(self, steps: tuple[Step, ...], loop: bool, head: Flags = KEPT) -> None:
        self.steps = steps
        self.loop = loop
        self.flags = head
        self.index = 0
        self.mode = steps[0].mode
        self.modes: list[Mode] = []  # whose views the text names
        self.keep_flags = True  # whether the flags before this instruction are seen after it
        self.result_flags_seen = True  # whether those that it makes are
        self.across = False  # this instruction's operand may leave its word
        self.bounded: set[int] = set()  # registers known to lie well below 2**64
        self.shadowed = False  # this instruction lies in the shadow of sti
        self.constants: dict[str, object] = {}
        self.pages: dict[tuple[Mode, int], int] = {}  # that the text names, by number
        self.neighbours = Neighbours()
        self._before = head
        self._lines: list[_Line] = []
        self._indent = 0
        self._loads: set[int] = set()
        self._written: set[int] = set()
        self._start: frozenset[int] = frozenset()
        self._temporaries = 0

    # One instruction ------------------------------------------------------------------------

    def begin(self, index: int, keep_flags: bool, result_flags_seen: bool) -> None:
        """The lines that follow belong to this instruction."""
        self.index = index
        self.keep_flags = keep_flags
        self.result_flags_seen = result_flags_seen
        self._before = self.flags
        self._start = frozenset(self._written)

    def line(self, text: str) -> None:
        """One line of Python."""
        places = len(self.neighbours.places)
        self._lines.append(_Line(text, self._indent, self.index, self._start, self._before, places))

    def block(self, text: str) -> None:
        """A line that opens a block."""
        self.line(text)
        self._indent += 4

    def end(self) -> None:
        """Close the block."""
        self._indent -= 4

    def temporary(self) -> str:
        """A fresh local that nobody overwrites."""
        self._temporaries += 1
        return f"f{self._temporaries}"

    # Registers and flags ----------------------------------------------------------------------

    def get(self, number: int) -> str:
        """The local of a register."""
        if number not in self._written:
            self._loads.add(number)
        return f"r{number}"

    def put(self, number: int, expression: str) -> None:
        """Assign a register; what the flags still need of its old value is copied first."""
        name = f"r{number}"
        if self.keep_flags and name in self.flags.names:
            copy = self.temporary()
            self.line(f"{copy} = {name}")
            self.flags = self.flags.renamed({name: copy})
        self.line(f"{name} = {expression}")
        self.mark_written(number)

    def advance(self, number: int, distance: int) -> None:
        """Add to a register that is an address."""
        near = self.neighbours.kept(number)
        self.put(number, f"{self.get(number)} + {distance}")
        self.neighbours.advanced(number, distance, near)

    def mark_written(self, number: int) -> None:
        """The register's local was assigned by a line of another making."""
        self._written.add(number)
        self.bounded.discard(number)
        self.neighbours.moved(number)

    def settle_flags(self) -> None:
        """Put the flags into RFLAGS, where code that follows can see them."""
        if self.flags != KEPT:
            self.line(f"cpu.rflags = {self.flags.value}")
            self.flags = KEPT

    def view(self, kind: str, monitor: bool = False) -> str:
        """The name of a view (R, W or M) in the present mode, or of the monitor's own data."""
        mode = self.mode if monitor else replace(self.mode, monitor_data=0)
        if mode not in self.modes:
            self.modes.append(mode)
        return f"{kind}{self.modes.index(mode)}"

    def through(self, step: Step, mode: Mode) -> None:
        """Let the engine run this instruction, which leads to ``mode``, and go on after it."""
        self.settle_flags()
        self.shadowed = False  # the engine ends it
        stored = DIRTY if self.loop else self._store(frozenset(self._written))
        count = f"n + {self.index}" if self.loop else str(self.index)
        self.line(f"{stored}cpu.rip = {step.rip}")
        ran, held = self.constant(step.ins), self.constant(mode)
        self.line(f"if not through({count}, {ran}, {step.target}, {held}): return through.steps")
        self.line(f"{', '.join(f'r{n}' for n in range(REGISTERS))} = regs")
        self._loads |= set(range(REGISTERS))
        self.bounded.clear()
        self.neighbours.forget()
        self.enter(mode)

    def enter(self, mode: Mode) -> None:
        """What follows runs in another mode."""
        self.mode = mode

    def constant(self, value: object) -> str:
        """A name for an object that the text refers to."""
        for name, known in self.constants.items():
            if known == value:
                return name
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    # Ways out -----------------------------------------------------------------------------------

    def exit(self, rip: str, done: int) -> str:
        """The statements that end the trace after ``done`` instructions of this round."""
        flags = "" if self.flags == KEPT else f"cpu.rflags = {self.flags.value}; "
        flags += "cpu.interrupt_shadow = 0; " if self.shadowed else ""
        # What this instruction wrote counts: it is complete.
        stored = DIRTY if self.loop else self._store(frozenset(self._written))
        count = f"n + {done}" if self.loop else f"{done}"
        return f"{stored}{flags}cpu.rip = {rip}; return {count}"

    def leave_unless(self, expression: str) -> None:
        """Let the reference interpreter run this instruction unless the expression holds."""
        self.line(f"if not ({expression}): raise Leave")

    def _store(self, dirty: frozenset[int]) -> str:
        if len(dirty) >= WHOLE_FILE:
            self._loads |= set(range(REGISTERS)) - dirty
            return f"regs[:] = {', '.join(f'r{n}' for n in range(REGISTERS))}; "
        return "".join(f"regs[{n}] = r{n}; " for n in sorted(dirty))

    # The whole text -------------------------------------------------------------------------------

    def finish(self) -> Text:
        """The function's text, and how to leave at each of its lines."""
        everything = frozenset(self._written)
        store = self._store(everything) if self.loop else ""
        head = self._head_flags() if self.loop else {}
        if self.loop:
            self._loads |= everything
        text = [f"    {line}" for line in self._prologue()]
        text += ["    try:"]
        if self.loop:
            length = len(self.steps)
            text += [f"      for n in range(0, limit - {length - 1}, {length}):"]
            if not self._lines:  # a jump to itself, say
                text += [" " * BODY_INDENT + "pass"]
        marks: dict[int, Mark] = {}
        for line in self._lines:
            body = line.text.replace(DIRTY, store)
            for placeholder, expression in head.items():
                body = body.replace(placeholder, expression)
            indent = " " * (BODY_INDENT + line.indent)
            dirty = everything if self.loop else line.dirty
            mark = Mark(line.index, tuple(sorted(dirty)), line.flags)
            near, body = self.neighbours.near(body), self.neighbours.plain(body)
            if near is not None:
                text += [f"{indent}try: {near}", f"{indent}except (IndexError, KeyError):"]
                marks[len(text)] = marks[len(text) + 1] = mark
                indent += " "
            view = VIEW_USE.search(body)
            if view is not None:
                # Costs nothing while the page is there.
                text.append(f"{indent}try: {body}")
                marks[len(text) + 1] = mark
                gone = self.neighbours.gone(line.places)
                body = f"except KeyError as miss: find_{view[0]}(miss.args[0]); {gone}{body}"
            text.append(indent + body)
            marks[len(text) + 1] = mark
        if self.loop:
            # Every round that fits is done.
            flags = "" if self.flags == KEPT else f"cpu.rflags = {self.flags.value}; "
            text += [f"      {store}{flags}cpu.rip = {self.steps[0].rip}; return n + {length}"]
        text += [
            "    except (Leave, IndexError) as left:",
            "        return leave(code, left.__traceback__.tb_lineno, locals())",
        ]
        return Text("\n".join(text), marks, head)

    def fetch(self, step: Step) -> None:
        """The next instruction lies in another page, or is fetched at another privilege."""
        mode = replace(step.mode, monitor_data=0)
        if mode not in self.modes:
            self.modes.append(mode)
        number = step.rip >> PAGE_SHIFT
        self.neighbours.forget()
        page = f"P{self.pages.setdefault((step.mode, number), len(self.pages))}"
        self.line(f"if fetch{self.modes.index(mode)}({number}) is not {page}: raise Leave")

    def close_loop(self) -> None:
        """What a round leaves for the next one."""
        self.begin(len(self.steps), True, True)
        if changes_page(self.steps[-1], self.steps[0]):
            self.fetch(self.steps[0])
        names = sorted(self.flags.names)
        if names and any(
            line.flags.from_head or HEAD_USE.search(line.text) for line in self._lines
        ):
            copies = ", ".join(f"h{name}" for name in names)
            self.line(f"{copies} = {', '.join(names)}")

    def _head_flags(self) -> dict[str, str]:
        last = self.flags.renamed({name: f"h{name}" for name in self.flags.names})
        pairs = zip(
            (HEAD.cf, HEAD.zf, HEAD.sf, HEAD.of), (last.cf, last.zf, last.sf, last.of), strict=True
        )
        kept = (KEPT.cf, KEPT.zf, KEPT.sf, KEPT.of)
        return {
            name: f"(({expression}) if n else {first})"
            for (name, expression), first in zip(pairs, kept, strict=True)
        }

    def _prologue(self) -> list[str]:
        lines = []
        loads = sorted(self._loads)
        if len(loads) >= WHOLE_FILE:
            lines.append(f"{', '.join(f'r{n}' for n in range(REGISTERS))} = regs")
        elif loads:
            lines += [f"r{n} = regs[{n}]" for n in loads]
        if self.loop:
            lines += ["n = 0"]
        return lines
