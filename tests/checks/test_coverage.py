"""Parts of the source document without a place, or in the wrong one, are found."""

from __future__ import annotations

import pytest

from virtdocs.checks.anchors import markdown_anchors
from virtdocs.checks.coverage import FILE, Survey, check
from virtdocs.checks.inventory import CORRECTIONS, INVENTORY, read_corrections, read_parts
from virtdocs.checks.pages import Page
from virtdocs.commands.check import checkout
from virtdocs.errors import VirtdocsError

PARTS = """\
id,kind,line,text
S1,section,1,완전가상화
S1.1,section,2,정의
DEF3,definition,3,전가상화는 방식이다
L1.1-i1,list-item,4,완전가상화의 쓰임
L1.1-i2,list-item,5,다른 쓰임
T1.1,table,6,값
T1.1-r1,table-row,7,값 하나
S2,section,8,끝
L2-i1,list-item,9,끝의 항목
"""
ERRORS = """\
id,severity,where,verdict
FC01,S1,L1.1-i1 L4,wrong
FC02,S1,whole,omission
FC03,S2,L9,wrong
"""
KO_PAGE = """\
# 완전가상화 {#top}

## 정의 {#definition}

완전가상화(전가상화)는 방식입니다.

- 완전가상화의 쓰임
  {: #use }
- 다른 쓰임
  {: #other-use }

| 값 | 뜻 |
|---|---|
| 하나 {: #value-one } | 둘 |

!!! quote "원문"
    쓰임

**FC01 — 틀렸습니다.** 값은 {{ table_7_4.rows }}입니다<span data-cite="SRC"></span>.
{: #fc01 .vd-verdict }

## 끝 {#end}

- 끝의 항목
  {: #last }
"""
EN_PAGE = (
    KO_PAGE.replace("완전가상화(전가상화)는 방식입니다", "Full virtualization is a way")
    .replace("완전가상화", "Full virtualization")
    .replace("입니다", "")
)
MAP = """\
complete = ["S1"]

["page.md"]
top = ["S1"]
definition = ["S1.1", "DEF3", "T1.1"]
use = ["L1.1-i1"]
other-use = ["L1.1-i2"]
value-one = ["T1.1-r1"]
"""


@pytest.fixture
def covered(site):
    """A checkout whose first chapter is whole."""
    for file, text in (
        (INVENTORY, PARTS),
        (CORRECTIONS, ERRORS),
        (FILE, MAP),
        ("docs/ko/page.md", KO_PAGE),
        ("docs/en/page.md", EN_PAGE.replace("full", "Full")),
    ):
        site.write(file, text)
    return site


def messages(site):
    return [f"{found.file}:{found.line} {found.message}" for found in check(site.root)]


def test_a_whole_chapter_passes(covered):
    assert messages(covered) == []


DEFECTS = {
    "a part that is left out": (FILE, 'use = ["L1.1-i1"]\n', "", "L1.1-i1, line 4"),
    "an unknown part": (FILE, '"T1.1"]', '"T1.2"]', "unknown part 'T1.2'"),
    "a part that stands twice": (FILE, '["T1.1-r1"]', '["T1.1-r1", "T1.1"]', "T1.1 stands twice"),
    "an unknown chapter": (FILE, '["S1"]\n\n', '["S1", "S7"]\n\n', "unknown chapter 'S7'"),
    "an unknown page": (FILE, '["page.md"]', '["pag.md"]', "Did you mean page.md?"),
    "an anchor that is gone": ("docs/en/page.md", "#use", "#usage", "unknown anchor 'use'"),
    "a row that is gone": ("docs/ko/page.md", " {: #value-one }", "", "unknown anchor 'value-one'"),
    "a section at a paragraph": (FILE, 'top = ["S1"]\n', 'last = ["S1"]\n', "no heading"),
    "a list item at a heading": (FILE, 'use = ["L1.1-i1"]', 'end = ["L1.1-i1"]', "of its own"),
    "a place outside the section": (FILE, 'use = ["L1.1-i1"]', 'last = ["L1.1-i1"]', "is outside"),
    "a term that is lost": ("docs/en/page.md", "- Full virtualization", "- It", "lacks the terms"),
    "a verdict that is gone": ("docs/ko/page.md", "{: #fc01 .", "{: .", "no verdict #fc01"),
    "a verdict without the source's words": (
        "docs/ko/page.md",
        "!!! quote",
        "!!! note",
        "the words",
    ),
    "a verdict without evidence": (
        "docs/ko/page.md",
        '값은 {{ table_7_4.rows }}입니다<span data-cite="SRC"></span>',
        "그렇습니다",
        "lacks evidence",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "message"), DEFECTS.values(), ids=DEFECTS)
def test_a_seeded_defect_is_found(covered, file, old, new, message):
    text = covered.read(file)
    assert old in text
    covered.write(file, text.replace(old, new, 1))
    assert any(message in one for one in messages(covered)), messages(covered)


def test_two_list_items_want_two_anchors(covered):
    text = covered.read(FILE)
    covered.write(FILE, text.replace('["L1.1-i1"]\nother-use', '["L1.1-i1", "L1.1-i2"]\n#'))
    assert any("shared by L1.1-i1, L1.1-i2" in one for one in messages(covered))


def test_an_anchor_holds_five_parts_at_most(covered):
    covered.write(INVENTORY, PARTS + "".join(f"N{n},note,3,값\n" for n in range(4)))
    more = ", ".join(f'"N{n}"' for n in range(4))
    covered.write(FILE, MAP.replace('"T1.1"]', f'"T1.1", {more}]'))
    assert any("holds 7 parts" in one for one in messages(covered))


@pytest.mark.parametrize(
    ("file", "text"),
    [(FILE, "complete = ["), (INVENTORY, "id,kind\n"), (CORRECTIONS, "id\n")],
)
def test_a_broken_file_is_one_clear_line(covered, file, text):
    covered.write(file, text)
    with pytest.raises(VirtdocsError, match=file):
        check(covered.root)


def test_anchors_hold_their_block_and_no_more():
    page = Page("docs/ko/page.md", "page.md", "ko", KO_PAGE)
    found = {one.id: one for one in markdown_anchors(page)}
    assert found["use"].text == "- 완전가상화의 쓰임\n  {: #use }"
    assert found["value-one"].text.startswith("| 하나")
    assert found["fc01"].text.startswith("**FC01")
    assert (found["definition"].line, found["definition"].last) == (3, 21)
    assert found["top"].last == len(page.lines)


def test_a_line_that_begins_with_a_number_begins_no_block():
    page = Page("docs/ko/page.md", "page.md", "ko", "# 글 {#top}\n\n값은\n3.5배입니다.\n{: #p }\n")
    found = {one.id: one for one in markdown_anchors(page)}
    assert found["p"].text.startswith("값은")


class TestTheSourceDocument:
    """The project's own inventory and corrections."""

    def test_every_part_has_a_chapter_that_begins_before_it(self):
        parts = read_parts(checkout())
        assert len(parts) == 506
        assert {part.chapter for part in parts.values()} == {f"S{n}" for n in range(10)}
        assert parts["T3.3-r2"].section == "S3.3"
        assert parts["L2.2.ring-i4"].section == "S2.2.ring"

    @pytest.mark.parametrize(
        ("correction", "chapters"),
        [
            ("FC01", ("S4",)),
            ("FC07", ("S4", "S5", "S6")),
            ("FC11", ("S2", "S4")),
            ("FC43", ("S6", "S7")),
            ("FC44", ()),
            ("FC52", ("S7",)),
            ("FC63", ("S1",)),
        ],
    )
    def test_a_correction_falls_where_its_places_are(self, correction, chapters):
        assert read_corrections(checkout())[correction].chapters == chapters

    def test_all_corrections_are_here(self):
        assert list(read_corrections(checkout())) == [f"FC{n:02}" for n in range(1, 70)]

    def test_every_mapped_part_is_placed_in_both_languages(self):
        survey = Survey.of(checkout())
        problems = [
            survey.lacks(lang, survey.parts[id_])
            for id_ in survey.map.places
            for lang in ("ko", "en")
        ]
        assert [one for one in problems if one] == []
