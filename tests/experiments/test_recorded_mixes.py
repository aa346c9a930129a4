"""Measured counts of mixes are those of their recording, less what the ops hold themselves (M4)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import pytest

from virtdocs.experiments.mixes import mixes
from virtdocs.experiments.models.extra_cycles import work_of

RECORDED = tuple(name for name, one in mixes().items() if one.basis == "measured")
# What one op of the machine holds itself; the system calls are those that translation bounces,
# the switches those of a paravirtual kernel's stack.
OWN = {
    "fork": {"page_fault": 4, "syscall": 3, "context_switch": 2},
    "context_switch": {"page_fault": 0, "syscall": 1, "context_switch": 1},
}
WHERE = {
    "page_fault": ("native", "exception.pf"),
    "syscall": ("bt", "trap.syscall_bounce"),
    "context_switch": ("xen_pv32", "hypercall.stack_switch"),
}


def recording(mix: str) -> Mapping[str, object]:
    path = files("virtdocs") / "data" / "measured" / f"{mix}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("mix", RECORDED)
def test_a_measured_mix_has_the_counts_of_its_recording(mix: str) -> None:
    counts = recording(mix)["counts"]
    assert isinstance(counts, Mapping)
    forks = counts["fork"]
    switches = max(0, counts["context_switch"] - OWN["fork"]["context_switch"] * forks)
    expected = {
        "fork": forks,
        "page_fault": max(0, counts["page_fault"] - OWN["fork"]["page_fault"] * forks),
        "syscall": max(0, counts["syscall"] - OWN["fork"]["syscall"] * forks - switches),
        "context_switch": switches,
    }
    found = {name: mixes()[mix].counts.get(name, 0) for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("mix", RECORDED)
def test_a_recording_says_when_and_where(mix: str) -> None:
    assert {"date", "kernel", "compiler", "make", "libc", "cpus"} < set(recording(mix))


@pytest.mark.parametrize("op", OWN)
def test_what_an_op_holds_is_what_the_machine_counts(op: str) -> None:
    for name, (technique, event) in WHERE.items():
        work = work_of(op, technique, "p4-2006")
        assert work.events.get(event, 0) == OWN[op][name], name
