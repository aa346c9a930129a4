"""The glossary page and the terms file say the same, in both languages."""

from __future__ import annotations

import pytest

from virtdocs.checks import markdown
from virtdocs.checks.glossary import PAGE, check, read_entries
from virtdocs.checks.pages import Page

KO, EN = f"docs/ko/{PAGE}", f"docs/en/{PAGE}"
TERMS = "virtdocs/data/terms.toml"


def test_a_page_with_every_term_passes(site):
    assert check(site.root) == []
    assert markdown.check(site.root) == []


@pytest.mark.parametrize("file", [KO, EN])
def test_a_term_without_an_entry_is_found_in_the_terms_file(site, file):
    text = site.read(file)
    site.write(file, text[: text.index("\n### ", text.index("{#full_virtualization}"))])
    [finding] = check(site.root)
    line = site.read(TERMS).splitlines().index("[second_level]") + 1
    assert (finding.file, finding.line) == (TERMS, line)
    assert finding.message == f"term 'second_level' has no entry in {file}"


@pytest.mark.parametrize("file", [KO, EN])
def test_an_entry_without_a_term_is_found_with_the_nearest_name(site, file):
    line = site.replace(file, "{#second_level}", "{#second_leval}")
    found = [f for f in check(site.root) if f.file == file]
    assert [f.line for f in found] == [line]
    assert "Did you mean second_level?" in found[0].message


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (KO, "### 완전가상화", "### 전가상화"),
        (EN, "### full virtualization", "### Full virtualization"),
    ],
)
def test_a_main_form_that_differs_is_found(site, file, old, new):
    line = site.replace(file, old, new)
    [finding] = check(site.root)
    assert (finding.file, finding.line) == (file, line)
    assert repr(new.removeprefix("### ")) in finding.message
    assert repr(old.removeprefix("### ")) in finding.message


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_main_form_that_changes_in_the_terms_file_is_found(site, lang):
    old = {"ko": "완전가상화", "en": "full virtualization"}[lang]
    site.replace(TERMS, f'{lang} = "{old}"', f'{lang} = "{old}x"')
    [finding] = check(site.root)
    assert finding.file == f"docs/{lang}/{PAGE}"


@pytest.mark.parametrize("file", [KO, EN])
@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("", "has no definition"),
        ("no end", "has no definition"),
        ("About {{ table_7_4.median }} of them. More.", "a value in its first sentence"),
    ],
)
def test_an_entry_that_gives_no_tooltip_is_found(site, file, definition, message):
    text = site.read(file)
    head, _, _ = text.partition("{#second_level}\n")
    site.write(file, f"{head}{{#second_level}}\n\n{definition}\n")
    [finding] = check(site.root)
    assert finding.file == file
    assert message in finding.message


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_missing_page_is_found(site, lang):
    (site.root / "docs" / lang / PAGE).unlink()
    assert [f.file for f in check(site.root)] == [f"docs/{lang}/{PAGE}"]


def test_the_ids_of_entries_are_keys_and_other_headings_keep_to_hyphens(site):
    site.write(KO, site.read(KO) + "\n## 묶음 {#a_group}\n")
    assert [f.message for f in markdown.check(site.root) if "a_group" in f.message]


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("하나입니다. 둘입니다.", "하나입니다."),
        ("One for Xen 4.20. Two.", "One for Xen 4.20."),
        ('It says so<span data-cite="SRC"></span>. More.', "It says so."),
        ("The *word*{.alias} and `code`. More.", "The word and code."),
        ("[A link](x.md#y) is\nnot shown. More.", "A link is not shown."),
        ("Is it? Yes.", "Is it?"),
        ("never ends", ""),
    ],
)
def test_the_first_sentence_is_plain_text(definition, sentence):
    text = f"# G {{#g}}\n\n## A {{#a}}\n\n### T {{#t}}\n\n{definition}\n\nAnother paragraph.\n"
    [entry] = read_entries(Page("docs/en/g.md", PAGE, "en", text))
    assert entry.first_sentence == sentence


def test_the_links_of_an_entry_are_seen_from_the_root_and_end_with_it():
    text = "# G {#g}\n\n### A {#a}\n\nSee [x](../t/x.md#y).\n\n### B {#b}\n\nSee [a](#a).\n"
    one, other = read_entries(Page("docs/en/reference/glossary.md", PAGE, "en", text))
    assert (one.targets, other.targets) == (("t/x.md#y",), (f"{PAGE}#a",))
