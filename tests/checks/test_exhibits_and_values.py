"""Fences and value tags that name nothing are found, cheaply and by running."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtdocs import exhibits as registry
from virtdocs.checks import exhibits, values
from virtdocs.checks.tags import find_tags
from virtdocs.exhibits import Exhibit


def fence(body: str, info: str = "exhibit", indent: str = "") -> str:
    return "\n".join(indent + line for line in [f"```{info}", *body.splitlines(), "```"])


UNKNOWN = {
    fence("name: table_7_5"): (0, "Did you mean table_7_4?"),
    fence("name: table_7_4\ncolour: red"): (0, "unknown parameter 'colour'"),
    fence("name: [a"): (1, "bad YAML"),
    fence("name: a\n  b: c: d"): (2, "bad YAML"),
    fence("table_7_4"): (0, "`name: EXHIBIT`"),
    fence("name: table_7_4", "exhibits"): (0, "Did you mean exhibit?"),
    fence("name: table_7_4", "exhibit name=x"): (0, "stand in the body"),
    fence("x", "pyhton"): (0, "Did you mean python?"),
    fence("x", ""): (0, "needs an info word"),
    "- 글\n\n" + fence("name: table_7_5", indent="    "): (2, "Did you mean table_7_4?"),
    "!!! note\n\n" + fence("name: table_7_5", indent="    "): (2, "Did you mean table_7_4?"),
    '=== "글"\n\n' + fence("name: table_7_5", indent="    "): (2, "Did you mean table_7_4?"),
    "> " + fence("name: table_7_5").replace("\n", "\n> "): (0, "Did you mean table_7_4?"),
    "{{ table_7_5.median }}": (0, "Did you mean table_7_4?"),
    "{{ table_7_4(a=b).median }}": (0, "unknown parameter 'a'"),
    "{{ table_7_4 }}": (0, "is not EXHIBIT.KEY"),
    "{{ table_7_4.median }}{는/은}": (0, "has the pair"),
    "{{ table_7_4(a).median }}": (0, "not key=value"),
    "{{ table_7_4.median }": (0, "not a value tag"),
    "글 }} 글": (0, "not a value tag"),
    "{% include %}": (0, "not a value tag"),
    "`{{ table_7_4.median }}`": (0, "stands in code"),
    fence("{{ table_7_4.median }}", "text"): (0, "in a code block"),
}
WRONG_VALUE = {
    "{{ table_7_4.medain }}": "median",
    "{{ table_7_4.median|nonsense }}": "nonsense",
}


@pytest.mark.parametrize("body", UNKNOWN)
def test_an_unknown_fence_exhibit_parameter_or_tag_is_found_with_its_line(site, body):
    offset, message = UNKNOWN[body]
    line = site.page(body) + offset
    found = exhibits.check(site.root)
    assert [(f.file, f.line) for f in found] == [("docs/ko/index.md", line)], found
    assert message in found[0].message


@pytest.mark.parametrize("text", WRONG_VALUE)
def test_a_value_or_format_that_does_not_exist_is_found_with_its_line(site, text):
    line = site.page(f"글\n\n{text}") + 2
    assert exhibits.check(site.root) == []
    [finding] = values.check(site.root)
    assert (finding.file, finding.line) == ("docs/ko/index.md", line)
    assert WRONG_VALUE[text] in finding.message


def test_two_mistakes_on_one_page_are_both_found(site):
    site.page(f"{fence('name: table_7_5')}\n\n{{{{ table_7_4.x y }}}}")
    assert len(exhibits.check(site.root)) == 2


def test_an_exhibit_that_raises_is_found_where_it_is_placed_and_where_it_is_read(site, monkeypatch):
    def broken() -> None:
        raise ZeroDivisionError("by zero")

    table = {**registry.EXHIBITS, "table_7_4": Exhibit("table_7_4", broken)}
    monkeypatch.setattr(registry, "EXHIBITS", table)
    found = [f for f in values.check(site.root) if f.file == "docs/ko/table.md"]
    text = site.read("docs/ko/table.md").splitlines()
    places = [n for n, line in enumerate(text, 1) if "{{" in line or line == "```exhibit"]
    assert [f.line for f in sorted(found)] == places
    assert all("ZeroDivisionError: by zero" in f.message for f in found)


def test_an_exhibit_that_cites_an_unknown_source_is_found_where_it_is_placed(site, monkeypatch):
    bundle = replace(registry.build("table_7_4", {}).bundle, sources=("SRC", "NOBODY"))
    table = {"table_7_4": Exhibit("table_7_4", lambda: bundle)}
    monkeypatch.setattr(registry, "EXHIBITS", table)
    found = [f for f in values.check(site.root) if f.file == "docs/ko/table.md"]
    line = site.read("docs/ko/table.md").splitlines().index("```exhibit") + 1
    assert [(f.line, f.message) for f in found] == [
        (line, "exhibit table_7_4 cites 'NOBODY', which is no source")
    ]


def test_what_the_cheap_gate_reports_the_full_one_does_not_repeat(site):
    site.page("{{ table_7_5.median }}\n\n{{ broken }}")
    assert len(exhibits.check(site.root)) == 2
    assert values.check(site.root) == []


def test_a_markdown_sample_may_show_a_tag(site):
    site.page("````markdown\n{{ a.b }}\n\n```exhibit\nname: x\n```\n````")
    assert exhibits.check(site.root) == []


def test_a_clean_site_has_no_finding(site):
    assert exhibits.check(site.root) == values.check(site.root) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{a.b}}", ("a", (), "b", "", "")),
        (
            "{{ a(k=v, n=3).b.c | words }}{이/가}",
            ("a", (("k", "v"), ("n", "3")), "b.c", "words", "이/가"),
        ),
    ],
)
def test_a_tag_is_read_in_full(text, expected):
    [tag] = find_tags(text)
    assert (tag.name, tag.params, tag.key, tag.fmt, tag.particle) == expected
    assert not tag.problem


def test_tags_know_their_lines():
    assert [tag.line for tag in find_tags("{{a.b}}\n\n{{a.c}} {{a.d}}")] == [1, 3, 3]
