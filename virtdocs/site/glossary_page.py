"""What the glossary's own page computes: the names below each main form, and its index."""

from __future__ import annotations

import re
from html import escape

from virtdocs.render import catalogue
from virtdocs.site.glossary import Glossary

_ENTRY = re.compile(r'<h3 id="(?P<id>\w+)">.*?</h3>', re.DOTALL)
_INDEX = '<div data-glossary="index"></div>'
_INITIALS = "ㄱㄱㄴㄷㄷㄹㅁㅂㅂㅅㅅㅇㅈㅈㅊㅋㅌㅍㅎ"  # doubled ones with the single
_FIRST, _LAST, _PER_INITIAL = 0xAC00, 0xD7A3, 588  # Hangul syllables in Unicode, §3.12


def complete(html: str, glossary: Glossary) -> str:
    """The page with the other names of each term, and with the index in its place."""

    def named(match: re.Match[str]) -> str:
        id_ = match["id"]
        return match.group() + (_names(glossary, id_) if id_ in glossary.terms else "")

    return _ENTRY.sub(named, html).replace(_INDEX, _index(glossary))


def _names(glossary: Glossary, id_: str) -> str:
    """The other language's form, then everything else that the term is called."""
    words = catalogue.load(glossary.lang)
    other = _marked(glossary.other_form(id_), glossary.lang)
    line = f"<span>{escape(words.text('glossary.other_form'))}</span> {other}"
    if names := glossary.other_names(id_):
        marked = ", ".join(_marked(name, glossary.lang) for name in names)
        line += f" <span>{escape(words.text('glossary.other_names'))}</span> {marked}"
    return f'\n<p class="vd-term-names">{line}</p>'


def _marked(name: str, lang: str) -> str:
    """A name with its language, where that is not the page's: a screen reader changes its voice."""
    own = "ko" if re.search("[가-힣]", name) else "en"
    return escape(name) if own == lang else f'<span lang="{own}">{escape(name)}</span>'


def _index(glossary: Glossary) -> str:
    """All main forms by their first letter, in the order of the alphabet."""
    words = catalogue.load(glossary.lang)
    ordered = sorted(glossary.terms, key=lambda id_: _key(glossary.main_form(id_)))
    letters: dict[str, list[str]] = {}
    for id_ in ordered:
        form = glossary.main_form(id_)
        link = f'<a href="#{id_}">{escape(form)}</a>'
        letters.setdefault(_letter(form, glossary.lang), []).append(link)
    rows = "".join(
        f"<p><b>{letter}</b> {' · '.join(links)}</p>" for letter, links in letters.items()
    )
    label = escape(words.text("glossary.index"))
    return (
        f'<nav class="vd-term-index" aria-label="{label}" data-search-exclude="true">{rows}</nav>'
    )


def _key(form: str) -> tuple[bool, str]:
    """Latin letters and digits first, then Hangul, whose code points are in its own order."""
    return not form[0].isascii(), form.casefold()


def _letter(form: str, lang: str) -> str:
    if _FIRST <= ord(form[0]) <= _LAST:
        return _INITIALS[(ord(form[0]) - _FIRST) // _PER_INITIAL]
    return "0–Z" if lang == "ko" else form[0].upper()
