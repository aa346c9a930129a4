"""Citations of a page: each gets a number, and a list at the end says what the numbers name.

``<span data-cite="KEY"></span>`` stands for the number alone, with a figure inside it for a
quoted one. Of several figures in one block from the same source the last shows the number:
the others are marked as quoted only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from virtdocs.checks.pages import Page
from virtdocs.errors import VirtdocsError
from virtdocs.render import catalogue, citations

_CITED = re.compile(
    r'<span\b[^>]*\bdata-cite="(?P<key>[^"]*)"[^>]*>(?P<figure>.*?)</span>', re.DOTALL
)
_BLOCK_END = re.compile(r"</(?:p|li|td|th|dd|h\d)>")


def number_citations(html: str, page: Page) -> str:
    """The page with its citations numbered in order of first use, and what they name."""
    numbers: dict[str, int] = {}
    seen: dict[str, int] = {}

    def mark(match: re.Match[str]) -> str:
        key = match["key"]
        number = numbers.setdefault(key, len(numbers) + 1)
        seen[key] = seen.get(key, 0) + 1
        label = escape(citations.source(key).title)
        link = f'id="cited-{number}-{seen[key]}" href="#source-{number}" title="{label}"'
        sup = f'<sup class="vd-cite" data-cite="{escape(key)}"><a {link}>{number}</a></sup>'
        if not match["figure"]:
            return sup
        figure = f'<span class="vd-quoted" data-cite="{escape(key)}">{match["figure"]}</span>'
        end = _BLOCK_END.search(html, match.end())
        rest = html[match.end() : end.start() if end else None]
        again = any(later["key"] == key and later["figure"] for later in _CITED.finditer(rest))
        return figure if again else figure + sup

    html = _CITED.sub(mark, html)
    if not numbers:
        return html
    words = catalogue.load(page.lang)
    status = citations.status_words(words)
    entries = "".join(
        f'<li id="source-{number}">{citations.html(key, status)}</li>'
        for key, number in numbers.items()
    )
    title = escape(words.text("ui.sources"))
    return (
        f'{html}<section class="vd-sources" aria-labelledby="page-sources" '
        f'data-search-exclude="true">'
        f'<h2 id="page-sources">{title}</h2><ol>{entries}</ol></section>'
    )


def unknown_citations(page: Page) -> Iterator[tuple[int, str]]:
    """Line and message of each citation key that names no source."""
    for line, text in enumerate(page.unfenced, 1):
        for key in re.findall(r'data-cite="([^"]*)"', text):
            try:
                citations.source(key)
            except VirtdocsError as unknown:
                yield line, str(unknown)
