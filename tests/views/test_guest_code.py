"""Translated routines, ports and hypercalls as tables and listings."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from virtdocs.errors import BadValue
from virtdocs.views.hypercalls import hypercalls
from virtdocs.views.model import Listing, Mark, Table, Value
from virtdocs.views.port import excerpt, port
from virtdocs.views.tabular import table_of
from virtdocs.views.translated import translation


@dataclass(frozen=True)
class Changed:
    file: str
    removed: int
    added: int
    kept: int
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class One:
    text: str
    role: str
    slots: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Stub:
    technique: str
    vendor: str
    enters: str
    kernel_cpl: int = 0
    calls: int = 1
    exits: int = 0


DIFF = (
    "--- a", "+++ a", "@@ -1 +1 @@", " same", "-cli", "+mov x", "@@ -9 +9 @@", "-sti", "+a", "+b",
)  # fmt: skip


def test_a_port_is_summed_over_files_and_files_of_other_ports_are_left_out() -> None:
    files = [
        Changed("kernel/a.s", 1, 3, 9),
        Changed("kernel/b.s", 4, 0, 6),
        Changed("c.s", 0, 0, 0),
    ]
    bundle = port("pv32", files)
    assert isinstance(bundle.view, Table)
    assert len(bundle.view.rows) == 3
    last = [cell.raw for cell in bundle.view.rows[-1].cells if isinstance(cell, Value)]
    assert last == [15, 5, 3, 25]
    assert bundle.values["native_lines"].raw == 20
    assert bundle.values["port_lines"].raw == 18
    assert bundle.values["a.added"].raw == 3


def test_a_file_that_only_the_port_has_lost_nothing() -> None:
    view = port("pv32", [Changed("new.s", 0, 5, 0), Changed("a.s", 1, 1, 1)]).view
    assert isinstance(view, Table)
    share = view.rows[0].cells[-1]
    assert isinstance(share, Value)
    assert share.raw == "absent"


@pytest.mark.parametrize(
    ("hunk", "marks", "removed", "added"),
    [
        ("1", [Mark.PLACE, Mark.SAME, Mark.REMOVED, Mark.ADDED], 1, 1),
        ("2", [Mark.PLACE, Mark.REMOVED, Mark.ADDED, Mark.ADDED], 1, 2),
        ("all", None, 2, 3),
    ],
)
def test_an_excerpt_shows_one_place_of_the_diff_or_all(
    hunk: str, marks: list[Mark] | None, removed: int, added: int
) -> None:
    bundle = excerpt("pv32", Changed("a.s", 2, 3, 1, DIFF), hunk)
    assert isinstance(bundle.view, Listing)
    if marks is not None:
        assert [mark for mark, _ in bundle.view.lines] == marks
    assert (bundle.values["removed"].raw, bundle.values["added"].raw) == (removed, added)
    assert bundle.values["places"].raw == 2


def test_a_place_that_the_diff_does_not_have_is_a_mistake() -> None:
    with pytest.raises(BadValue, match="2 changed places, not 3"):
        excerpt("pv32", Changed("a.s", 2, 3, 1, DIFF), "3")


def test_the_data_of_a_listing_tells_signs_in_words() -> None:
    rows = table_of(excerpt("pv32", Changed("a.s", 2, 3, 1, DIFF), "2").view).rows
    words = [cell.raw for row in rows for cell in row.cells if isinstance(cell, Value)][::2]
    assert words == ["mark.place", "mark.removed", "mark.added", "mark.added"]


def test_a_translation_counts_roles_and_growth() -> None:
    found = [One("nop", "same", ((1, "nop"),)), One("hlt", "callout", ((2, "int 1"), (3, "x")))]
    bundle = translation("idle", found)
    assert bundle.values["growth"].raw == 1.5
    assert (bundle.values["same"].raw, bundle.values["callout"].raw) == (1, 1)
    assert isinstance(bundle.view, Table)
    code = bundle.view.rows[1].cells[1]
    assert isinstance(code, Value)
    assert code.raw == "2: int 1\n3: x"


def test_hypercalls_are_one_row_a_technique_with_both_vendors() -> None:
    stubs = [
        Stub("xen_pvh", "intel", "vmcall", exits=1), Stub("xen_pvh", "amd", "vmmcall", exits=1),
        Stub("xen_pv64", "intel", "syscall", 3), Stub("xen_pv64", "amd", "syscall", 3),
    ]  # fmt: skip
    bundle = hypercalls(stubs)
    assert isinstance(bundle.view, Table)
    cells = [[c.raw for c in row.cells if isinstance(c, Value)] for row in bundle.view.rows]
    assert cells == [
        [0, "vmcall", "vmmcall", "entry.exit"],
        [3, "syscall", "syscall", "entry.gate"],
    ]
    assert bundle.values["names"].raw == "vmcall, vmmcall, syscall"
