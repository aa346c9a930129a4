"""Terms in prose lead to the glossary: where, how often, and what stays as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from virtdocs.checks.glossary import PAGE
from virtdocs.site.glossary import Glossary, read_glossary
from virtdocs.site.glossary_page import complete
from virtdocs.site.synonyms import with_synonyms
from virtdocs.site.tooltips import link_terms

TERMS = """\
[full_virtualization]
ko = "완전가상화"
en = "full virtualization"
names = ["FV"]
aliases = ["전가상화", "완전 가상화"]
flagged = ["전가상화"]

[virtualization]
ko = "가상화"
en = "virtualization"
aliases = ["virtualisation"]

[protection_ring]
ko = "링"
en = "protection ring"
linked = ["링 0", "ring 0"]

[vm_exit]
ko = "VM 종료"
en = "VM exit"
names = ["VM exit"]

[virtual_machine]
ko = "가상 머신"
en = "virtual machine"
names = ["VM"]

[guest]
ko = "게스트"
en = "guest"

[lonely]
ko = "외톨이"
en = "lonely"
"""
DEFINED = """\
# Words {{#glossary}}

<div data-glossary="index"></div>

### {0} {{#full_virtualization}}

Says "as it is" & more. Nothing else. [See](../a.md#run).

### {1} {{#virtualization}}

Shows another form.

### {2} {{#protection_ring}}

A class of privilege.

### {3} {{#vm_exit}}

The guest's state is left.

### {4} {{#virtual_machine}}

A computer.

### {5} {{#guest}}

Software inside.
"""
FORMS = {
    "ko": ("완전가상화", "가상화", "링", "VM 종료", "가상 머신", "게스트"),
    "en": (
        "full virtualization", "virtualization", "protection ring", "VM exit", "virtual machine",
        "guest",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def glossaries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Glossary]:
    root = tmp_path_factory.mktemp("checkout")
    files = {f"docs/{lang}/{PAGE}": DEFINED.format(*FORMS[lang]) for lang in FORMS}
    for file, text in {"virtdocs/data/terms.toml": TERMS, **files}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    found = {lang: read_glossary(root, lang) for lang in FORMS}
    return {lang: one for lang, one in found.items() if one is not None}


def marked(html: str, glossary: Glossary) -> str:
    """The page with each link to the glossary as [text]."""
    linked = link_terms(html, glossary, "g.html")
    return re.sub(r'<a class="vd-term"[^>]*>([^<]*)</a>', r"[\1]", linked)


LINKED = [
    ("ko", "<p>완전가상화는 가상화입니다.</p>", "<p>[완전가상화]는 [가상화]입니다.</p>"),
    ("ko", "<p>게스트들은 게스트입니다.</p>", "<p>[게스트]들은 게스트입니다.</p>"),
    ("ko", "<p>VM exit가 VM에서 납니다.</p>", "<p>[VM exit]가 [VM]에서 납니다.</p>"),
    ("ko", "<p>가상\n머신이라는 말</p>", "<p>[가상\n머신]이라는 말</p>"),
    ("ko", "<p>FV도 완전가상화입니다.</p>", "<p>[FV]도 완전가상화입니다.</p>"),
    ("ko", "<p>링 0의 커널과 공유 링</p>", "<p>[링 0]의 커널과 공유 링</p>"),
    ("en", "<p>Guests are guests.</p>", "<p>[Guests] are guests.</p>"),
    ("en", "<p>The guest's VM exits.</p>", "<p>The [guest]'s [VM exits].</p>"),
    ("en", "<li>Full virtualization</li>", "<li>[Full virtualization]</li>"),
    ("en", "<p>a <strong>guest</strong></p>", "<p>a <strong>[guest]</strong></p>"),
    ("en", "<pre>guest</pre> guest", "<pre>guest</pre> [guest]"),
    ("en", '<img alt="a > b" title="guest"> guest', '<img alt="a > b" title="guest"> [guest]'),
    ("en", "<svg><a>x</a>guest</svg>guest", "<svg><a>x</a>guest</svg>[guest]"),
    ("en", "<p>guest</p><h2>One</h2><p>guest</p>", "<p>[guest]</p><h2>One</h2><p>[guest]</p>"),
    ("en", "<p>guest</p><h3>One</h3><p>guest</p>", "<p>[guest]</p><h3>One</h3><p>guest</p>"),
]  # fmt: skip
LEFT = [
    ("ko", "<p>전가상화</p>"),
    ("ko", "<p>이가상화와 가상화폐와 링크</p>"),
    ("ko", "<p>외톨이</p>"),
    ("en", "<p>guesthouse, a-guest, guest-physical, VMs2</p>"),
    ("en", "<p>GUEST</p>"),
    *(
        ("en", f"<{tag}>guest <i>guest</i> guest</{tag.split()[0]}>")
        for tag in (
            "code", "pre", "a href='x'", "h1", "h2 id='x'", "h4", "q data-source='L1'", "data",
            "figure", "table", "summary", 'em class="alias"', 'div class="admonition quote"',
            'p class="admonition-title"', 'span data-cite="SRC"', 'div class="vd-hero"', "svg",
        )
    ),
    ("en", "<div class='x'><!-- guest > guest --></div>"),
    ("en", '<div class="admonition quote"><div>guest</div><p>guest</p></div>'),
]  # fmt: skip


@pytest.mark.parametrize(("lang", "html", "expected"), LINKED)
def test_a_term_becomes_a_link_and_keeps_its_form(glossaries, lang, html, expected):
    assert marked(html, glossaries[lang]) == expected


@pytest.mark.parametrize(("lang", "html"), LEFT)
def test_what_is_no_prose_or_no_term_stays_as_it_is(glossaries, lang, html):
    assert link_terms(html, glossaries[lang], "g.html") == html


def test_a_link_has_the_entry_s_address_and_the_definition_s_first_sentence(glossaries):
    html = link_terms("FV", glossaries["en"], "../g.html")
    title = "Says &quot;as it is&quot; &amp; more."
    assert html == (
        f'<a class="vd-term" href="../g.html#full_virtualization" title="{title}">FV</a>'
    )


def test_a_checkout_without_the_page_has_no_glossary(tmp_path: Path):
    assert read_glossary(tmp_path, "ko") is None


def test_the_page_names_the_other_language_s_form_and_the_aliases_of_each_term(glossaries):
    html = '<h3 id="full_virtualization">x</h3><p>y</p><h3 id="guest">z</h3>'
    korean, english = (complete(html, glossaries[lang]) for lang in ("ko", "en"))
    forms = re.findall(r"<p class=\"vd-term-names\">(.*?)</p>", korean)
    assert [re.sub("<[^>]*>", "", form) for form in forms] == [
        "영어 full virtualization 다른 이름 FV, 전가상화, 완전 가상화",
        "영어 guest",
    ]
    assert '<span lang="ko">전가상화</span>' in english
    assert '<span lang="en">full virtualization</span>' in korean


@pytest.mark.parametrize(
    ("lang", "rows"),
    [
        ("ko", ["0–Z VM 종료", "ㄱ 가상 머신 · 가상화 · 게스트", "ㄹ 링", "ㅇ 완전가상화"]),
        (
            "en",
            [
                "F full virtualization",
                "G guest",
                "P protection ring",
                "V virtual machine · virtualization · VM exit",
            ],
        ),
    ],
)
def test_the_index_has_every_entry_in_the_order_of_the_alphabet(glossaries, lang, rows):
    html = complete('<div data-glossary="index"></div>', glossaries[lang])
    found = re.findall("<p>(.*?)</p>", html)
    assert [re.sub("<[^>]*>", "", row) for row in found] == rows
    assert set(re.findall('href="#([^"]+)"', html)) == set(glossaries[lang].terms)


def synonyms(glossary: Glossary, location: str, title: str, text: str = "") -> list[str]:
    """What is added to one section of an index."""
    doc = {"location": location, "title": title, "text": text}
    added = json.loads(with_synonyms(json.dumps({"docs": [doc]}), glossary))["docs"][0]
    assert added["title"] == title
    assert added["text"].startswith(text)
    words = re.sub("<[^>]*>|\n", "", added["text"].removeprefix(text))
    return words.split(" · ") if words else []


FULL = ["full virtualization", "FV", "전가상화", "완전 가상화"]


@pytest.mark.parametrize(
    ("location", "title", "text", "added"),
    [
        ("reference/glossary.html#full_virtualization", "완전가상화", "", FULL),
        ("x.html#y", "완전가상화의 길", "", FULL),
        ("a.html#run", "실행", "", ["완전가상화", *FULL]),
        ("x.html#y", "완전가상화", "전가상화, FV", ["full virtualization", "완전 가상화"]),
        ("x.html#y", "가상 머신", "", ["가상머신", "virtual machine", "VM"]),
        ("x.html#y", "다른 글", "<p>완전가상화를 씁니다</p>", FULL),
        ("x.html#y", "다른 글", "전가상화를 씁니다", []),
        ("reference/glossary.html#kinds", "완전가상화의 갈래", "게스트", []),
    ],
)
def test_synonyms_stand_where_the_term_is_defined_shown_or_in_the_title(
    glossaries, location, title, text, added
):
    assert synonyms(glossaries["ko"], location, title, text) == added


@pytest.mark.parametrize(
    ("text", "alias", "places"),
    [
        ("완전가상화를 씁니다", "전가상화", ["a.html#run"]),  # the entry leads there
        ("가상화를 씁니다", "virtualisation", ["a.html", "b.html"]),  # nothing else shows it
    ],
)
def test_a_term_that_no_section_shows_is_found_where_each_page_first_uses_it(
    glossaries, text, alias, places
):
    docs = [
        {"location": location, "title": title, "text": text}
        for location, title in (
            ("a.html", "앞"), ("a.html#run", "실행"), ("b.html", "앞"), ("b.html#two", "뒤"),
        )
    ]  # fmt: skip
    found = json.loads(with_synonyms(json.dumps({"docs": docs}), glossaries["ko"]))["docs"]
    assert [doc["location"] for doc in found if alias in re.split("[<> ]", doc["text"])] == places


# -- over the site as it is built


@pytest.mark.parametrize("prefix", ["", "en/"])
def test_every_page_of_prose_links_to_entries_that_exist(pages, prefix):
    glossary = pages[f"{prefix}reference/glossary.html"]
    assert 'vd-term"' not in glossary
    entries = set(re.findall(r'<h3 id="(\w+)">', glossary))
    linked = 0
    for path, html in pages.items():
        if path.startswith("en/") == bool(prefix):
            found = re.findall(
                r'<a class="vd-term" href="[^"#]*glossary.html#(\w+)" title="(.*?)"', html
            )
            assert {id_ for id_, _ in found} <= entries, path
            assert all(title.endswith((".", "?")) for _, title in found), path
            linked += len(found)
    assert linked > len(entries)


def test_no_link_of_a_term_holds_or_stands_in_another_link_or_a_value(pages):
    for path, html in pages.items():
        for inner in re.findall(r"(?s)<(a|data|code|h[1-6])\b[^>]*>((?:(?!</\1>).)*)</\1>", html):
            assert "vd-term" not in inner[1], path


SEARCHES = {
    "": {
        "전가상화": "techniques/privileged-instruction.html#run-first",
        "버추얼 머신": "reference/terms.html#virtual-machine",
        "HW 가상화": "techniques/privileged-instruction.html#hardware-assist",
        "특권명령": "techniques/privileged-instruction.html",
        "섀도페이징": "techniques/paging.html#shadow",
        "바이너리 변환": "techniques/binary-translation.html",
        "full virtualization": "reference/glossary.html#full_virtualization",
    },
    "en/": {
        "virtualisation": "en/reference/glossary.html#virtualization",
        "para-virtualization": "en/techniques/pv-port.html#modified",
        "전가상화": "en/reference/glossary.html#full_virtualization",
        "이진 변환": "en/techniques/binary-translation.html",
    },
}


@pytest.mark.parametrize("prefix", SEARCHES)
def test_the_index_and_its_copy_for_disks_hold_aliases_beside_main_forms(real, prefix):
    folder = real.site / prefix / "search"
    text = (folder / "search_index.json").read_text(encoding="utf-8")
    assert (folder / "search_index.js").read_text(encoding="utf-8") == f"var __index = {text}"
    docs = {prefix + doc["location"]: doc for doc in json.loads(text)["docs"]}
    for query, location in SEARCHES[prefix].items():
        assert query in f"{docs[location]['title']} {docs[location]['text']}", query
