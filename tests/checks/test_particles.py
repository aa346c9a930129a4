"""Particles that do not fit, or one day may not fit, what they follow are found."""

from __future__ import annotations

import pytest

from virtdocs.checks.particles import check

WRONG = {
    "{{ a.b }}은 글": "write {{ a.b }}{은/는}",
    "{{ a.b }}를 글": "write {{ a.b }}{을/를}",
    "{{ a.b }}와 글": "write {{ a.b }}{과/와}",
    "{{ a.b }}이 글": "write {{ a.b }}{이/가}",
    "{{ a.b }}로 글": "write {{ a.b }}{으로/로}",
    "{{ a.b }}으로는 글": "write {{ a.b }}{으로/로}",
    "{{ a.b }} 은 글": "write {{ a.b }}{은/는}",
    "**{{ a.b }}**는 글": "write {{ a.b }}{은/는}",
    "{{ a(k=v).b.c|words }}가.": "write {{ a(k=v).b.c|words }}{이/가}",
    "{{ a.b }} {은/는} 글": "does not follow a value tag directly",
    "글{은/는} 글": "does not follow a value tag directly",
    "CPU은(는) 글": "choose the particle",
    "글을(를) 글": "choose the particle",
    "글(으)로": "choose the particle",
    "CPU은 글": "CPU takes '는'",
    "KVM는 글": "KVM takes '은'",
    "VMM와 글": "VMM takes '과'",
    "BT을 글": "BT takes '를'",
    "HVM로 글": "HVM takes '으로'",
    "**KVM**는 글": "KVM takes '은'",
    "완전가상화은 글": "완전가상화 takes '는'",
    "완전가상화을 글": "완전가상화 takes '를'",
}
RIGHT = [
    "{{ a.b }}{은/는} {{ a.b }}{으로/로}는 {{ a.b }}번은 {{ a.b }}배",
    "{{ a.b }}이다. {{ a.b }}입니다. {{ a.b }}의 {{ a.b }}에서 {{ a.b }}도 {{ a.b }}까지",
    "{{ a.b }} 이 글, {{ a.b }} 가상 머신, {{ a.b }} 과정",
    "CPU는 KVM은 VMM과 BT를 HVM으로 URL로 CPU가 PV로 x86은 SLAT은 SLAT는",
    "완전가상화는 완전가상화를 완전가상화로",
    "`{{ a.b }}은`",
    "CPU이다",
    "[글](KVM는.md)",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_particle_is_found_with_its_line(site, text):
    line = site.page(f"글\n\n{text}") + 2
    found = check(site.root)
    assert [(f.file, f.line) for f in found] == [("docs/ko/index.md", line)], found
    assert WRONG[text] in found[0].message


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_or_undecided_particle_passes(site, text):
    site.page(text)
    assert check(site.root) == []


def test_a_korean_pair_on_an_english_page_is_found(site):
    line = site.page("a {{ a.b }}{은/는} b", "en")
    [finding] = check(site.root)
    assert (finding.file, finding.line) == ("docs/en/index.md", line)


def test_a_clean_site_has_no_finding(site):
    assert check(site.root) == []
