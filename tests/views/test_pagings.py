"""Kinds of paging side by side: entries into the monitor, and references per TLB miss."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from virtdocs.views.model import Panels, Table, Value
from virtdocs.views.pagings import costs, order
from virtdocs.views.tabular import table_of


@dataclass(frozen=True)
class Run:
    counts_per_op: dict[str, Any]
    counts: dict[str, Any] = field(default_factory=dict)
    instructions: int = 1
    state_hash: str = ""
    result_hash: str = ""
    outcome: str = "halted"


RUNS = {
    "churn": {
        "native": Run({"tlb_miss": 1, "walk_refs": 4}),
        "hw_shadow": Run({"vm_exit": {"page_fault": 8}, "tlb_miss": 2, "walk_refs": 8}),
        "hw_nested": Run({"tlb_miss": 1, "walk_refs": 24}),
        "xen_pv64": Run({"hypercall": {"mmu_update": Fraction(1, 2)}}),
    },
    "miss": {
        "native": Run({"tlb_miss": 1, "walk_refs": 4}),
        "hw_shadow": Run({"tlb_miss": 1, "walk_refs": 4}),
        "hw_nested": Run({"tlb_miss": 2, "walk_refs": 48}),
        "xen_pv64": Run({"tlb_miss": 1, "walk_refs": 4}),
    },
}
OPS = {"churn": 8, "miss": 16}
MMUS = {"native": "native", "hw_shadow": "shadow", "hw_nested": "nested", "xen_pv64": "direct"}


def test_references_are_divided_by_misses_and_blank_without_any() -> None:
    values = costs(RUNS, OPS, MMUS).values
    assert values["hw_nested.churn.refs_per_miss"].raw == 24
    assert values["hw_shadow.churn.entries"].raw == 8
    assert values["xen_pv64.churn.refs_per_miss"].raw == "absent"


def test_rows_stand_under_their_workload() -> None:
    view = costs(RUNS, OPS, MMUS).view
    assert isinstance(view, Table)
    workloads = [dict(row.group.args)["workload"].raw for row in view.rows if row.group]
    assert workloads == ["churn"] * 4 + ["miss"] * 4


def test_the_two_panels_show_who_is_last_in_one_and_first_in_the_other() -> None:
    bundle = order(RUNS, OPS, "churn", "miss")
    values = bundle.values
    assert values["most_entries"].raw == "technique.hw_shadow"
    assert values["least_entries"].raw == "technique.hw_nested"
    assert values["most_refs"].raw == "technique.hw_nested"
    # a tie names everybody
    assert values["least_refs"].raw == "technique.hw_shadow technique.xen_pv64"
    assert isinstance(bundle.view, Panels)
    heads = [[bar.technique for bar in chart.bars] for chart in bundle.view.charts]
    assert heads[0] == heads[1] == list(MMUS)


def test_the_data_of_panels_holds_every_bar_under_its_axis() -> None:
    rows = table_of(order(RUNS, OPS, "churn", "miss").view).rows
    keys = [row.group.key for row in rows if row.group]
    assert keys == ["axis.entries_per_op"] * 4 + ["axis.refs_per_miss"] * 4
    assert [c.raw for row in rows for c in row.cells if isinstance(c, Value)][:2] == [0, 8]
