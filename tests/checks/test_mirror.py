"""Korean and English pages that drift apart are found, with file and line."""

from __future__ import annotations

import pytest

from virtdocs.checks.mirror import check
from virtdocs.checks.reviewed import record_review
from virtdocs.errors import VirtdocsError

KO, EN = "docs/ko/table.md", "docs/en/table.md"


def test_two_reviewed_languages_agree(site):
    assert check(site.root) == []


@pytest.mark.parametrize(("file", "other"), [(KO, EN), (EN, KO)])
def test_a_sentence_in_one_language_only_is_found_at_its_section(site, file, other):
    text = site.read(file)
    heading = text.splitlines().index(next(x for x in text.splitlines() if "{#end}" in x)) + 1
    site.write(file, text + "\nOne sentence more.\n")
    [finding] = check(site.root)
    assert (finding.file, finding.line) == (file, heading)
    assert "changed since the review" in finding.message
    assert other in finding.message


def test_a_change_in_both_languages_needs_a_review_and_passes_after_it(site):
    for file in (KO, EN):
        site.write(file, site.read(file) + "\nmore\n")
    [finding] = check(site.root)
    assert "both languages changed" in finding.message
    record_review(site.root, "table.md#end")
    assert check(site.root) == []


def test_a_section_that_nobody_reviewed_is_found(site):
    for file in (KO, EN):
        site.write(file, site.read(file) + "\n## New {#new}\n\ntext\n")
    [finding] = check(site.root)
    assert (finding.file, finding.message[:21]) == (KO, "section needs review:")


def test_a_review_of_a_section_that_is_gone_is_found_in_the_review_file(site):
    for file in (KO, EN):
        text = site.read(file)
        site.write(file, text[: text.index("## ", text.index("|---|"))])
    found = [f for f in check(site.root) if f.file == "docs/review.toml"]
    line = site.read("docs/review.toml").splitlines().index('["table.md#end"]') + 1
    assert [f.line for f in found] == [line]


def test_a_page_in_one_language_only_is_found(site):
    site.write("docs/en/extra.md", "# Extra {#extra}\n")
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("docs/en/extra.md", 1)
    assert "docs/ko/extra.md" in finding.message


DIFFERENCES = {
    "exhibit": ("name: table_7_4\n", "name: source_steps\n", "exhibit table_7_4()"),
    "exhibit parameter": ("name: table_7_4\n", "name: table_7_4\nrows: all\n", "(rows=all)"),
    "value": (
        "{{ table_7_4.arithmetic_mean }}",
        "{{ table_7_4.median }}",
        "value table_7_4.arithmetic_mean",
    ),
    "citation": ('data-cite="SRC"', 'data-cite="OTHER"', "citation OTHER"),
    "table row": (
        "| BT | binary translation |\n",
        "| BT | binary translation |\n| PV | paravirtualization |\n",
        "table 2 columns x 2 rows",
    ),
    "list item": ("- Paravirtualization", "Paravirtualization", "list item"),
    "code block": ("## End", "```asm\ncli\n```\n\n## End", "code block asm of 1 lines"),
    "admonition": ("## End", "!!! note\n    text\n\n## End", "admonition note"),
    "link": ("See [the table](table.md#gains)", "See the table", "link table.md#gains"),
    "image": ("The first text.", "The first text ![a](a.png).", "image a.png"),
    "footnote": ("The first text.", "The first text.[^one]", "footnote one"),
    "anchor": ("The first text.", "The first text.\n{: #fc02 }", "anchor fc02"),
}


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_a_section_with_other_contents_is_found(site, kind):
    old, new, message = DIFFERENCES[kind]
    file = next(f for f in (EN, "docs/en/index.md") if old in site.read(f))
    site.replace(file, old, new)
    assert [f for f in check(site.root) if message in f.message], check(site.root)


def test_the_order_of_values_is_free_and_that_of_exhibits_is_not(site):
    values = "{{ table_7_4.median }} {{ table_7_4.arithmetic_mean }}"
    fences = "```exhibit\nname: table_7_4\n```\n\n```exhibit\nname: source_steps\n```\n"
    site.page(f"{values}\n\n{fences}", "ko")
    swapped = " ".join(reversed(values.replace("}} {{", "}}|{{").split("|")))
    site.page(f"{swapped}\n\n{fences}", "en")
    record_review(site.root, "index.md#home")
    assert check(site.root) == []
    backwards = "```exhibit\nname: source_steps\n```\n\n```exhibit\nname: table_7_4\n```\n"
    site.page(f"{values}\n\n{backwards}", "en")
    record_review(site.root, "index.md#home")
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("docs/en/index.md", 5)
    assert "docs/ko/index.md:5 has table_7_4()" in finding.message


def test_a_heading_with_another_id_level_or_place_is_found(site):
    line = site.replace(EN, "## End {#end}", "## End {#finish}")
    found = check(site.root)
    assert (EN, line) in [(f.file, f.line) for f in found]
    site.replace(EN, "## End {#finish}", "### End {#end}")
    messages = [f.message for f in check(site.root)]
    assert any("level 3 heading, level 2 at docs/ko/table.md" in m for m in messages)


def test_a_heading_id_that_stands_twice_is_found(site):
    site.write(EN, site.read(EN) + "\n## Again {#end}\n")
    assert any("stands twice" in f.message for f in check(site.root))


def test_text_before_the_first_heading_is_a_section_of_its_own(site):
    for lang in ("ko", "en"):
        site.write(f"docs/{lang}/index.md", f"---\ntitle: {lang}\n---\n\n# A {{#home}}\n")
    assert any("#_top" in f.message for f in check(site.root))
    record_review(site.root, "index.md#_top")
    record_review(site.root, "index.md#home")
    assert check(site.root) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("index.md", "is not PAGE#ID"),
        ("indx.md#home", "Did you mean index.md?"),
        ("index.md#hme", "Did you mean home?"),
    ],
)
def test_a_review_of_something_that_does_not_exist_names_the_nearest(site, target, message):
    before = site.read("docs/review.toml")
    with pytest.raises(VirtdocsError) as raised:
        record_review(site.root, target)
    assert message in str(raised.value)
    assert site.read("docs/review.toml") == before


def test_a_review_file_that_is_not_toml_is_bad_input(site):
    site.write("docs/review.toml", "nonsense")
    with pytest.raises(VirtdocsError, match=r"docs/review\.toml"):
        check(site.root)


def test_blank_space_at_line_ends_is_no_change(site):
    site.replace(EN, "source, recomputed.", "source, recomputed.  ")
    assert check(site.root) == []
