"""Citations of a page: ``<span data-cite="KEY"></span>`` gets a number and a list at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from virtdocs.checks.pages import Page
from virtdocs.errors import VirtdocsError
from virtdocs.render import catalogue, citations

_EMPTY = re.compile(r'<span data-cite="(?P<key>[^"]*)"></span>')


def number_citations(html: str, page: Page) -> str:
    """The page with its citations numbered in order of first use, and what they name."""
    words = catalogue.load(page.lang)
    numbers: dict[str, int] = {}
    seen: dict[str, int] = {}

    def mark(match: re.Match[str]) -> str:
        key = match["key"]
        number = numbers.setdefault(key, len(numbers) + 1)
        seen[key] = seen.get(key, 0) + 1
        label = escape(citations.source(key).title)
        return (
            f'<sup class="vd-cite" data-cite="{escape(key)}">'
            f'<a id="cited-{number}-{seen[key]}" href="#source-{number}" title="{label}">'
            f"{number}</a></sup>"
        )

    html = _EMPTY.sub(mark, html)
    if not numbers:
        return html
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
