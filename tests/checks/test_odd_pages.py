"""No text of a page makes a gate fail itself, and no finding lies outside the page."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from virtdocs.checks.gates import GATES

STATIC = sorted(set(GATES) - {"catalogue", "values", "golden"})
PIECES = [
    *("# 글 {#a}", "## 글", "```exhibit", "```", "````text", "name: table_7_4", "{{ a.b }}{은/는}"),
    *("{{", "}}", "**", "*", "`", "``", "- ", "1. ", "    ", "\n", "\n\n", "> ", "| a | b |"),
    *("|---|---|", "!!! quote", '=== "글"', "<q data-source=", "<span data-cite='", "</span>"),
    *(
        "완전가상화는",
        "전가상화",
        "97%",
        "두 배",
        "[a](b.md#c)",
        "![",
        "[^1]: ",
        "---",
        "<!--",
        "\t",
    ),
    *("{: #x }", "\u2028", "\r", "$", "\\"),
]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=25).map("".join))
def test_every_gate_reads_every_page(site, text):
    site.write("docs/ko/index.md", text.replace("\ud800", ""))
    lines = max(1, text.replace("\r", "\n").count("\n") + 1)
    for gate in STATIC:
        for finding in GATES[gate](site.root):
            assert finding.gate == gate
            if finding.file == "docs/ko/index.md":
                assert 1 <= finding.line <= lines, finding


@pytest.mark.parametrize("gate", sorted(GATES))
def test_every_gate_passes_on_the_clean_site(site, gate):
    assert GATES[gate](site.root) == []


@pytest.mark.parametrize(
    ("gate", "file", "old", "new"),
    [
        ("mirror", "docs/en/index.md", "The first text.", "The first text. And one more."),
        ("catalogue", "virtdocs/catalogue/en.toml", 'bt = "binary translation"\n', ""),
        ("exhibits", "docs/ko/table.md", "name: table_7_4", "name: table_74"),
        ("values", "docs/ko/table.md", ".arithmetic_mean", ".aritmetic_mean"),
        ("golden", "tests/golden/table.txt", ").arithmetic_mean = ", ").arithmetic_mean = 9"),
        ("numerals", "docs/ko/index.md", "처음 글", "3번째 글"),
        ("terms", "docs/ko/table.md", "완전가상화(전가상화)는", "전가상화는"),
        ("glossary", "docs/en/reference/glossary.md", "{#second_level}", "{#third_level}"),
        ("citations", "docs/ko/table.md", 'data-cite="SRC"', 'data-cite="SCR"'),
        ("particles", "docs/ko/table.md", "{으로/로}", "로"),
        ("markdown", "docs/ko/table.md", "```\n\n- ", "```\n- "),
        ("links", "docs/ko/index.md", "#gains", "#gain"),
        ("coverage", "docs/coverage.toml", ', "DEF2"', ""),
    ],
)
def test_every_gate_fails_on_its_defect_in_the_clean_site(site, gate, file, old, new):
    site.replace(file, old, new)
    assert GATES[gate](site.root) != []


def test_every_gate_has_a_defect_above():
    cases = test_every_gate_fails_on_its_defect_in_the_clean_site.pytestmark[0].args[1]
    assert {case[0] for case in cases} == set(GATES)
