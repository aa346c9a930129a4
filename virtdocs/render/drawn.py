"""Drawing an exhibit for any place: the slow part of rendering."""

from __future__ import annotations

from dataclasses import replace

from virtdocs.exhibits.registry import Built
from virtdocs.render import figure, mpl, page
from virtdocs.render.catalogue import load
from virtdocs.render.placed import ANCHOR, ENGINE, FILES, NUMBER, Unplaced
from virtdocs.render.values import slug
from virtdocs.views.model import Listing, Table


def ready() -> None:
    """Import now what the first chart would import."""
    mpl.renderer()


def unplaced(built: Built, lang: str) -> Unplaced:
    """Draw an exhibit in one language; raises what drawing it raises."""
    anyone = replace(built, engine_hash=ENGINE)
    if isinstance(built.bundle.view, Table | Listing):
        html = page.exhibit_html(anyone, lang, NUMBER, ANCHOR, FILES)
        downloads = page.downloads(anyone, lang, ANCHOR)
    else:  # the drawing of the page is the one to download, with other ids
        wide = figure.wide(anyone, load(lang), ANCHOR)
        html = page.exhibit_html(anyone, lang, NUMBER, ANCHOR, FILES, wide)
        drawn = wide.replace(ANCHOR, slug(built)) + "\n"
        downloads = page.downloads(anyone, lang, ANCHOR, drawn)
    return Unplaced(html, tuple(downloads.items()))
