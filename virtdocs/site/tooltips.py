"""Links from a page's prose to the glossary: a term's first occurrence in each section.

The text stays as it is written, a particle after the term stays outside the link. The
definition is the link's title; without scripts, and from a keyboard, it is still a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from virtdocs.site.glossary import Glossary

_TAG = re.compile(
    r"<!--.*?-->|<(?P<end>/?)(?P<name>[A-Za-z][\w-]*)(?P<attrs>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL,
)
# What is no prose of ours: links, headings, code, values, figures, tables, the source's words.
_SKIPPED = frozenset(
    "a abbr button code data dfn figure h1 h2 h3 h4 h5 h6 kbd label math nav pre q script style"
    " summary sup svg table".split()
)
_MARKED = re.compile(
    r"\bdata-cite=|\bdata-vd-slot=|\bclass=\"(?:[^\"]*\s)?(?:quote|alias|admonition-title|vd-error"
    r"|vd-hero)(?:\s[^\"]*)?\""
)


def link_terms(html: str, glossary: Glossary, address: str) -> str:
    """The page with its terms linked to the entries below ``address``, the glossary's page."""
    return "".join(_pieces(html, glossary, address))


def _pieces(html: str, glossary: Glossary, address: str) -> Iterator[str]:
    seen: set[str] = set()
    skipping, depth, start = "", 0, 0
    for tag in _TAG.finditer(html):
        text = html[start : tag.start()]
        yield text if skipping else _linked(text, glossary, address, seen)
        yield tag.group()
        start = tag.end()
        name = (tag["name"] or "").lower()
        if skipping:
            depth += (name == skipping) * (-1 if tag["end"] else 1)
            skipping = skipping if depth else ""
        elif name and not tag["end"] and (name in _SKIPPED or _MARKED.search(tag["attrs"])):
            skipping, depth = name, 1
            if name == "h2":
                seen.clear()
    yield html[start:] if skipping else _linked(html[start:], glossary, address, seen)


def _linked(text: str, glossary: Glossary, address: str, seen: set[str]) -> str:
    found, done = [], 0
    for start, end, id_ in glossary.find(text):
        if id_ in seen:
            continue
        seen.add(id_)
        title = escape(glossary.entries[id_].first_sentence)
        link = f'<a class="vd-term" href="{escape(address)}#{id_}" title="{title}">'
        found += [text[done:start], link, text[start:end], "</a>"]
        done = end
    return "".join((*found, text[done:]))
