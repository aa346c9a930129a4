"""What a guest notices, what it can reach, and what its monitor holds in memory."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from virtdocs.experiments.comparisons.model import Cell, Figure, count, percent
from virtdocs.experiments.escape import Tried, tries
from virtdocs.experiments.models.extra_cycles import LEAST_OPS, work_of
from virtdocs.experiments.priced_work import ERA, NATIVE
from virtdocs.experiments.red_pill import Answers, answers
from virtdocs.experiments.run import DEFAULT_STEPS, execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.translated_share import translated_shares
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.trace import EventKind
from virtdocs.vmm.host import GUEST, NEIGHBOUR

PAGES = 64  # asked of a balloon: one batch of every driver


@lru_cache(maxsize=32)
def read(name: str) -> Answers:
    """The probes' words under one technique."""
    return answers(name)


@lru_cache(maxsize=32)
def attempts(name: str) -> tuple[Tried, ...]:
    """How each try to get out ended."""
    return tries(name)


def noticed(name: str) -> Cell:
    """Probes that read something else than on bare hardware, in the kernel and in a program."""
    bare, here = read(NATIVE), read(name)
    asked = [(here.kernel, bare.kernel), (here.program, bare.program)]
    kernel, program = (sum(found[one] != native[one] for one in found) for found, native in asked)
    figures = {
        "kernel": Figure(kernel),
        "kernel_of": Figure(len(here.kernel)),
        "program": Figure(program),
        "program_of": Figure(len(here.program)),
    }
    return Cell("noticed", figures)


def kept_in(name: str) -> Cell:
    """Tries that got out, and the device registers that software answers for in a disk write."""
    found = attempts(name)
    events = work_of("disk_write", name, ERA).events
    registers = sum(
        Fraction(n)
        for event, n in events.items()
        if event.startswith(f"{EventKind.DEVICE_ACCESS}.")
    )
    figures = {
        "out": Figure(sum(bool(one.out) for one in found)),
        "of": Figure(len(found)),
        "registers": count(registers),
    }
    return Cell("kept_in", figures)


def translated(name: str) -> Cell:
    """Of a program's own instructions and of a system call's: translated, and changed by it."""
    program, call = (translated_shares(workload, name) for workload in ("cpu", "syscall"))
    figures = {
        "program": percent(program.translated),
        "call": percent(call.translated),
        "changed": percent(call.changed),
    }
    return Cell("translated", figures)


@lru_cache(maxsize=32)
def monitor_frames(name: str) -> int:
    """Host frames of neither guest after page faults: tables, translations, control structures."""
    workload = WORKLOADS["page_fault"]
    ops = workload.ops_step * -(-LEAST_OPS // workload.ops_step)
    preset = technique(name)
    program = build(workload.name, preset.build, ops=ops, levels=preset.levels)
    host = execute(preset, program, "intel", DEFAULT_STEPS).machine.host
    if host is None:
        raise ValueError(f"{name} has no host")
    return sum(owner not in (GUEST, NEIGHBOUR) for owner in host.memory.owners.values())


def given_back(name: str) -> Cell:
    """Pages that the guest's balloon driver gave to the host when it was asked for some."""
    counts = run("balloon", name, params={"pages": PAGES, "ops": 2 * PAGES}).counts
    kinds = counts[str(EventKind.BALLOON)]
    given = kinds.get("reclaim", 0) if not isinstance(kinds, int | Fraction) else 0
    return Cell("given_back", {"pages": Figure(given), "of": Figure(PAGES)})
