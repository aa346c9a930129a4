"""Forms that look right in the source and wrong on the page are found, with their line."""

from __future__ import annotations

import pytest

from virtdocs.checks.markdown import check, check_page
from virtdocs.checks.pages import Page

TRAPS = {
    "a list needs a blank line": ("글\n- 하나", 1),
    "a numbered list needs a blank line": ("글\n1. 하나", 1),
    "a table needs a blank line": ("글\n| a | b |\n|---|---|\n| c | d |", 1),
    "a fence needs a blank line": ("글\n```text\nx\n```", 1),
    "fence is never closed": ("```text\nx", 0),
    "a tab": ("글\t글", 0),
    "a tab in code": ("```make\na:\n\tb\n```", 2),
    "an HTML comment": ("글 <!-- 나중에 -->", 0),
    "a note to the author": ("글 TODO 글", 0),
    "a nested list": ("- 하나\n  - 둘", 1),
    "** does not close between ')'": ("**완전가상화(전가상화)**는", 0),
    "** does not close between '`'": ("**`cli`**는", 0),
    "** does not close between '\"'": ('**"글"**은', 0),
    "** does not open between": ("글**(글)** 글", 0),
    "** does not close after a space": ("**글 **글", 0),
    "** does not open before a space": ("** 글** 글", 0),
    "* does not close between '%'": ("*글%*는", 0),
    "** is opened and not closed": ("**글 글", 0),
    "underscores": ("_글_은", 0),
    "heading without an explicit": ("## 글", 0),
    "heading id 'Rings'": ("## 글 {#Rings}", 0),
    "a heading needs a space": ("##글 {#a}", 0),
    "a line under a text": ("글\n---", 1),
    "one heading of the first level": ("# 둘 {#two}", -2),
}

FREE = [
    "글\n\n- 하나\n- 둘\n    - 셋\n\n1. 하나\n2. 둘",
    "- 하나\n  이어진 글\n- 둘",
    "- 하나\n\n    ```text\n    x\n    ```\n\n- 둘",
    "**완전가상화(전가상화)** 는 **글**은 *글*은 **글**, **글**(글)",
    "**{{ a.b }}{은/는}** 글, **{{ a.b }}**배",
    "a ** b, 2 * 3, `**`, `a*b*c`",
    "```text\n- a\n** b\n<!-- -->\n```",
    "`<!-- -->` 글",
    "글\n\n| **a** | b |\n|---|---|\n| *c* | d |",
    "글\n\n---\n\n글",
    '!!! note "글"\n    - 하나\n    - 둘',
    '=== "글"\n\n    글',
    "글\n\n> 글\n>\n> - 하나",
    "<div markdown>\n\n## 글 {#a}\n\n</div>",
    "*전가상화*{.alias}는 글",
    "***글*** 글",
    "글\n{: #fc02 .vd-verdict }",
]


@pytest.mark.parametrize("message", TRAPS)
def test_a_trap_is_found_at_its_line(site, message):
    body, offset = TRAPS[message]
    line = site.page(body) + offset
    found = check(site.root)
    expected = message.replace("numbered ", "").replace(" in code", "")
    assert [(f.file, f.line) for f in found if expected in f.message] == [
        ("docs/ko/index.md", line)
    ], found


@pytest.mark.parametrize("body", FREE)
def test_a_sound_form_passes(site, body):
    site.page(body)
    assert check(site.root) == []


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_readmes_are_read_too_and_need_no_heading_ids(site, name):
    site.write(name, "# A\n\n## B\n\n**가(나)**는\n")
    assert [(f.file, f.line) for f in check(site.root)] == [(name, 5)]


@pytest.mark.parametrize(
    "text", ["", "\n", "글\u2028글\x0c\n\n글", "```", "---\n", "---\ntitle: x\n---"]
)
def test_odd_pages_have_as_many_lines_of_prose_as_lines(text):
    page = Page("x.md", "x.md", "ko", text)
    assert len(page.prose) == len(page.lines) == len(page.unfenced)
    assert list(check_page(page)) == [] or text == "```"


def test_a_clean_site_has_no_finding(site):
    assert check(site.root) == []
