"""What each command answers, in JSON and in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virtdocs.commands.answer import columns, number, width
from virtdocs.exhibits import EXHIBITS, build
from virtdocs.render.formats import FORMATS, export

GATES = (
    "mirror catalogue exhibits values golden numerals terms glossary citations particles markdown"
    " links coverage"
)


def canonical(text: str) -> bool:
    return text == json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_exhibit_is_the_same_bytes_as_on_the_page(virtdocs, format, lang):
    done = virtdocs("exhibit", "table_7_4", "--format", format, "--lang", lang)
    assert (done.status, done.err) == (0, "")
    assert done.out == export(build("table_7_4", {}), format, lang)


def test_an_exhibit_with_json_is_its_json_format(virtdocs):
    done = virtdocs("exhibit", "table_7_4", "--json")
    assert done.out == virtdocs("exhibit", "table_7_4", "--format", "json").out
    assert json.loads(done.out)["exhibit"] == "table_7_4"


def test_all_exhibits_are_listed_with_their_parameters(virtdocs):
    found = json.loads(virtdocs("exhibits", "--json").out)["exhibits"]
    assert [one["name"] for one in found] == sorted(EXHIBITS)
    for one in found:
        assert set(one["params"]) == {key for key, _ in EXHIBITS[one["name"]].parameters}
        assert one["description"]
    assert all(name in virtdocs("exhibits", "--lang", "ko").out for name in EXHIBITS)


@pytest.mark.parametrize("kind", ["workloads", "techniques", "params", "exits", "terms"])
def test_a_list_has_names_and_descriptions(virtdocs, kind):
    done = virtdocs("list", kind, "--json")
    found = json.loads(done.out)
    assert list(found) == [kind]
    assert all(one["name"] and one["description"] is not None for one in found[kind])
    words = virtdocs("list", kind).out.splitlines()
    assert len(words) == len(found[kind]) > 3
    assert canonical(done.out)


def test_terms_are_listed_in_the_language_asked_for(virtdocs):
    first = virtdocs("list", "terms", "--lang", "ko").out.splitlines()[1]
    assert first.startswith("완전가상화")
    assert virtdocs("list", "terms").out.splitlines()[1].startswith("full virtualization")


def test_a_finding_gives_status_1_and_its_file_and_line(virtdocs, checkout: Path):
    page = checkout / "docs" / "ko" / "index.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n글\n- 하나\n", encoding="utf-8")
    done = virtdocs("check", "markdown", "--json")
    assert done.status == 1
    assert canonical(done.out)
    assert json.loads(done.out) == {
        "findings": [
            {
                "file": "docs/ko/index.md",
                "gate": "markdown",
                "line": 4,
                "message": "a list needs a blank line before it",
            }
        ]
    }
    done = virtdocs("check", "markdown")
    assert done.out == "docs/ko/index.md:4: [markdown] a list needs a blank line before it\n"
    assert done.err == "virtdocs: findings: 1\n"


@pytest.mark.usefixtures("checkout")
def test_no_finding_gives_status_0_and_no_line(virtdocs):
    done = virtdocs("check", "markdown", "links")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert json.loads(virtdocs("check", "markdown", "--json").out) == {"findings": []}


@pytest.mark.parametrize("gate", GATES.split())
def test_every_gate_of_the_contract_can_be_named(virtdocs, checkout: Path, gate):
    (checkout / "virtdocs" / "data").mkdir(parents=True)
    (checkout / "virtdocs" / "catalogue").mkdir()
    for file in ("data/terms.toml", "data/sources.toml", "catalogue/ko.toml", "catalogue/en.toml"):
        (checkout / "virtdocs" / file).write_text("", encoding="utf-8")
    (checkout / "docs" / "coverage.toml").write_text("", encoding="utf-8")
    parts = checkout / "virtdocs" / "data" / "source"
    parts.mkdir()
    (parts / "inventory.csv").write_text("id,kind,line,text\n", encoding="utf-8")
    (parts / "corrections.csv").write_text("id,severity,where,verdict\n", encoding="utf-8")
    done = virtdocs("check", gate, "--json")
    assert done.status == (1 if gate == "mirror" else 0), done


def test_a_review_is_recorded_and_ends_the_finding(virtdocs, checkout: Path):
    assert "needs review" in virtdocs("check", "mirror").out
    done = virtdocs("review", "index.md#home", "--json")
    assert done.status == 0
    assert json.loads(done.out)["section"] == "index.md#home"
    assert "index.md#home" in (checkout / "docs" / "review.toml").read_text(encoding="utf-8")
    assert virtdocs("check", "mirror").status == 0


def test_columns_line_up_in_cells_of_a_terminal():
    text = columns([("작업", "syscall"), ("Operations", "16 ops"), ("n", "1024")])
    lines = text.splitlines()
    assert lines == ["작업        syscall", "Operations  16 ops", "n           1024"]
    assert columns([("a", "작업"), ("b", "16"), ("c", "1024")]) == "a  작업\nb    16\nc  1024\n"
    assert width("작업") == 4
    assert columns([]) == ""


def test_a_number_of_an_answer_is_exact_or_the_nearest_float():
    from fractions import Fraction

    assert number({"a": {"b": Fraction(4, 2)}, "c": Fraction(1, 3)}) == {"a": {"b": 2}, "c": 1 / 3}
    with pytest.raises(TypeError):
        number(object())
