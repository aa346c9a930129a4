"""The manifest of a built site: every exhibit and value with what it takes to check it.

``manifest.json`` at the root of the site, canonical (sorted keys), the same bytes for the
same commit:

    form, version, engine_hash
    files   path -> SHA-256 of every file of the site but this one
    pages   path -> source, lang,
            exhibits[]  name, params, anchor, number, engine_hash, answer_hash, command,
                        sources, figure, tables[], drawings[] and downloads{} (SHA-256)
            values[]    value (EXHIBIT.KEY), params, format, raw, text, in_attribute

The values of a page are in the order in which they stand on it. One that only an attribute
shows, as in an alt text, has no element of its own: it is marked, and comes after the others.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import virtdocs
from virtdocs.errors import VirtdocsError
from virtdocs.experiments.identity import engine_hash
from virtdocs.site.drawn import digest
from virtdocs.site.placed import Entry, PlacedPage
from virtdocs.site.shown import VALUE, read_value
from virtdocs.views.answer import Plain

NAME: Final = "manifest.json"
FORM: Final = 1
_VALUE = re.compile(rf"(?s)<data\b[^>]*\b{VALUE}=.*?</data>")


def write(site: Path, pages: Iterable[PlacedPage]) -> None:
    """Write the manifest of a site that is complete on disk."""
    found: dict[str, Plain] = {page.path: _page_entry(site, page) for page in pages}
    files: dict[str, Plain] = {
        path.relative_to(site).as_posix(): digest(path.read_bytes())
        for path in site.rglob("*")
        if path.is_file() and path != site / NAME
    }
    whole: dict[str, Plain] = {
        "form": FORM,
        "version": virtdocs.__version__,
        "engine_hash": engine_hash(),
        "files": files,
        "pages": found,
    }
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, indent=1)
    (site / NAME).write_text(text + "\n", encoding="utf-8")


def _page_entry(site: Path, page: PlacedPage) -> dict[str, Plain]:
    return {
        "source": page.source,
        "lang": page.lang,
        "exhibits": [dict(one.entry) for one in page.exhibits],
        "values": _in_order(page, (site / page.path).read_text(encoding="utf-8")),
    }


def _in_order(page: PlacedPage, html: str) -> list[Plain]:
    """The values as they stand on the page.

    Markdown resolves tags in an order of its own (headings, cells, titles), so each element
    takes the next tag that gave just this element.
    """
    waiting: dict[tuple[Plain, ...], deque[Entry]] = {}
    for one in page.values:
        key = (one.entry["value"], one.entry["raw"], one.entry["text"])
        waiting.setdefault(key, deque()).append(one.entry)
    found: list[Plain] = []
    for match in _VALUE.finditer(html):
        shown = read_value(match.group())
        same = waiting.get((shown.name, shown.raw, shown.text))
        if not same:
            raise VirtdocsError(page.source, f"no tag has made the value {shown.name!r} there")
        found.append(dict(same.popleft()))
    found += [{**entry, "in_attribute": True} for left in waiting.values() for entry in left]
    return found
