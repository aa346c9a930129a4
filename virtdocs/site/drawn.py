"""One exhibit and one value as they stand on a built page, and what a manifest says of them.

A build and `virtdocs verify` both come here: what the one writes the other expects.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from virtdocs.exhibits import Built
from virtdocs.site.placed import PlacedPage
from virtdocs.site.shown import ShownValue
from virtdocs.site.spans import spans
from virtdocs.views.answer import Plain

_PART = re.compile(r"<(svg|table)\b")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure in HTML, and the text of each of its downloads by path within the site."""

    html: str
    files: Mapping[str, str]


def draw(built: Built, page: PlacedPage, number: int, anchor: str) -> Drawn:
    """The figure and its files; raises what rendering raises."""
    from virtdocs.render import page as render  # what draws is imported where something is drawn

    html = render.exhibit_html(built, page.lang, number, anchor, page.files)
    return finished(html, render.downloads(built, page.lang, anchor), page)


def finished(html: str, downloads: Mapping[str, str], page: PlacedPage) -> Drawn:
    """A figure as rendered, with its downloads by file name, put on a page."""
    files = {f"{page.folder}{name}": text for name, text in downloads.items()}
    return Drawn(html, files)


def exhibit_entry(built: Built, number: int, anchor: str, drawn: Drawn) -> dict[str, Plain]:
    """What the manifest says of one figure."""
    parts: dict[str, list[Plain]] = {"svg": [], "table": []}
    for tag, start, end in spans(drawn.html, _PART):
        parts[tag].append(digest(drawn.html[start:end]))
    return {
        "name": built.name,
        "params": dict(built.params),
        "anchor": anchor,
        "number": number,
        "engine_hash": built.engine_hash,
        "answer_hash": built.answer_hash,
        "command": built.command,
        "sources": list(built.bundle.sources),
        "figure": digest(drawn.html),
        "tables": parts["table"],
        "drawings": parts["svg"],
        "downloads": {name: digest(text) for name, text in drawn.files.items()},
    }


def value_entry(built: Built, fmt: str, shown: ShownValue) -> dict[str, Plain]:
    """What the manifest says of one value in a sentence."""
    return {
        "value": shown.name,
        "params": dict(built.params),
        "format": fmt,
        "raw": shown.raw,
        "text": shown.text,
        "in_attribute": False,
    }


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
