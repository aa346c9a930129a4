"""A compiled trace on one CPU, and what must hold before it may run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PAGE_SHIFT, Page
from virtdocs.machine.registers import CS
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.translate.compiled import Compiled, TraceFunction
from virtdocs.machine.translate.privileged import facts
from virtdocs.machine.translate.steps import Mode, Step
from virtdocs.machine.translate.views import Views


@dataclass(frozen=True, slots=True)
class Stretch:
    """Code without a gap, in one page and one mode."""

    views: Views
    everywhere: Collection[Views]  # of this CPU
    number: int  # page
    first: int  # word index
    words: list[int]


class Standing(Enum):
    """Whether a trace may run now."""

    HOLDS = "holds"
    ABSENT = "absent"  # its code is not in the TLB: the fetch will miss
    CHANGED = "changed"  # other code, or other facts: it is of no use any more


@dataclass(slots=True)
class Trace:
    """A trace that this CPU may run once ``standing`` says so."""

    head: int  # address of its first instruction
    code: Compiled
    run: TraceFunction
    stretches: tuple[Stretch, ...]
    special: tuple[Step, ...]  # steps that rely on facts
    highest: int  # last byte of code, for the code segment's limit
    length: int
    checked: int = -1  # the epoch for which it is known to hold
    fruitless: int = 0  # how often in a row it left before its first instruction
    pages: list[Page] = field(default_factory=list)  # watched for it

    def standing(self, cpu: Cpu) -> Standing:
        """Whether its code is in the TLB and unchanged, and its facts still hold."""
        pages = self.pages
        for number, stretch in enumerate(self.stretches):
            views = stretch.views
            entry = views.fetched(stretch.number)
            if entry is None or entry.page is None:
                return Standing.ABSENT
            first, words, page = stretch.first, stretch.words, entry.page
            if page[first : first + len(words)] != words:
                return Standing.CHANGED
            if number >= len(pages) or pages[number] is not page:
                self._watch(number, stretch, entry)
            views.watch.pinned.add(stretch.number)
        for step in self.special:
            if facts(cpu, step.ins, step.mode) != step.facts:
                return Standing.CHANGED
        if cpu.limits_hold and self.highest > cpu.segments[CS].limit:
            return Standing.ABSENT
        return Standing.HOLDS

    def _watch(self, number: int, stretch: Stretch, entry: TlbEntry) -> None:
        """Stores into this code leave whatever trace makes them."""
        assert entry.page is not None
        self.pages[number:] = [entry.page]
        words = set(range(stretch.first, stretch.first + len(stretch.words)))
        stretch.views.watch.add(entry, words, stretch.everywhere)


def stretches_of(steps: tuple[Step, ...], views_of: dict[Mode, Views]) -> tuple[Stretch, ...]:
    """The code of a trace, cut where it jumps, changes page or mode; each piece once."""
    places: dict[tuple[Mode, int], dict[int, tuple[int, int]]] = {}
    for step in steps:
        number = step.rip >> PAGE_SHIFT
        entry = views_of[step.mode].fetched(number)
        page: Page = entry.page if entry is not None and entry.page is not None else []
        word = step.rip >> 3 & 511
        found = places.setdefault((step.mode, number), {})
        found[word] = (page[word], page[word + 1]) if page else (0, 0)
    out = []
    for (mode, number), words in places.items():
        run: list[int] = []
        first = -1
        for word in sorted(words):
            if first >= 0 and word == first + len(run):
                run += words[word]
                continue
            if first >= 0:
                out.append(Stretch(views_of[mode], views_of.values(), number, first, run))
            first, run = word, list(words[word])
        out.append(Stretch(views_of[mode], views_of.values(), number, first, run))
    return tuple(out)
