"""The source document's cells beside what the engine predicts and what others published.

A cell names a family of techniques (its column) and a kind of work (its row), and says how
fast that is, or by a word where it stands among the columns. Verdicts follow from rules:

- ``confirmed``: a published figure of such work lies in the claimed range, or a published
  pair of techniques has the claimed order;
- ``contradicted``: one was published, and it does not;
- ``unsupported``: the engine predicts it, nobody published it;
- ``no_cost``: nobody published it, and costs are missing for a prediction.

A cell has no conditions, so one published figure outside of it contradicts the cell. It is
read kindly: give or take ``NOISE``, within which published figures tell nothing apart. A
prediction never confirms and never contradicts: it stands beside, and only where the era has
a cost of everything that enters a monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue, VirtdocsError
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.predict import predict
from virtdocs.experiments.source_document import (
    COLUMNS,
    AskedWork,
    ComparedRow,
    table_6_2_2,
    table_7_4,
)
from virtdocs.experiments.targets import ABSOLUTE, RULES, Target, targets
from virtdocs.experiments.techniques import Technique, in_era, technique
from virtdocs.experiments.uncertainty import Samples, Spread, p_less, spread
from virtdocs.experiments.validate import NOISE

Range = tuple[float, float]
VERDICTS: Final = ("contradicted", "confirmed", "unsupported", "no_cost")  # the first that occurs
PARAVIRTUAL_IO: Final = ("virtio", "vmware_pv", "xen_ring", "xen_internal", "vmbus")
# Asked of the engine also where nobody published: one for each mechanism that a column may mean.
ASKED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "cpu": ("bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64"),
        "io": ("bt", "kvm_emulated", "xen_pv32", "kvm_virtio"),
    }
)
# Events that enter a monitor: without a cost of one of these a sum would be far too small.
ENTRIES: Final = ("trap", "vm_exit", "user_exit", "hypercall", "callout")
# Table 7.4 names its columns VT-x and VirtIO: the same processor, other devices. Its machine
# is of 2016, between the two eras.
COLUMNS_7_4: Final = (("full", "full", "kvm_emulated"), ("virtio", "para", "kvm_virtio"))
ERAS_7_4: Final = ("kvm-2012", "kvm-2020")


@dataclass(frozen=True, slots=True)
class Line:
    """One work under one technique of one era, held against a claimed range of ratios.

    ``ratio`` are the predicted draws, time over native's; ``missing`` says why there are none.
    """

    mix: str
    params: Mapping[str, str | int]
    technique: str
    era: str
    ratio: Samples | None
    missing: str
    published: Range | None
    target: str
    sources: tuple[str, ...]
    claimed: Range | None = None
    over: tuple[str | None, str | int | None] = (None, None)  # what the figure is over

    @property
    def predicted(self) -> Spread | None:
        """Median and 5-95 %."""
        return None if self.ratio is None else spread(self.ratio)

    @property
    def inside(self) -> str:
        """Where the predicted 5-95 % lie: ``inside`` the claim, ``partly``, ``outside``, or ""."""
        found = self.predicted
        if found is None or self.claimed is None:
            return ""
        low, high = kindly(self.claimed)
        if low <= found.p5 and found.p95 <= high:
            return "inside"
        return "partly" if _meet((found.p5, found.p95), (low, high)) else "outside"

    @property
    def verdict(self) -> str:
        """By the rules of this module."""
        if self.published is not None and self.claimed is not None:
            met = _meet(self.published, kindly(self.claimed))
            return "confirmed" if met else "contradicted"
        return "unsupported" if self.ratio is not None else "no_cost"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two techniques on the same work of the same era: the column said to be slower first."""

    slower: Line
    faster: Line

    @property
    def p_claimed(self) -> float | None:
        """The share of draws with the claimed order, a tie counting half."""
        if self.slower.ratio is None or self.faster.ratio is None:
            return None
        return p_less(self.faster.ratio, self.slower.ratio)

    @property
    def published(self) -> bool:
        """Whether one source measured both."""
        return self.slower.published is not None and self.faster.published is not None

    @property
    def verdict(self) -> str:
        """A claimed difference needs a published one, the claimed way round."""
        if self.published:
            assert self.slower.published is not None
            assert self.faster.published is not None
            slow, fast = self.slower.published[0], self.faster.published[1]
            return "confirmed" if slow > fast * (1 + NOISE) else "contradicted"
        return "unsupported" if self.p_claimed is not None else "no_cost"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says, and all that is held against it: lines, or pairs for a word."""

    row: str
    column: str
    id: str
    line: int
    text: str
    claimed: Range | None
    lines: tuple[Line, ...]
    pairs: tuple[Pair, ...] = ()
    unit: str = ""  # of a text that is one number

    @property
    def held(self) -> tuple[Line | Pair, ...]:
        """What gives the verdict."""
        return self.lines if self.claimed is not None else self.pairs

    @property
    def verdict(self) -> str:
        """The first of `VERDICTS` among its lines; ``no_cost`` without any."""
        found = {one.verdict for one in self.held}
        return next((one for one in VERDICTS if one in found), "no_cost")

    def count(self, verdict: str) -> int:
        """How many lines or pairs have it."""
        return sum(one.verdict == verdict for one in self.held)


@lru_cache(maxsize=1)
def cells_6_2_2() -> tuple[Cell, ...]:
    """Every cell of table 6.2.2, by rows."""
    return tuple(cell for row in table_6_2_2() for cell in _row(row))


@lru_cache(maxsize=1)
def cells_7_4() -> tuple[Cell, ...]:
    """The cells of table 7.4 with a technique; its native column is what they are over."""
    found = []
    for row in table_7_4().rows:
        for column, field, name in COLUMNS_7_4:
            value = getattr(row, field)
            claimed = (row.native / value,) * 2
            chosen = [(name, era) for era in ERAS_7_4]
            lines = tuple(
                one
                for work in row.works
                for one in _lines(work, claimed, chosen, "io", _named(name))
            )
            found.append(
                Cell(row.key, column, row.id, row.line, str(value), claimed, lines, unit=row.unit)
            )
    return tuple(found)


def belongs(preset: Technique, column: str, axis: str) -> bool:
    """Whether a column of table 6.2.2 may mean the technique, on the axis that its row is about."""
    if axis == "io" and column == "para":
        return preset.io in PARAVIRTUAL_IO
    if axis == "io" and preset.io != "emulated":
        return False
    cpu = {"bt": "binary_translation", "hw": "vmx", "para": "hypercall"}[column]
    return preset.cpu == cpu


def _row(row: ComparedRow) -> Iterator[Cell]:
    lines: dict[str, tuple[Line, ...]] = {}
    for column in COLUMNS:
        ratio = row.ratio(column)
        claimed = (float(ratio[0]), float(ratio[1])) if ratio else None
        chosen = [
            (name, era)
            for era in ERAS
            for name in ASKED[row.axis]
            if name in in_era(era) and belongs(technique(name, era_name=era), column, row.axis)
        ]
        lines[column] = tuple(
            one
            for work in row.works
            for one in _lines(work, claimed, chosen, row.axis, _of(column, row.axis))
        )
    for column in COLUMNS:
        ratio = row.ratio(column)
        claimed = (float(ratio[0]), float(ratio[1])) if ratio else None
        pairs = tuple(_pairs(row.slowest_first, lines, column)) if claimed is None else ()
        text = row.cells[column]
        yield Cell(row.key, column, row.id, row.line, text, claimed, lines[column], pairs)


def _lines(
    work: AskedWork,
    claimed: Range | None,
    chosen: Iterable[tuple[str, str]],
    axis: str,
    fits: Callable[[Technique], bool],
) -> Iterator[Line]:
    """The published targets of the work first, then what only the engine can say."""
    published = [
        t
        for t in targets()
        if t.workload == work.mix
        and t.rival is None
        and t.measure not in (*ABSOLUTE, *RULES)
        and all(t.params.get(key, value) == value for key, value in work.params.items())
        and fits(technique(t.technique, era_name=t.era))
    ]
    for t in published:
        yield _line(t.workload, t.params, t.technique, t.era, claimed, t)
    seen = {_kind(t.technique, t.era, axis) for t in published}
    for name, era in chosen:
        if _kind(name, era, axis) not in seen:
            yield _line(work.mix, work.params, name, era, claimed, None)


def _named(name: str) -> Callable[[Technique], bool]:
    return lambda preset: preset.name == name


def _of(column: str, axis: str) -> Callable[[Technique], bool]:
    return lambda preset: belongs(preset, column, axis)


def _kind(name: str, era: str, axis: str) -> tuple[str, str, str]:
    """What makes a technique another one, as far as a row is concerned."""
    preset = technique(name, era_name=era)
    return era, preset.cpu, preset.io if axis == "io" else preset.mmu


def _line(
    mix: str,
    params: Mapping[str, str | int],
    name: str,
    era: str,
    claimed: Range | None,
    target: Target | None,
) -> Line:
    ratio, missing, sources = None, "", tuple[str, ...]()
    try:
        found = predict(mix, name, era, params)
        ratio, sources = found.ratio, found.sources
        unpriced = [one for one in found.unpriced if one.partition(".")[0] in ENTRIES]
        if unpriced and target is None:
            raise BadValue("--era", f"{era} has no published cost of {', '.join(unpriced)}")
    except VirtdocsError as error:
        ratio, missing = None, str(error)
    published = None
    if target is not None:
        published = target.published()
        if published is not None and target.bound == "at_least":
            published = (published[0], float("inf"))
        sources = tuple(dict.fromkeys((target.figure.source, *sources)))
    return Line(
        mix, params, name, era, ratio, missing, published,
        target.id if target else "", sources, claimed,
        (target.over, target.over_part) if target else (None, None),
    )  # fmt: skip


def _pairs(
    order: Sequence[str], lines: Mapping[str, tuple[Line, ...]], column: str
) -> Iterator[Pair]:
    """Each pair of columns with this one in it; lines of the same work, parameters and era."""
    for place, slow in enumerate(order):
        for fast in order[place + 1 :]:
            if column not in (slow, fast):
                continue
            for a, b in product(lines[slow], lines[fast]):
                same = (a.mix, dict(a.params), a.era) == (b.mix, dict(b.params), b.era)
                # Two figures make a pair when one source has both over the same native one.
                both = bool(a.target and b.target)
                if same and (not both or (a.sources[0], a.over) == (b.sources[0], b.over)):
                    yield Pair(a, b)


def kindly(claimed: Range) -> Range:
    """A claimed range with what published figures can't tell apart on both sides."""
    return claimed[0] / (1 + NOISE), claimed[1] * (1 + NOISE)


def _meet(one: Range, other: Range) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
