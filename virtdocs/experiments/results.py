"""What came of a run: the keys of interface.md, without cost and without words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from virtdocs.trace import Event, EventKind

Number = int | Fraction
Counts = Mapping[str, "Number | Mapping[str, Number]"]
Tally = Counter[tuple[EventKind, str]]

# Kinds that are one number, and kinds that have keys; all of them are always present.
TOTALS: Final = (
    EventKind.CALLOUT, EventKind.INLINE, EventKind.TRANSLATE, EventKind.USER_EXIT,
    EventKind.WALK_REFS, EventKind.TLB_MISS, EventKind.SHADOW_FILL, EventKind.NESTED_FILL,
    EventKind.KICK, EventKind.IRQ, EventKind.DEVICE_IRQ, EventKind.EVENT_CHANNEL,
)  # fmt: skip
KEYED: Final = (
    EventKind.VM_EXIT, EventKind.TRAP, EventKind.HYPERCALL, EventKind.EXCEPTION,
    EventKind.DEVICE_ACCESS, EventKind.APIC, EventKind.BALLOON, EventKind.UNCLAIMED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """What one op did, or a whole program that has no ops: the counts that costs are put on.

    ``events`` by ``kind.key`` (``vm_exit.io``, ``callout.iret``), or ``kind`` where there is
    no key; instructions are retired ones. Both may be fractions of an op.
    """

    instructions: Number
    events: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class ResultSet:
    """One run. ``counts_per_op`` is (c(2N) - c(N)) / N; empty for a program without N."""

    workload: str
    technique: str
    axes: Mapping[str, str]
    params: Mapping[str, int | str]
    ops: int | None
    instructions: int
    virtual_time: int
    counts: Counts
    counts_per_op: Counts
    monitor_free_share: Fraction
    translated_share: Fraction
    state_hash: str
    result_hash: str
    outcome: str
    outcome_detail: str
    console: str
    events: tuple[Event, ...] = ()
    device: str | None = None  # the one that the workload used
    work: Work = Work(0, MappingProxyType({}))


def counts_of(tally: Tally) -> Counts:
    """The nested dictionary of interface.md from a trace's tally."""
    out: dict[str, Number | Mapping[str, Number]] = {
        str(kind): sum(n for (k, _), n in tally.items() if k is kind) for kind in TOTALS
    }
    for kind in KEYED:
        out[str(kind)] = {key: n for (k, key), n in sorted(tally.items()) if k is kind and n}
    return out


def per_op(tally: Tally, double: Tally, ops: int) -> Counts:
    """(c(2N) - c(N)) / N for every count; whole numbers stay whole."""
    keys = set(tally) | set(double)
    out: dict[str, Number | Mapping[str, Number]] = {}
    for kind in TOTALS:
        change = sum(double[key] - tally[key] for key in keys if key[0] is kind)
        out[str(kind)] = whole(Fraction(change, ops))
    for kind in KEYED:
        named = {key[1]: double[key] - tally[key] for key in sorted(keys) if key[0] is kind}
        out[str(kind)] = {name: whole(Fraction(n, ops)) for name, n in named.items() if n}
    return out


def work_per_op(tally: Tally, double: Tally, instructions: int, ops: int) -> Work:
    """The work of one op, from the counts of N and 2N ops; ``instructions``: the N more."""
    events = {
        f"{kind}.{key}" if key else str(kind): whole(Fraction(double[kind, key] - n, ops))
        for (kind, key), n in sorted(Counter({**dict.fromkeys(double, 0), **tally}).items())
        if double[kind, key] != n
    }
    return Work(whole(Fraction(instructions, ops)), MappingProxyType(events))


def whole(value: Fraction) -> Number:
    """An int when the fraction is one."""
    return value.numerator if value.denominator == 1 else value
