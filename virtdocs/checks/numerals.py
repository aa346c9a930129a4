"""Gate numerals: a number in prose is bound, cited, quoted or on the short allow-list.

Authors write `{{ EXHIBIT.KEY }}` for a number that the engine gives,
`<span data-cite="KEY">24</span>` for one from elsewhere, and
`<q data-source="ID">…</q>` or `!!! quote` for the words of the source document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from virtdocs.checks.allowed_numerals import mask_allowed
from virtdocs.checks.findings import Finding
from virtdocs.checks.number_words import NUMBER_WORDS
from virtdocs.checks.pages import Page, read_pages
from virtdocs.checks.termlist import read_terms

GATE = "numerals"
_ADVICE = "bind it ({{ EXHIBIT.KEY }}), cite it (data-cite) or quote it"

_DIGITS = re.compile(
    r"[~≈≤≥<>±+−×]?\d+(?:[.,:/–~-]?\d+)*"
    r"(?:\s?(?:%p?|퍼센트|percent\b)|[가-힣]{1,4}|[ -]?[A-Za-z×]+)?"
    r"|[¹²³¼½¾⁰-⁹⅐-⅞①-⑳]+"
)
_CODE_NUMBER = re.compile(r"(?<!`)(`+)\s*([~+-]?\d+(?:[.,]\d+)*\s?(?:%|[A-Za-z가-힣]+)?)\s*\1(?!`)")
_HEX = re.compile(r"0[xXbB]")


def check(root: Path) -> list[Finding]:
    """Numbers that nothing stands behind, on every page."""
    forms = {form for term in read_terms(root) for form in (*term.names, *term.flagged)}
    names = tuple(sorted((f for f in forms if re.search(r"\d", f)), key=len, reverse=True))
    return [finding for page in read_pages(root) for finding in check_page(page, names)]


def check_page(page: Page, names: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Unbound numbers of one page; ``names`` are glossary forms that hold digits."""
    prose = "\n".join(page.prose)
    masked = mask_allowed(prose, names)
    for match in _DIGITS.finditer(masked):
        found = match.group().strip()
        yield _finding(page, prose, match.start(), f"unbound number {found!r}: {_ADVICE}")
    for match in NUMBER_WORDS.finditer(prose):
        found = " ".join(match.group().split())
        yield _finding(page, prose, match.start(), f"number in words {found!r}: {_ADVICE}")
    for n, line in enumerate(page.unfenced, 1):
        for match in _CODE_NUMBER.finditer(line):
            if not _HEX.match(match[2]):
                message = f"number {match[2]!r} hidden in code: {_ADVICE}"
                yield Finding(page.file, n, GATE, message)


def _finding(page: Page, prose: str, offset: int, message: str) -> Finding:
    return Finding(page.file, prose.count("\n", 0, offset) + 1, GATE, message)
