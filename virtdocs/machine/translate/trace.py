"""A compiled trace on one CPU, and what must hold before it may run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PAGE_SHIFT, Page
from virtdocs.machine.registers import CS
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.translate.compiled import Compiled, TraceFunction
from virtdocs.machine.translate.privileged import facts
from virtdocs.machine.translate.steps import Mode, Step, flushes, unmasks
from virtdocs.machine.translate.through import Through
from virtdocs.machine.translate.views import Leave, Views


@dataclass(frozen=True, slots=True)
class Stretch:
    """Code without a gap in one page."""

    page: Page
    where: slice
    words: list[int]


class Standing(Enum):
    """Whether a trace may run now."""

    HOLDS = "holds"
    ABSENT = "absent"  # the fetch of its first instruction misses, and not simply
    CHANGED = "changed"  # other code, or other facts: it is of no use any more


@dataclass(slots=True)
class Trace:
    """A trace that this CPU may run once ``standing`` says so.

    It is bound to the pages that its code was in when it was recorded. That the first
    of them is still where it was is looked at here, the others when the trace gets there.
    """

    head: int  # address of its first instruction
    code: Compiled
    run: TraceFunction
    views: Views  # the first instruction's
    page: Page  # the first instruction's
    stretches: tuple[Stretch, ...]
    numbers: tuple[int, ...]  # all pages: none of them may leave the TLB for another's sake
    pinned: set[int]
    special: tuple[Step, ...]  # steps that rely on facts
    highest: int  # last byte of code, for the code segment's limit
    length: int
    flushes: bool  # the TLB may be another one afterwards
    unmasks: bool  # IF may be set after one of its steps
    checked: int = -1  # the epoch for which it is known to hold
    fruitless: int = 0  # how often in a row it left before its first instruction
    joins: bool = False  # its recording stopped because another trace goes on from there
    runs: int = 0
    early: int = 0  # of its runs, those that left before its end

    def standing(self, cpu: Cpu) -> Standing:
        """Whether its code can be fetched and is unchanged, and its facts still hold."""
        if not self.unchanged(cpu):
            return Standing.CHANGED
        if not self.within(cpu):
            return Standing.ABSENT
        try:
            page = self.views.fetch(self.head >> PAGE_SHIFT)
        except Leave:
            return Standing.ABSENT
        if page is not self.page:
            return Standing.CHANGED
        return Standing.HOLDS

    def within(self, cpu: Cpu) -> bool:
        """Whether the code segment reaches all of its code."""
        return not cpu.limits_hold or self.highest <= cpu.segments[CS].limit

    def unchanged(self, cpu: Cpu) -> bool:
        """Whether its code and its facts are what they were; its pages stay in the TLB then."""
        for stretch in self.stretches:
            if stretch.page[stretch.where] != stretch.words:
                return False
        for step in self.special:
            if facts(cpu, step.ins, step.mode) != step.facts:
                return False
        self.pinned.update(self.numbers)
        return True


def bind(
    code: Compiled,
    cpu: Cpu,
    views_of: dict[Mode, Views],
    found: dict[tuple[Mode, int], TlbEntry],
    through: Through,
) -> Trace | None:
    """The trace on this CPU, with its code in these pages; None when it is other code by now."""
    steps = code.steps
    views = views_of[steps[0].mode]
    words: dict[int, dict[int, int]] = {}
    for step in steps:
        page = found[step.mode, step.rip >> PAGE_SHIFT].page
        assert page is not None
        word = step.rip >> 3 & 511
        here = words.setdefault(id(page), {})
        here[word], here[word + 1] = page[word], page[word + 1]
        if (here[word], here[word + 1]) != step.words:
            return None
    stretches: list[Stretch] = []
    for entry in {id(entry.page): entry for entry in found.values()}.values():
        assert entry.page is not None
        here = words[id(entry.page)]
        views.watch.add(entry.page, entry.frame, set(here), views_of.values())
        stretches += _stretches(entry.page, here)
    pages = {key: entry.page for key, entry in found.items() if entry.page is not None}
    trace = Trace(
        steps[0].rip,
        code,
        code.bind(cpu, views_of, pages, through),
        views,
        pages[steps[0].mode, steps[0].rip >> PAGE_SHIFT],
        tuple(stretches),
        tuple({number for _, number in pages}),
        views.watch.pinned,
        tuple(step for step in steps if step.facts),
        max(step.rip for step in steps) + 15,
        len(steps),
        any(flushes(step) for step in steps),
        any(unmasks(step) for step in steps),
    )
    through.trace = trace
    return trace


def _stretches(page: Page, words: dict[int, int]) -> list[Stretch]:
    """The words of one page, in runs without a gap."""
    out: list[Stretch] = []
    run: list[int] = []
    first = -1
    for word in [*sorted(words), -1]:
        if run and word == first + len(run):
            run.append(words[word])
            continue
        if run:
            out.append(Stretch(page, slice(first, first + len(run)), run))
        if word >= 0:
            first, run = word, [words[word]]
    return out
