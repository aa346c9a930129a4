"""What a technique costs: ratios to native, orders, entries into the monitor, its share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from virtdocs.experiments.comparisons.guests import monitor_frames
from virtdocs.experiments.comparisons.model import (
    DERIVED,
    Cell,
    Figure,
    count,
    near,
    percent,
    probability,
)
from virtdocs.experiments.models.extra_cycles import work_of
from virtdocs.experiments.priced_work import ERA, NATIVE, monitor_share, p_faster, priced, ratio
from virtdocs.experiments.single_step import INSTRUCTIONS, one_instruction
from virtdocs.trace import Event, EventKind, ExitReason

# A priced hypercall under VMX or SVM is a VM exit already.
ENTRIES = (EventKind.TRAP, EventKind.VM_EXIT, EventKind.HYPERCALL, EventKind.CALLOUT)

COMPUTING: Final = ("cpu", "syscall", "page_fault")  # work of CPU and memory only
MONITORED: Final = ("page_fault", "timer_tick")


def sources(workloads: Iterable[str], *names: str, era: str = ERA) -> tuple[str, ...]:
    """Citation keys of the costs behind some work under some techniques."""
    used = {key for one in workloads for name in names for key in priced(one, name, era).sources}
    return tuple(sorted(used))


def priced_in(
    workloads: Iterable[str], *names: str, era: str = ERA
) -> tuple[tuple[str, str, str], ...]:
    """Workload, technique and era of each."""
    return tuple((one, name, era) for one in workloads for name in names)


def unpriced(workloads: Iterable[str], *names: str, era: str = ERA) -> tuple[str, ...]:
    """Kinds of events in that work for which no cost was published."""
    left = {
        event for one in workloads for name in names for event in priced(one, name, era).unpriced
    }
    return tuple(sorted({event.partition(".")[0] for event in left}))


def from_costs(
    form: str, figures: Mapping[str, Figure], workloads: Iterable[str], *names: str
) -> Cell:
    """A cell of figures made of the costs of some work under some techniques."""
    work = tuple(workloads)
    asked = priced_in(work, *names)
    return Cell(form, figures, DERIVED, (), sources(work, *names), unpriced(work, *names), asked)


def slower(name: str) -> Cell:
    """Time over native's for a program that computes, a system call, a page fault."""
    figures = {}
    for workload in COMPUTING:
        found = ratio(workload, name)
        figures[workload] = Figure(near(found.median), "times", 1)
        figures[f"{workload}_low"] = Figure(near(found.p5), "", 1)
        figures[f"{workload}_high"] = Figure(near(found.p95), "", 1)
    return from_costs("slower", figures, COMPUTING, name, NATIVE)


@lru_cache(maxsize=16)
def paths(name: str) -> tuple[tuple[Event, ...], ...]:
    """The events of every privileged operation under a technique."""
    return tuple(one_instruction(name, one).events for one in INSTRUCTIONS)


def stepped(name: str) -> Cell:
    """Of a kernel's privileged operations: how many take more steps than on bare hardware."""
    here, bare = paths(name), paths(NATIVE)
    longer = sum(len(there) > len(then) for there, then in zip(here, bare, strict=True))
    entering = sum(any(event.kind in ENTRIES for event in events) for events in here)
    steps = Fraction(sum(map(len, here)), len(here))
    figures = {
        "longer": Figure(longer),
        "of": Figure(len(here)),
        "entering": Figure(entering),
        "steps": count(steps),
    }
    return Cell("stepped", figures)


def monitored(name: str) -> Cell:
    """The monitor's part of the cycles of a page fault and of a timer tick."""
    figures = {}
    for workload in MONITORED:
        found = monitor_share(workload, name)
        figures[workload] = percent(found.median)
        figures[f"{workload}_low"] = Figure(near(found.p5 * 100), "percent")
    return from_costs("monitored", figures, MONITORED, name)


def order(one: str, other: str, workloads: tuple[str, ...], era: str = ERA) -> dict[str, Figure]:
    """Per workload: in which share of the draws of all costs ``one`` takes less time."""
    return {workload: probability(p_faster(workload, one, other, era)) for workload in workloads}


def entered(name: str) -> Cell:
    """Entries into the monitor in one system call, and in one disk write on its own device."""
    figures = {workload: count(entries(workload, name)) for workload in ("syscall", "disk_write")}
    return Cell("entered", figures)


def entries(workload: str, name: str) -> Fraction:
    """Traps, VM exits, hypercalls and callouts of one operation, each counted once."""
    events = work_of(workload, name, ERA).events
    found = sum(
        (Fraction(n) for event, n in events.items() if event.partition(".")[0] in ENTRIES),
        Fraction(0),
    )
    return found - Fraction(events.get(f"{EventKind.VM_EXIT}.{ExitReason.HYPERCALL}", 0))


def used(name: str) -> Cell:
    """Host memory that the monitor holds for the guest, and time over native's of a page fault."""
    found = ratio("page_fault", name)
    figures = {
        "frames": Figure(monitor_frames(name)),
        "cpu": Figure(near(found.median), "times", 1),
    }
    return from_costs("used", figures, ("page_fault",), name, NATIVE)


def interfaces(name: str) -> Cell:
    """Hypercalls that the guest's kernel makes, and reasons for which its monitor is entered."""
    events = {
        event
        for workload in ("syscall", "page_fault", "timer_tick", "disk_write")
        for event in work_of(workload, name, ERA).events
    }
    calls = {event for event in events if event.startswith(f"{EventKind.HYPERCALL}.")}
    kinds = (EventKind.TRAP, EventKind.VM_EXIT, EventKind.CALLOUT)
    reasons = {event for event in events if event.partition(".")[0] in kinds}
    return Cell("interfaces", {"calls": Figure(len(calls)), "reasons": Figure(len(reasons))})
