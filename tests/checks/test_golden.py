"""A published number moves only with its record and a line in the changelog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.checks.conftest import Site
from virtdocs import exhibits
from virtdocs.checks.gates import run_gates
from virtdocs.checks.golden import check
from virtdocs.checks.recorded import changelog_lines, update, write
from virtdocs.checks.values import Memo
from virtdocs.exhibits import Built

FILE = "tests/golden/table.txt"
MEAN = "table_7_4().arithmetic_mean"
CHANGELOG = """\
# Changelog

- `table_7_4` stands here, outside of the section

### Numbers that changed

A number changes only with a line.

- `walk_grid`: 4 → 5.

### Others

- `table_7_4`: not here either
"""


@pytest.fixture
def recorded(site: Site) -> Site:
    """The clean checkout with its numbers recorded."""
    site.write("CHANGELOG.md", CHANGELOG)
    write(site.root, update(site.root, Memo()))
    return site


def number(site: Site, name: str) -> str:
    [found] = re.findall(rf"(?m)^{re.escape(name)} = (.*)$", site.read(FILE))
    return found


def move(site: Site, name: str, raw: str) -> str:
    """Record another number than the engine gives; the one it gives."""
    found = number(site, name)
    site.replace(FILE, f"{name} = {found}\n", f"{name} = {raw}\n")
    return found


def line_of(site: Site, text: str) -> int:
    return site.read("docs/ko/table.md").split(text)[0].count("\n") + 1


def test_a_record_holds_each_value_of_a_sentence_and_each_cell_once(recorded: Site) -> None:
    lines = recorded.read(FILE).splitlines()
    built = exhibits.build("table_7_4", {})
    cells = [line for line in lines if line.startswith("table_7_4() | ")]
    assert len(cells) == sum(len(row.cells) for row in built.bundle.view.rows)
    assert [line.partition(" = ")[0] for line in lines if ")." in line] == [MEAN]
    assert lines[1:] == sorted(lines[1:])
    assert not (recorded.root / "tests/golden/index.txt").exists()


def test_what_is_recorded_is_no_finding(recorded: Site) -> None:
    assert check(recorded.root) == []
    assert update(recorded.root, Memo()).texts == {}


def test_an_unrecorded_move_is_found_with_page_line_and_both_numbers(recorded: Site) -> None:
    now = move(recorded, MEAN, "9.5")
    [found] = check(recorded.root)
    assert (found.file, found.line) == ("docs/ko/table.md", line_of(recorded, "{{ table_7_4"))
    assert found.message.startswith(f"{MEAN}: 9.5 → {now}; record it: ")
    assert "virtdocs update" in found.message
    assert "CHANGELOG.md" in found.message


def test_a_moved_cell_is_found_at_its_fence(recorded: Site) -> None:
    name = next(x for x in recorded.read(FILE).splitlines() if " | " in x).partition(" = ")[0]
    move(recorded, name, "9.5")
    [found] = check(recorded.root)
    assert (found.file, found.line) == ("docs/ko/table.md", line_of(recorded, "```exhibit"))
    assert found.message.startswith(f"{name}: 9.5 → ")


def test_an_engine_that_counts_otherwise_is_found(
    recorded: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number moves in the engine, not in the record."""
    memo = Memo()
    built = memo.build("table_7_4", {})
    assert isinstance(built, Built)
    value = built.bundle.values["arithmetic_mean"]
    monkeypatch.setitem(
        built.bundle.values, "arithmetic_mean", type(value)(value.raw + 1, value.basis)
    )
    messages = [found.message for found in check(recorded.root, memo)]
    assert [message.partition(":")[0] for message in messages] == [MEAN]


def test_what_is_new_or_gone_is_found_once_for_each_exhibit(recorded: Site) -> None:
    recorded.replace(
        "docs/ko/table.md", "{{ table_7_4.arithmetic_mean }}", "{{ table_7_4.median }}"
    )
    recorded.replace(
        "docs/en/table.md", "{{ table_7_4.arithmetic_mean }}", "{{ table_7_4.median }}"
    )
    new, gone = check(recorded.root)
    assert (new.file, new.line) == ("docs/ko/table.md", line_of(recorded, "{{ table_7_4"))
    assert "not recorded yet: 1" in new.message
    assert gone.file == FILE
    assert recorded.read(FILE).splitlines()[gone.line - 1].startswith(MEAN)


def test_a_move_without_a_new_line_of_the_changelog_is_not_recorded(recorded: Site) -> None:
    now = move(recorded, MEAN, "9.5")
    done = update(recorded.root, Memo())
    assert done.unnamed == ["table_7_4"]
    assert f"-{MEAN} = 9.5\n+{MEAN} = {now}\n" in done.diff
    recorded.replace(
        "CHANGELOG.md", "4 → 5.\n", f"4 → 5.\n- `table_7_4`, the mean:\n  9.5 → {now}.\n"
    )
    done = update(recorded.root, Memo())
    assert (done.unnamed, done.moved) == ([], [(MEAN, "9.5", now)])
    write(recorded.root, done)
    assert check(recorded.root) == []


def test_a_line_serves_one_move_only(recorded: Site) -> None:
    recorded.replace("CHANGELOG.md", "4 → 5.\n", "4 → 5.\n- `table_7_4`: once.\n")
    write(recorded.root, update(recorded.root, Memo()))
    move(recorded, MEAN, "9.5")
    assert update(recorded.root, Memo()).unnamed == ["table_7_4"]


def test_the_section_ends_at_the_next_heading_and_entries_may_be_long(tmp_path: Path) -> None:
    text = CHANGELOG.replace("4 → 5.", "4 → 5,\n  since the walk is longer.")
    (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
    assert list(changelog_lines(tmp_path)) == ["- `walk_grid`: 4 → 5, since the walk is longer."]


def test_a_page_that_is_gone_takes_its_file_along(recorded: Site) -> None:
    for lang in ("ko", "en"):
        (recorded.root / "docs" / lang / "table.md").unlink()
    assert [found.file for found in check(recorded.root)] == [FILE]
    write(recorded.root, update(recorded.root, Memo()))
    assert not (recorded.root / FILE).exists()


def test_values_and_golden_compute_each_exhibit_once(
    recorded: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTDOCS_CACHE", "off")
    made: list[str] = []
    build = exhibits.build

    def noted(name: str, *rest: Any) -> Built:
        made.append(name)
        return build(name, *rest)

    monkeypatch.setattr(exhibits, "build", noted)
    assert run_gates(recorded.root, ["values", "golden"]) == []
    assert made == ["table_7_4"]
