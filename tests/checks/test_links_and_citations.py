"""Links lead somewhere, and what is cited has been read."""

from __future__ import annotations

import pytest

from virtdocs.checks import citations, links

DEAD = {
    "[a](tabel.md)": "Did you mean table.md?",
    "[a](table.md#gain)": "Did you mean gains?",
    "[a](#nowhere)": "no id 'nowhere'",
    "[a](../en/table.md)": "leaves the pages of its language",
    "[a](/table.md)": "is absolute",
    "![a](picture.png)": "no such page or file",
    "글[^1]": "footnote [^1] has no text",
    "[^1]: 글": "footnote [^1] is never referred to",
}
ALIVE = [
    "[a](table.md) [a](table.md#gains) [a](#home) [a](https://example.org/x#y) [a](mailto:a@b.c)",
    "[a](table.md#table_7_4)",
    "글\n{: #fc02 .vd-verdict }\n\n[a](#fc02)",
    '<a id="here"></a> [a](#here)',
    "`[a](nowhere.md)`",
    "```text\n[a](nowhere.md)\n```",
    "글[^1]\n\n[^1]: 글",
]


@pytest.mark.parametrize("text", DEAD)
def test_a_link_that_leads_nowhere_is_found_with_its_line(site, text):
    line = site.page(f"글\n\n{text}") + 2
    [finding] = links.check(site.root)
    assert (finding.file, finding.line) == ("docs/ko/index.md", line)
    assert DEAD[text] in finding.message


@pytest.mark.parametrize("text", ALIVE)
def test_a_link_that_leads_somewhere_passes(site, text):
    site.page(text)
    assert links.check(site.root) == []


def test_each_language_has_its_own_pages(site):
    site.write("docs/ko/only.md", "# 글 {#only}\n")
    site.page("[a](only.md)", "ko")
    line = site.page("[a](only.md)", "en")
    assert [(f.file, f.line) for f in links.check(site.root)] == [("docs/en/index.md", line)]


@pytest.mark.parametrize(
    ("key", "message"), [("SRX", "Did you mean SRC?"), ("HEARSAY", "'unverified'")]
)
def test_a_citation_of_what_nobody_has_read_is_found_with_its_line(site, key, message):
    line = site.page(f'글\n\n<span data-cite="{key}">24</span>') + 2
    [finding] = citations.check(site.root)
    assert (finding.file, finding.line) == ("docs/ko/index.md", line)
    assert message in finding.message


def test_a_source_from_memory_is_found_in_the_data(site):
    file = "virtdocs/data/sources.toml"
    text = site.read(file).replace('status = "unverified"', 'status = "from memory"')
    site.write(file, text)
    line = text.splitlines().index("[HEARSAY]") + 1
    [finding] = citations.check(site.root)
    assert (finding.file, finding.line) == (file, line)


def test_a_product_fact_without_its_source_is_found_with_its_line(site):
    file = "virtdocs/data/products.toml"
    fact = '[{ value = "cloud", source = "SRX", locator = "p. 1", as_of = "2026" }]'
    site.write(file, f"[x]\ncovers = []\nkind = {fact}\n")
    [finding] = citations.check(site.root)
    assert (finding.file, finding.line) == (file, 3)
    assert "Did you mean SRC?" in finding.message


def test_a_clean_site_has_no_finding(site):
    assert links.check(site.root) == citations.check(site.root) == []
