"""Gate links: links inside the site lead to a page, a heading, an exhibit or a file.

Both languages have their own pages, so each link is followed from where it stands.
Addresses of other sites are not fetched here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from virtdocs import exhibits
from virtdocs.checks.elements import anchor_ids, links
from virtdocs.checks.fences import placements
from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import LANGUAGES, Page, read_pages
from virtdocs.errors import VirtdocsError, nearest

GATE = "links"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_FOOTNOTE = re.compile(r"\[\^([\w-]+)\](:?)")


def check(root: Path) -> list[Finding]:
    """Links and footnotes that lead nowhere."""
    found: list[Finding] = []
    for lang in LANGUAGES:
        pages = {page.path: page for page in read_pages(root, lang)}
        for page in pages.values():
            for line, target, _ in links(page):
                message = _problem(root, page, target, pages)
                if message:
                    found.append(Finding(page.file, line, GATE, message))
            found += _footnotes(page)
    return found


def anchors(page: Page) -> set[str]:
    """The ids that a link may name on a page: its headings and its exhibits."""
    found = {section.id for section in page.sections if section.id}
    found |= {name for _, name in anchor_ids(page)}
    for placed in placements(page):
        try:
            values = [value for _, value in exhibits.resolve(placed.name, dict(placed.params))]
        except VirtdocsError:  # the gate exhibits reports it
            continue
        found.add("-".join((placed.name, *values)))
    return found


def _problem(root: Path, page: Page, target: str, pages: Mapping[str, Page]) -> str:
    """Why a link leads nowhere, empty when it leads somewhere."""
    if _SCHEME.match(target):
        return ""
    if target.startswith("/"):
        return f"link {target} is absolute: it breaks where the site stands in a folder"
    path, _, anchor = target.partition("#")
    here = posixpath.join(posixpath.dirname(page.path), path) if path else page.path
    full = posixpath.normpath(here)
    if full in pages:
        known = anchors(pages[full])
        if anchor and anchor not in known:
            return f"link {target}: no id {anchor!r} on {pages[full].file}{_suggest(anchor, known)}"
        return ""
    if full.startswith(".."):
        return f"link {target} leaves the pages of its language"
    if any((root / "docs" / folder / full).is_file() for folder in (page.lang, "")):
        return ""
    return f"link {target}: no such page or file{_suggest(full, set(pages))}"


def _suggest(name: str, known: set[str]) -> str:
    close = nearest(name, sorted(known))
    return f". Did you mean {close}?" if close else ""


def _footnotes(page: Page) -> Iterator[Finding]:
    """Notes without a mark and marks without a note."""
    marks: dict[str, int] = {}
    notes: dict[str, int] = {}
    for n, line in enumerate(page.unfenced, 1):
        for match in _FOOTNOTE.finditer(re.sub(r"`[^`\n]*`", "", line)):
            note = match[2] and line.startswith(match.group())
            (notes if note else marks).setdefault(match[1], n)
    for name in sorted(set(marks) - set(notes)):
        yield Finding(page.file, marks[name], GATE, f"footnote [^{name}] has no text")
    for name in sorted(set(notes) - set(marks)):
        yield Finding(page.file, notes[name], GATE, f"footnote [^{name}] is never referred to")
