"""Classes of instructions, shares without the monitor, and what a guest notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from virtdocs.views.efficiency import shares
from virtdocs.views.instruction_classes import classes, reasons
from virtdocs.views.model import Label, Table, Value
from virtdocs.views.red_pill import noticed


@dataclass(frozen=True)
class Named:
    name: str


@dataclass(frozen=True)
class Found:
    spec: Named
    kind: str
    runs_at: tuple[int, ...] = (0, 1, 3)
    causes: tuple[str, ...] = ()
    faults: tuple[tuple[int, str], ...] = ()
    opened_by: tuple[tuple[int, str], ...] = ()
    exits: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Published:
    source: str = "RI00"
    locator: str = "§3"
    claimed: int = 1
    entries: tuple[tuple[str, str], ...] = (("SMSW", "smsw"), ("POPF", "popf"))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(here for _, here in self.entries)


@dataclass(frozen=True)
class Read:
    technique: str
    kernel: Mapping[str, int] = field(default_factory=dict)
    program: Mapping[str, int] = field(default_factory=dict)


GP = ((1, "gp"), (3, "gp"))
PLAIN = (
    Found(Named("hlt"), "privileged", (0,), faults=GP),
    Found(Named("mov_cr"), "privileged", (0,), faults=GP),
    Found(Named("in_"), "privileged", (0,), faults=GP, opened_by=((3, "iopl"),)),
    Found(Named("popf"), "critical", causes=("if", "guest mode")),
    Found(Named("smsw"), "critical", causes=("cr0",)),
    Found(Named("iret"), "critical", causes=("if",)),
    Found(Named("nop"), "innocuous"),
)
UMIP = tuple(
    Found(one.spec, "privileged" if one.spec.name == "smsw" else one.kind) for one in PLAIN
)
SETTINGS = {"plain": PLAIN, "umip": UMIP, "tsd": PLAIN}


def heads(view: object) -> list[str]:
    assert isinstance(view, Table)
    return [str(row.head.raw) for row in view.rows if isinstance(row.head, Value)]


def test_instructions_that_behave_alike_share_a_row_under_their_class() -> None:
    bundle = classes(SETTINGS, Published())
    assert heads(bundle.view) == ["hlt, mov cr", "in", "popf, iret", "smsw", "nop"]
    assert isinstance(bundle.view, Table)
    groups = [row.group.key for row in bundle.view.rows if row.group]
    assert groups == ["class.privileged"] * 2 + ["class.critical"] * 2 + ["class.innocuous"]


def test_counts_are_kept_per_set_up_and_the_list_is_held_against_its_own_claim() -> None:
    values = classes(SETTINGS, Published()).values
    assert (values["critical"].raw, values["critical_umip"].raw) == (3, 2)
    assert (values["privileged"].raw, values["privileged_umip"].raw) == (3, 4)
    assert (values["published_claimed"].raw, values["published_listed"].raw) == (1, 2)
    assert (values["published_critical"].raw, values["beyond_names"].raw) == (2, "iret")


def test_only_critical_instructions_are_listed_with_their_reasons() -> None:
    view = reasons(SETTINGS, Published()).view
    assert heads(view) == ["popf", "smsw", "iret"]
    assert isinstance(view, Table)
    first = view.rows[0].cells
    assert [one.raw for one in first if isinstance(one, Value)] == [
        "cause.if cause.guest_mode", "answer.yes", "class_short.critical",
    ]  # fmt: skip


def test_the_cell_in_which_the_monitor_steps_in_most_is_tinted_most() -> None:
    found = {
        "native": {"cpu": Fraction(1), "ipi": Fraction(1)},
        "bt": {"cpu": Fraction(1), "ipi": Fraction(9, 10)},
    }
    bundle = shares(found, {"cpu": 3, "ipi": 4}, whole_run=False)
    assert isinstance(bundle.view, Table)
    tints = [row.shades for row in bundle.view.rows]
    assert tints[0] == (0, 0)
    assert tints[1][0] == 0 < tints[1][1]
    values = bundle.values
    assert (values["monitored"].raw, values["untouched"].raw, values["lowest"].raw) == (2, 1, 90)
    assert "virtdocs run ipi --technique bt --param ops=8 --json" in bundle.commands


def test_monitors_that_never_step_in_leave_every_cell_untinted() -> None:
    view = shares({"native": {"cpu": Fraction(1)}}, {"cpu": 1}, whole_run=True).view
    assert isinstance(view, Table)
    assert view.rows[0].shades == (0,)


def test_a_probe_is_noticed_when_its_word_differs_and_blank_when_nobody_asked() -> None:
    native = Read("native", {"mov_cs": 8, "push_cs": 8, "if_after_cli": 0}, {"mov_cs": 51})
    other = Read("bt", {"mov_cs": 8, "push_cs": 9}, {"mov_cs": 51})
    bundle = noticed(native, [other])
    assert isinstance(bundle.view, Table)
    kernel, program = bundle.view.rows
    asked = [one.raw for one in kernel.cells if isinstance(one, Value)]
    assert asked[0] == "answer.yes"  # one of the two probes in this column told
    assert asked[1:] == ["absent"] * (len(asked) - 1)
    assert program.group == Label("who.program")
    assert bundle.values["bt.kernel.noticed"].raw == 1
    assert bundle.values["bt.kernel.push_cs_word"].raw == "0x9"
    assert bundle.values["hidden"].raw == 0
