"""Which technique is fastest at given rates of four events, and with what probability.

A second of native work holds so many system calls, page-table writes, TLB misses and I/O
requests; a technique adds to each what its run counts beyond a native one, times costs.
Whose sum is least is fastest. Costs are drawn as everywhere: a cost is one draw for all.

A TLB miss has no price of its own: under nested paging a walk takes as many times as long as
Bhargava et al. (2008, table 1) print, and a native walk takes the time that a perfect TLB
would save there, over the misses, if an instruction took ``CYCLES_PER_INSTRUCTION``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log, sqrt
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.eras import era as era_of
from virtdocs.experiments.models.extra_cycles import work_of
from virtdocs.experiments.models.walks import PROGRAMS
from virtdocs.experiments.published import records
from virtdocs.experiments.results import Work
from virtdocs.experiments.techniques import in_era, technique
from virtdocs.experiments.uncertainty import DRAWS, Z95, Samples, combine, normal
from virtdocs.experiments.workings import Counted, less

# The workload whose op is the event of an axis.
AXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "syscalls": "syscall",
        "page_table_writes": "pte_churn",
        "tlb_misses": "tlb_miss",
        "requests": "disk_read",
    }
)
# One for each mechanism, each with the devices of its preset. Left out: passthrough, which gives
# the device to one guest, and trap-and-emulate, of which no era has a published cost.
CANDIDATES: Final[tuple[str, ...]] = ("bt", "hw_shadow", "kvm_virtio", "xen_pv32", "xen_pv64")
# Events that enter a monitor: a technique that lacks a cost of one can't be compared.
ENTRIES: Final = ("trap", "vm_exit", "user_exit", "hypercall", "callout")
GUESTS: Final = ("any", "unmodified")
LEAST_TECHNIQUES: Final = 2  # a map of one is none
WALKS: Final = "walk_refs"
CYCLES_PER_INSTRUCTION: Final = 1.0  # judged: of the simulated processors no figure is printed
PER_INSTRUCTIONS: Final = 100_000  # misses are printed per so many
RATES: Final = tuple(10**n for n in range(2, 7))  # events in a second of native work
TOSS: Final = 0.75  # a winner that is less likely than this is as good as drawn by lot


@dataclass(frozen=True, slots=True)
class Extra:
    """Cycles beyond native's for one event, draw by draw; entries into a monitor that have no
    cost; counts beyond native's."""

    cycles: Samples
    missing: tuple[str, ...]
    counts: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class Extras:
    """Cycles that a technique adds to one event of each axis, draw by draw."""

    technique: str
    cycles: Mapping[str, Samples]


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the map: who wins, how likely, and who is next."""

    rates: Mapping[str, int]
    chances: Mapping[str, float]  # by technique; they sum to one

    @property
    def winner(self) -> str:
        """The most likely to be fastest; the first of several."""
        return max(self.chances, key=lambda name: self.chances[name])

    @property
    def probability(self) -> float:
        """Of the winner."""
        return self.chances[self.winner]


@dataclass(frozen=True, slots=True)
class Compared:
    """What an era lets the map compare: axes, techniques, and why others are left out."""

    axes: tuple[str, ...]
    found: tuple[Extras, ...]
    left: Mapping[str, str]
    counts: Mapping[tuple[str, str], tuple[Counted, ...]]  # by technique and axis


@lru_cache(maxsize=8)
def compared(era: str, guests: str = "any") -> Compared:
    """The axes that two techniques of the era have costs for, and the techniques with all of them.

    A guest as wide as the era's own: 32 bits where tables have two levels, 64 above; of
    `GUESTS`, any or those that nobody ported.
    """
    names = [
        name
        for name in CANDIDATES
        if name in in_era(era)
        and technique(name, era_name=era).levels == era_of(era).levels
        and (guests == "any" or technique(name, era_name=era).cpu != "hypercall")
    ]
    priced = {(name, axis): _on_axis(name, axis, era) for name in names for axis in AXES}
    axes = tuple(
        axis
        for axis in AXES
        if sum(not priced[name, axis].missing for name in names) >= LEAST_TECHNIQUES
    )
    found, left = [], dict[str, str]()
    for name in names:
        missing = dict.fromkeys(one for axis in axes for one in priced[name, axis].missing)
        if missing:
            left[name] = ", ".join(missing)
        else:
            cycles = {axis: priced[name, axis].cycles for axis in axes}
            found.append(Extras(name, MappingProxyType(cycles)))
    counts = {
        (one.technique, axis): priced[one.technique, axis].counts for one in found for axis in axes
    }
    return Compared(axes, tuple(found), MappingProxyType(left), MappingProxyType(counts))


def _on_axis(name: str, axis: str, era: str) -> Extra:
    found = extra(name, AXES[axis], era)
    if axis != "tlb_misses" or technique(name, era_name=era).mmu != "nested":
        return found
    walks = combine(lambda a, b: a + b, found.cycles, nested_walk())
    return replace(found, cycles=walks)


def extra(name: str, workload: str, era: str) -> Extra:
    """What a technique adds to one op of a workload, walks of page tables aside."""
    model = cost_model(era)
    preset, native = (technique(one, era_name=era) for one in (name, "native"))
    there, here = (_without_walks(work_of(workload, one, era)) for one in (name, "native"))
    priced = model.price(there, preset, instructions=False)
    plain = model.price(here, native, instructions=False)
    missing = tuple(one for one in priced.unpriced if one.partition(".")[0] in ENTRIES)
    cycles = combine(lambda a, b: a - b, priced.total, plain.total)
    return Extra(cycles, missing, less(priced.lines, plain.lines))


def place(era: str, rates: Mapping[str, int], guests: str = "any") -> Place:
    """Who is fastest at these rates, in events for each second of native work.

    BadValue for an axis that the era can't compare.
    """
    for axis in rates:
        if axis not in compared(era, guests).axes:
            raise BadValue("--era", f"{era} has no published cost to compare {axis} with")
    found = compared(era, guests).found
    sums = [_sum(one, rates) for one in found]
    wins = [0.0] * len(found)
    for row in zip(*sums, strict=True):
        least = min(row)
        best = [n for n, total in enumerate(row) if total == least]
        for n in best:
            wins[n] += 1 / len(best)
    chances = {one.technique: n / DRAWS for one, n in zip(found, wins, strict=True)}
    return Place(dict(rates), MappingProxyType(chances))


def grid(
    era: str, across: str, up: str, rest: int, guests: str = "any"
) -> Iterator[tuple[Place, ...]]:
    """Rows of places, ``up`` rising; the other axes stay at ``rest``."""
    others = dict.fromkeys(compared(era, guests).axes, rest)
    for high in RATES:
        yield tuple(place(era, {**others, across: wide, up: high}, guests) for wide in RATES)


def _sum(one: Extras, rates: Mapping[str, int]) -> Samples:
    columns = [one.cycles[axis] for axis in rates]
    weights = list(rates.values())
    return [
        sum(w * x for w, x in zip(weights, row, strict=True)) for row in zip(*columns, strict=True)
    ]


def _without_walks(work: Work) -> Work:
    kept = {name: n for name, n in work.events.items() if name.partition(".")[0] != WALKS}
    return Work(work.instructions, MappingProxyType(kept))


def native_walk() -> tuple[float, float]:
    """Least and greatest cycles of a native walk that the published programs give."""
    known = records()
    found = [
        known[f"bhargava08.perfect.{one}"].number(0)
        / 100
        * PER_INSTRUCTIONS
        * CYCLES_PER_INSTRUCTION
        / known[f"bhargava08.tlbmiss.{one}"].number()
        for one in PROGRAMS
    ]
    return min(found), max(found)


def walk_factor() -> tuple[float, float]:
    """How many times as long a nested walk takes: least and greatest published."""
    found = [records()[f"bhargava08.walk.{one}"].number() for one in PROGRAMS]
    return min(found), max(found)


def nested_walk() -> Samples:
    """Cycles that a miss costs beyond a native one under nested paging."""
    return combine(
        lambda cycles, times: cycles * (times - 1),
        _between("walk:native", *native_walk()),
        _between("walk:nested", *walk_factor()),
    )


def _between(name: str, low: float, high: float) -> Sequence[float]:
    middle, side = sqrt(low * high), log(high / low) / 2 / Z95
    return tuple(middle * exp(side * z) for z in normal(name))
