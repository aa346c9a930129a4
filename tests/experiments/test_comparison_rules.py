"""Each rule of a comparison reads its cells: other cells, another verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from virtdocs.errors import BadValue
from virtdocs.experiments.comparisons import (
    full_strengths,
    full_weaknesses,
    para_strengths,
    para_weaknesses,
    types,
)
from virtdocs.experiments.comparisons.columns import COLUMNS, FULL, MIXED, PARA
from virtdocs.experiments.comparisons.model import Cell, Cells, Figure, Verdict
from virtdocs.experiments.source_comparisons import known

HOLDS, PARTLY, NOT, OUTDATED = Verdict.HOLDS, Verdict.PARTLY, Verdict.NOT, Verdict.OUTDATED
Figures = Mapping[str, int | tuple[str, ...]]
YES, NO = ("answer.yes",), ("answer.no",)


def made_up(usual: Figures, others: Mapping[str, Figures], names: tuple[str, ...]) -> Cells:
    """The same figures for every technique, and what is different in some."""
    return {
        name: Cell("made_up", {k: Figure(v) for k, v in {**usual, **others.get(name, {})}.items()})
        for name in names
    }


def everywhere(names: tuple[str, ...], **figures: int | tuple[str, ...]) -> dict[str, Figures]:
    return dict.fromkeys(names, figures)


ALL_IMAGES: Figures = {"runs": 3, "of": 3, "other": YES}
NO_LINES: Figures = {"removed": 0, "added": 0}
WORD: Figures = {"word": ("said.upkeep_in_tree",)}
ENTRIES: Figures = {"entries": 4, "own": 10, "same": 10, "out": 0, "parties": 2}
EVERY_INSTRUCTION: Figures = {"program": 100, "call": 100, "changed": 100}
SLOW: Figures = {"cpu_low": 2, "syscall_low": 2, "page_fault_low": 2}
FAST = {"syscall": 100, "page_fault": 100, "disk_write": 100}
FIRST = {**FAST, "syscall_then": 100, "page_fault_then": 100}
SHUT: Figures = {"out": 0, "of": 7, "registers": 26}

CASES: list[tuple[Callable[[Cells], Verdict], Figures, Mapping[str, Figures], Verdict]] = [
    (full_strengths.compatibility, ALL_IMAGES, {}, HOLDS),
    (full_strengths.compatibility, {**ALL_IMAGES, "other": NO}, {}, PARTLY),
    (full_strengths.compatibility, {**ALL_IMAGES, "other": NO, "runs": 2}, {}, NOT),
    (full_strengths.generality, ALL_IMAGES, everywhere(PARA, runs=1), HOLDS),
    (full_strengths.generality, ALL_IMAGES, {"bt": {"runs": 2}}, PARTLY),
    (full_strengths.upkeep, NO_LINES, everywhere(PARA, added=300), HOLDS),
    (full_strengths.upkeep, NO_LINES, {"bt": {"added": 1}}, PARTLY),
    (full_strengths.upkeep, {"removed": 1, "added": 0}, {}, NOT),
    (full_strengths.transparency, {"kernel": 0, "program": 0}, {}, HOLDS),
    (full_strengths.transparency, {"kernel": 0, "program": 1}, {}, NOT),
    (full_strengths.transparency, {"kernel": 0, "program": 0}, {"bt": {"program": 1}}, PARTLY),
    (full_strengths.isolation, SHUT, everywhere((MIXED, *PARA), registers=0, out=1), HOLDS),
    (full_strengths.isolation, SHUT, everywhere((MIXED, *PARA), registers=0), PARTLY),
    (full_strengths.isolation, {**SHUT, "out": 1}, {}, NOT),
    (full_weaknesses.overhead, SLOW, {}, HOLDS),
    (full_weaknesses.overhead, SLOW, {"bt": {"cpu_low": 1}}, PARTLY),
    (full_weaknesses.overhead, dict.fromkeys(SLOW, 1), {}, NOT),
    (full_weaknesses.every_instruction, EVERY_INSTRUCTION, {}, HOLDS),
    (full_weaknesses.every_instruction, {**EVERY_INSTRUCTION, "changed": 9}, {}, PARTLY),
    (full_weaknesses.every_instruction, dict.fromkeys(EVERY_INSTRUCTION, 99), {}, NOT),
    (full_weaknesses.latency, {"longer": 10, "of": 10}, {}, HOLDS),
    (full_weaknesses.latency, {"longer": 9, "of": 10}, {}, PARTLY),
    (full_weaknesses.latency, {"longer": 0, "of": 10}, {}, NOT),
    (full_weaknesses.consumption, {"page_fault_low": 5, "timer_tick_low": 5}, {}, HOLDS),
    (full_weaknesses.consumption, {"page_fault_low": 0, "timer_tick_low": 5}, {}, PARTLY),
    (full_weaknesses.improved, FIRST, {}, HOLDS),
    (full_weaknesses.improved, FIRST, {"hw_shadow": {"page_fault_then": 0}}, PARTLY),
    (full_weaknesses.improved, dict.fromkeys(FIRST, 94), {}, NOT),
    (para_strengths.performance, FAST, {}, HOLDS),
    (para_strengths.performance, FAST, {"hw_nested": {"page_fault": 0}}, OUTDATED),
    (para_strengths.performance, FAST, everywhere(FULL, syscall=94), NOT),
    (
        para_strengths.performance,
        FAST,
        everywhere(("bt", "hw_shadow"), syscall=0),
        PARTLY,
    ),
    (
        para_strengths.latency,
        {"syscall": 9, "disk_write": 9},
        everywhere(PARA, syscall=1, disk_write=1),
        HOLDS,
    ),
    (
        para_strengths.latency,
        {"syscall": 0, "disk_write": 9},
        everywhere(PARA, syscall=0, disk_write=1),
        PARTLY,
    ),
    (para_strengths.latency, {"syscall": 0, "disk_write": 0}, {}, NOT),
    (para_strengths.efficiency, {"frames": 9, "cpu": 9}, everywhere(PARA, frames=1, cpu=1), HOLDS),
    (para_strengths.efficiency, {"frames": 9, "cpu": 1}, everywhere(PARA, frames=1, cpu=2), PARTLY),
    (para_strengths.efficiency, {"frames": 9, "cpu": 9}, {}, NOT),
    (para_strengths.cooperation, {"pages": 64, "of": 64}, {}, HOLDS),
    (para_strengths.cooperation, {"pages": 64, "of": 64}, {"xen_pv64": {"pages": 0}}, PARTLY),
    (para_strengths.cooperation, {"pages": 0, "of": 64}, {}, NOT),
    (para_weaknesses.modified, {"removed": 1, "added": 1}, {}, HOLDS),
    (para_weaknesses.modified, NO_LINES, everywhere(PARA, added=9), PARTLY),
    (para_weaknesses.modified, NO_LINES, {}, NOT),
    (para_weaknesses.limited, {"runs": 2, "of": 3}, {}, HOLDS),
    (para_weaknesses.limited, {"runs": 3, "of": 3}, everywhere(PARA, runs=1), PARTLY),
    (para_weaknesses.limited, {"runs": 3, "of": 3}, {}, NOT),
    (para_weaknesses.rework, WORD, {}, OUTDATED),
    (para_weaknesses.rework, WORD, everywhere(PARA[:1], word=("said.upkeep_removed",)), OUTDATED),
    (para_weaknesses.rework, WORD, {MIXED: {"word": ("said.upkeep_own",)}}, PARTLY),
    (para_weaknesses.rework, {"word": ("said.upkeep_own",)}, {}, HOLDS),
    (para_weaknesses.complexity, {"calls": 0}, everywhere((MIXED, *PARA), calls=7), HOLDS),
    (para_weaknesses.complexity, {"calls": 0}, everywhere(PARA, calls=7), PARTLY),
    (para_weaknesses.complexity, {"calls": 7}, {}, NOT),
    (para_weaknesses.combined, {"runs": 3, "of": 3, "faster": 95}, {}, HOLDS),
    (para_weaknesses.combined, {"runs": 3, "of": 3, "faster": 94}, {}, PARTLY),
    (para_weaknesses.combined, {"runs": 2, "of": 3, "faster": 94}, {}, NOT),
    (
        types.placed,
        {"parties": ("party.hypervisor",)},
        {"workstation": {"parties": ("party.hypervisor", "party.host_kernel")}},
        HOLDS,
    ),
    (types.placed, {"parties": ("party.hypervisor", "party.dom0")}, {}, PARTLY),
    (
        types.placed,
        {"parties": ("party.hypervisor", "party.dom0")},
        {"workstation": {"parties": ("party.hypervisor",)}},
        NOT,
    ),
    (types.performance, ENTRIES, {"workstation": {"entries": 5, "own": 11, "same": 11}}, HOLDS),
    (types.performance, ENTRIES, {"workstation": {"own": 11}}, PARTLY),
    (types.performance, ENTRIES, {"kvm_virtio": {"own": 99}}, NOT),
    (types.secure, ENTRIES, {"workstation": {"out": 1, "parties": 3}}, HOLDS),
    (types.secure, ENTRIES, {"workstation": {"parties": 3}}, PARTLY),
    (
        types.used,
        {"word": ("said.use_server",)},
        {"workstation": {"word": ("said.use_desktop",)}},
        HOLDS,
    ),
    (types.used, {"word": ("said.use_server",)}, {}, PARTLY),
    (types.used, {"word": ("said.use_both",)}, {}, NOT),
    (types.installed, {"word": ("said.install_part",)}, {}, NOT),
    (types.scales, ENTRIES, {"workstation": {"entries": 5}}, HOLDS),
    (types.scales, ENTRIES, {}, NOT),
    (
        types.priced,
        {"word": ("said.cost_paid",)},
        {"workstation": {"word": ("said.cost_free",)}},
        HOLDS,
    ),
    (
        types.priced,
        {"word": ("said.cost_paid",)},
        {"xen_pvhvm": {"word": ("said.cost_free",)}},
        OUTDATED,
    ),
    (types.priced, {"word": ("said.cost_paid",)}, {}, NOT),
]


@pytest.mark.parametrize(
    ("rule", "usual", "others", "verdict"),
    CASES,
    ids=[f"{rule.__module__.rpartition('.')[2]}-{rule.__name__}-{v}" for rule, _, _, v in CASES],
)
def test_a_rule_reads_its_cells(
    rule: Callable[[Cells], Verdict],
    usual: Figures,
    others: Mapping[str, Figures],
    verdict: Verdict,
) -> None:
    names = types.COLUMNS if rule.__module__ == types.__name__ else COLUMNS
    assert rule(made_up(usual, others, names)) is verdict


def test_every_rule_is_tried_with_two_verdicts_or_more() -> None:
    tried: dict[str, set[Verdict]] = {}
    for rule, _, _, verdict in CASES:
        tried.setdefault(f"{rule.__module__}.{rule.__name__}", set()).add(verdict)
    modules = (types, full_strengths, full_weaknesses, para_strengths, para_weaknesses)
    rules = {f"{q.rule.__module__}.{q.rule.__name__}" for m in modules for q in m.QUESTIONS}
    assert set(tried) == rules
    alone = {rule for rule, verdicts in tried.items() if len(verdicts) < 2}
    assert alone == {f"{types.__name__}.installed"}  # the same helper as `used`


def test_nobody_can_compare_words_or_count_them() -> None:
    cell = Cell("made_up", {"word": Figure(("said.use_server",)), "number": Figure(3)})
    with pytest.raises(TypeError, match="word of made_up is no number"):
        cell.number("word")
    with pytest.raises(TypeError, match="number of made_up is not words"):
        cell.words("number")


def test_nothing_is_known_where_nothing_is_written() -> None:
    with pytest.raises(BadValue, match="nothing is known of esxi in type_comparison r1"):
        known("type_comparison", "r1", "esxi")
