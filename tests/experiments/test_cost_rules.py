"""What of data/costs/RULES.md a machine can check: on all entries, and on seeded defects."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import pytest

from virtdocs.experiments.costs import KEYS, era_costs
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.formula import records_in
from virtdocs.experiments.mixes import mixes, read
from virtdocs.experiments.published import figure, record

FIGURES = ("value", "low", "high")
# F1: what names the processors of an era.
PROCESSORS = {
    "ws-2001": ("Pentium III",),
    "xen-2003": ("Xeon 2.4",),
    "p4-2006": ("Pentium 4", "Prescott"),
    "kvm-2012": ("Nehalem", "Westmere", "Sandy Bridge", "E5-2450"),
    "kvm-2020": ("Skylake-SP",),
}
UNNAMED = ("", "not named")
TRANSITION = "agesen12.roundtrip."
SAME_MONITOR = {("kvm-2020", "kvm-2012")}
Entry = Mapping[str, Any]


def table(era: str) -> tuple[Mapping[str, Any], list[str]]:
    """An era's file, parsed, and the comments at each of its costs."""
    text = (files("virtdocs") / "data" / "costs" / f"{era}.toml").read_text(encoding="utf-8")
    blocks = [block for block in text.split("\n\n") if "[[cost]]" in block]
    comments = [
        " ".join(line for line in block.splitlines() if line.startswith("#")) for block in blocks
    ]
    return tomllib.loads(text), comments


def entries() -> list[Any]:
    found = []
    for era in ERAS:
        parsed, comments = table(era)
        for entry, comment in zip(parsed["cost"], comments, strict=True):
            name = f"{era}:{entry['axis']}.{entry['event']}.{entry['part']}"
            found.append(pytest.param(era, entry, comment, id=name))
    return found


def formulas(entry: Entry) -> list[str]:
    return [str(entry[key]) for key in FIGURES if key in entry]


def sources(formula: str) -> set[str]:
    return {one.source for one in records_in(formula)}


def taken(formula: str) -> Iterator[tuple[str, str]]:
    """The first figure of a formula with each one that is taken away from it."""
    words = formula.split()
    for sign, word in zip(words[1::2], words[2::2], strict=True):
        if sign == "-" and word[0].isalpha() and not word.startswith("cost:"):
            yield words[0], word


def own_processor(era: str, cpu: str) -> bool:
    return cpu in UNNAMED or any(name in cpu for name in PROCESSORS[era])


def natives() -> set[str]:
    """The rows that mixes take their native time from, without their last name."""
    return {name.rpartition(".")[0] for one in mixes().values() for name in one.native.values()}


def broken(era: str, entry: Entry, comment: str = "") -> set[str]:
    """The rules that an entry breaks, of those that can be checked on it alone."""
    found = set()
    words = formulas(entry)
    used = [one for formula in words for one in records_in(formula)]
    if any(not entry.get(key) for key in KEYS):
        found.add("keys")
    if "value" not in entry and ({"low", "high"} - set(entry) or entry["low"] == entry["high"]):
        found.add("E1")  # one figure is a value
    ends = [str(entry[key]) for key in ("low", "high") if key in entry]
    if "value" in entry and any(sources(end) & sources(str(entry["value"])) for end in ends):
        found.add("E3")  # of one source, they would be the figures of E2
    worked_out = any(len(formula.split()) > 1 for formula in words)
    if (entry["basis"] == "derived") != worked_out:
        found.add("E6")
    for whole, part in ((a, b) for formula in words for a, b in taken(formula)):
        one, other = figure(whole)[0], figure(part)[0]
        if other.id.startswith(TRANSITION):
            if one.cpu in UNNAMED:
                found.add("D1")
        elif (one.source, one.cpu) != (other.source, other.cpu):
            found.add("D1")
    strange = [one for one in used if not own_processor(era, one.cpu)]
    if strange and len(strange) < len(used):
        found.add("F1")
    if entry.get("holds") and "D6" not in comment:
        found.add("D6")
    rows = {one.id.rpartition(".")[0] for one in used}
    if rows & natives() and "F8" not in comment:
        found.add("F8")
    return found


def repeated(costs: Sequence[Entry], comments: Sequence[str]) -> set[str]:
    """F6: entries with the figures of one before them, and no word about it."""
    seen: set[tuple[str, ...]] = set()
    found = set()
    for entry, comment in zip(costs, comments, strict=True):
        key = (entry["axis"], entry["part"], *formulas(entry))
        if key in seen and "F6" not in comment:
            found.add(entry["event"])
        seen.add(key)
    return found


def doubled(costs: Sequence[Entry]) -> bool:
    """D3: a part of an event's price that is there twice would be paid twice."""
    names = [(entry["event"], entry["axis"], entry["part"]) for entry in costs]
    return len(names) != len(set(names))


def loan_breaks(era: str, loan: Entry) -> bool:
    """F5: in cycles, and 1.5 only from the era before with the same monitor."""
    least = 1.5 if (era, loan["scaled_from"]) in SAME_MONITOR else 2.0
    return loan["by"] != "cycles" or loan["spread"] != least


def judged_breaks(counts: Mapping[str, float]) -> bool:
    """M5: small whole numbers."""
    return any(count != int(count) or not 0 < count < 10 for count in counts.values())


@pytest.mark.parametrize(("era", "entry", "comment"), entries())
def test_an_entry_keeps_the_rules(era: str, entry: Entry, comment: str) -> None:
    assert broken(era, entry, comment) == set()


@pytest.mark.parametrize("era", ERAS)
def test_an_era_keeps_the_rules(era: str) -> None:
    parsed, comments = table(era)
    assert repeated(parsed["cost"], comments) == set()
    assert not doubled(parsed["cost"])
    assert not any(loan_breaks(era, loan) for loan in parsed.get("scaled", ()))
    for cost in era_costs(era).costs:
        assert 0 < cost.low <= cost.value <= cost.high
        assert cost.year
        assert cost.locator


@pytest.mark.parametrize("name", [name for name, one in mixes().items() if one.basis == "judged"])
def test_a_judged_mix_has_small_whole_counts(name: str) -> None:
    assert not judged_breaks(mixes()[name].counts)
    for options in mixes()[name].choices.values():
        for option in options.values():
            assert not judged_breaks(option.get("counts", {}))
            assert not judged_breaks(option.get("steps", {}))


PLAIN: Entry = {
    "event": "vm_exit.io",
    "axis": "vmx",
    "part": "handler",
    "value": "adams06.nano.in.vt - adams06.nano.in.native",
    "unit": "cycles",
    "cpu": "Pentium 4 672",
    "year": 2006,
    "source": "AA06",
    "locator": "appendix",
    "basis": "derived",
}
VMCALL = "dall16.hypercall.kvm_x86"


def test_the_entry_that_the_defects_are_seeded_in_keeps_the_rules() -> None:
    assert broken("p4-2006", PLAIN) == set()


@pytest.mark.parametrize("key", KEYS)
def test_an_entry_with_an_empty_key_is_found(key: str) -> None:
    assert "keys" in broken("p4-2006", {**PLAIN, key: ""})


@pytest.mark.parametrize(
    ("rule", "era", "change"),
    [
        ("E1", "p4-2006", {"value": None, "low": "adams06.cli"}),
        ("E1", "p4-2006", {"value": None, "low": "adams06.cli", "high": "adams06.cli"}),
        ("E3", "p4-2006", {"low": "adams06.cli"}),
        ("E3", "p4-2006", {"high": "adams06.nano.in.vt * 1.1"}),
        ("E6", "p4-2006", {"basis": "sourced"}),
        ("E6", "p4-2006", {"value": "adams06.cli"}),
        ("D1", "p4-2006", {"value": "adams06.nano.in.vt - xen.git.f64b7618"}),
        ("D1", "kvm-2012", {"value": f"{VMCALL} - kut12.vmcall"}),
        ("D1", "kvm-2012", {"value": f"kut12.vmcall - {TRANSITION}nehalem"}),
        ("D6", "p4-2006", {"holds": ["device_access"]}),
        ("F1", "p4-2006", {"value": "adams06.table1.vm_entry.core + adams06.table1.vm_entry.p4"}),
        ("F8", "xen-2003", {"value": "xen03.lmbench.proc.fork.Xen - xen03.lmbench.proc.fork.L-UP"}),
    ],
)
def test_a_broken_rule_is_found(rule: str, era: str, change: Mapping[str, Any]) -> None:
    entry = {key: one for key, one in {**PLAIN, **change}.items() if one is not None}
    assert rule in broken(era, entry)


def test_a_broken_era_is_found() -> None:
    same = {**PLAIN, "event": "vm_exit.mmio"}
    assert repeated([PLAIN, same], ["", ""]) == {"vm_exit.mmio"}
    assert repeated([PLAIN, same], ["", "# F6: the same path"]) == set()
    assert doubled([PLAIN, PLAIN])
    assert not doubled([PLAIN, same])


@pytest.mark.parametrize(
    ("change", "breaks"),
    [({}, False), ({"by": "time"}, True), ({"spread": 1.5}, True), ({"spread": 3.0}, True)],
)
def test_a_broken_loan_is_found(change: Mapping[str, Any], breaks: bool) -> None:
    loan = {"scaled_from": "p4-2006", "by": "cycles", "spread": 2.0, **change}
    assert loan_breaks("kvm-2012", loan) is breaks


@pytest.mark.parametrize("count", ["0.5", 10, 0])
def test_a_judged_count_that_is_not_small_and_whole_is_found(count: str | int) -> None:
    entry = {"model": "steps", "basis": "judged", "limits": [], "counts": {"syscall": count}}
    assert judged_breaks(read({"x": entry})["x"].counts)


def test_every_figure_that_a_cost_uses_says_where_it_is_from() -> None:
    for era in ERAS:
        for name in (one for cost in era_costs(era).costs for one in cost.records):
            one = record(name)
            assert one.source, name
            assert one.locator, name
            assert one.year, name
            assert one.unit, name
