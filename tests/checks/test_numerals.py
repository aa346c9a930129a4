"""Numbers in prose that nothing stands behind are found; names, dates and places are not."""

from __future__ import annotations

import pytest

from virtdocs.checks.allowed_numerals import ALLOWED, mask_allowed
from virtdocs.checks.numerals import check

BARE = [
    "성능은 97%입니다.",
    "약 15~20% 빠릅니다.",
    "7단계를 거칩니다.",
    "3번 트랩합니다.",
    "2배 빠릅니다.",
    "명령어 1000개",
    "5년 전",
    "x10 faster",
    "takes 24 cycles",
    "in 2000 instructions",
    "2.5 GHz",
    "twice as fast",
    "five exits",
    "ten percent",
    "threefold",
    "half the exits",
    "two-step",
    "두 배 빠릅니다.",
    "세 번 오갑니다.",
    "다섯 단계입니다.",
    "몇 배나 됩니다.",
    "절반입니다.",
    "수십 배",
    "그림 3에서",
    "Figure 3 shows",
    "`24`",
    "`24 cycles`",
    "`97%`",
    "## 7 steps {#x}",
    "| 게스트 | 95 |",
    "![걸음 7](a.png)",
    "[7 걸음](a.md)",
    '!!! note "걸음 7"',
    "Xen 15% faster",
    "<b>24</b>",
    "- 24 exits",
    "QEMU 15 exits",
    "Xen 3단계",
    "Linux 24 cycles",
    "KVM 97%",
    "the 2000 MHz CPU",
    "(2000 bytes)",
    "Core, 2000 cycles",
    "of 2048 entries",
    "½",
    "２배",
    "③",
    "1. 24 exits",
    "> 24 exits",
]

FREE = [
    "{{ x.y }}",
    "{{ x_7.y }}%",
    '<span data-cite="SRC">15–20%</span>',
    '<span class="a" data-cite="SRC">약 24\n사이클</span>',
    '<q data-source="PR4.2-bt">7단계</q>',
    '!!! quote "원문 4.2절, L228"\n    1. 7단계를 거칩니다.\n\n    97%',
    "`mov rax, 24` 와 `0x10`, `IF=0`",
    "```text\n24 cycles\n```",
    "1. 하나\n2. 둘",
    "글[^12]",
    '[글](rings.md#ring-3 "r")',
    "<https://example.org/2024/7>",
    "https://example.org/2024/7",
    "## 글 {#v7}",
    '<div id="a7" markdown>',
    "한 번 더, 두 번째로, 두 기법, 세 가지 방식",
    "두 번역기와 세 회사",
    "two languages, one instruction, the second, the two techniques",
    "2단계 주소 변환",
    "게스트 OS",
    "In 2006 was, in 2005 Intel, since 2010 it",
    "published in 2006, Adams and Agesen, 2006, and (Uhlig 2005)",
    "Windows 11, Pentium 4 processors and Core 2 machines",
]


@pytest.mark.parametrize("text", BARE)
def test_an_unbound_number_is_found_with_its_line(site, text):
    line = site.page(f"앞 문단.\n\n{text}")
    found = check(site.root)
    assert [(f.file, f.line) for f in found] == [("docs/ko/index.md", line + 2)], found


@pytest.mark.parametrize("text", FREE)
def test_a_bound_cited_quoted_or_named_number_passes(site, text):
    site.page(text)
    assert check(site.root) == []


@pytest.mark.parametrize("entry", ALLOWED, ids=lambda entry: entry.why)
def test_every_form_of_the_allow_list_lets_its_examples_pass(entry):
    for example in entry.examples:
        for text in (example, f"the text {example} of it", f"글 {example}에서", f"({example})"):
            assert not any(c.isdigit() for c in mask_allowed(text)), text


@pytest.mark.parametrize("entry", ALLOWED, ids=lambda entry: entry.why)
def test_no_form_of_the_allow_list_hides_a_measurement(entry):
    for number in ("97%", "15~20%", "24 cycles", "950 Mbps", "3배", "7단계", "1,200개"):
        for text in (f"{entry.examples[0]}: {number}", f"{number} {entry.examples[0]}"):
            assert any(c.isdigit() for c in mask_allowed(text)), text


def test_a_clean_site_has_no_finding(site):
    assert check(site.root) == []


def test_the_quote_ends_where_its_indent_ends(site):
    line = site.page('!!! quote "원문"\n    7단계\n\n7단계')
    assert [f.line for f in check(site.root)] == [line + 3]


def test_a_page_with_two_bare_numbers_gives_two_findings(site):
    first = site.page("7단계\n\n97%")
    site.write("docs/en/index.md", "# A {#home}\n\n24 cycles\n")
    assert [(f.file, f.line) for f in check(site.root)] == [
        ("docs/ko/index.md", first),
        ("docs/ko/index.md", first + 2),
        ("docs/en/index.md", 3),
    ]
