"""One form for one thing: aliases are mentioned, not used."""

from __future__ import annotations

from pathlib import Path

import pytest

import virtdocs
from virtdocs.checks.terms import check
from virtdocs.errors import VirtdocsError

USED = [
    "전가상화는 글",
    "완전가상화와 전가상화",
    "(전가상화)",
    "**전가상화**",
    "| 전가상화 |",
    "full-virtualization",
]
MENTIONED = [
    "완전가상화(전가상화)는 글",
    "**완전가상화**(전가상화, full-virtualization)",
    "완전가상화 (전가상화)",
    "*전가상화*{.alias}",
    "`전가상화`",
    '!!! quote "원문"\n    전가상화',
    '<q data-source="M1">전가상화</q>',
    "이전가상화",
]


@pytest.mark.parametrize("text", USED)
def test_an_alias_in_use_is_found_with_its_line_and_main_form(site, text):
    line = site.page(f"글\n\n{text}") + 2
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("docs/ko/index.md", line)
    assert "완전가상화" in finding.message or "full virtualization" in finding.message


@pytest.mark.parametrize("text", MENTIONED)
def test_an_alias_that_is_mentioned_passes(site, text):
    site.page(text)
    assert check(site.root) == []


def test_an_alias_in_a_label_is_found_too(site):
    line = site.replace("virtdocs/catalogue/ko.toml", "{unit} 이득", "{unit} 전가상화")
    assert [(f.file, f.line) for f in check(site.root)] == [("virtdocs/catalogue/ko.toml", line)]


def test_a_form_that_one_term_accepts_and_another_flags_is_found_in_the_list(site):
    file = "virtdocs/data/terms.toml"
    site.write(file, site.read(file) + '\n[other]\nko = "전가상화"\nen = "other"\n')
    found = [f for f in check(site.root) if f.file == file]
    assert [f.line for f in found] == [1]


def test_the_terms_of_this_project_do_not_contradict_each_other(site):
    real = Path(virtdocs.__file__).parent / "data" / "terms.toml"
    site.write("virtdocs/data/terms.toml", real.read_text(encoding="utf-8"))
    assert check(site.root) == []


def test_a_missing_list_is_bad_input(site):
    (site.root / "virtdocs/data/terms.toml").unlink()
    with pytest.raises(VirtdocsError, match=r"terms\.toml"):
        check(site.root)
