"""Any view as SVG: picks the drawing, prefixes its ids, gives it title and description."""

from __future__ import annotations

from virtdocs.exhibits.registry import Built
from virtdocs.render import (
    alt,
    curves_svg,
    flow_svg,
    listing,
    mpl,
    rings_svg,
    table,
    walk_svg,
    winners_svg,
)
from virtdocs.render.catalogue import Catalogue
from virtdocs.views.model import Chart, Curves, Flow, Listing, Panels, Rings, WalkGrid, WinnerMap


def wide(built: Built, words: Catalogue, prefix: str) -> str:
    """The drawing for a wide page, for downloads and for the command line."""
    view, named = built.bundle.view, _named(built, words, prefix)
    if isinstance(view, Flow):
        return flow_svg.wide(view, words, *named)
    if isinstance(view, Rings):
        return rings_svg.rings(view, words, *named)
    if isinstance(view, Chart):
        return mpl.chart(view, words, *named)
    if isinstance(view, Panels):
        return mpl.panels(view, words, *named)
    if isinstance(view, Curves):
        return curves_svg.wide(view, words, *named)
    if isinstance(view, WalkGrid):
        return walk_svg.wide(view, words, *named)
    if isinstance(view, WinnerMap):
        return winners_svg.wide(view, words, *named)
    if isinstance(view, Listing):
        return listing.drawn(view, *named)
    return table.drawn(view, words, *named)


def narrow(built: Built, words: Catalogue, prefix: str) -> str:
    """The drawing for a phone, "" when the wide one serves."""
    view, named = built.bundle.view, _named(built, words, prefix)
    if isinstance(view, Flow):
        return flow_svg.narrow(view, words, *named)
    if isinstance(view, Chart):
        return mpl.chart(view, words, *named, mpl.NARROW)
    if isinstance(view, Panels):
        return mpl.panels(view, words, *named, mpl.NARROW)
    if isinstance(view, Curves):
        return curves_svg.narrow(view, words, *named)
    if isinstance(view, WalkGrid):
        return walk_svg.narrow(view, words, *named)
    if isinstance(view, WinnerMap):
        return winners_svg.narrow(view, words, *named)
    return ""


def _named(built: Built, words: Catalogue, prefix: str) -> tuple[str, str, str]:
    return prefix, alt.caption(built, words), alt.description(built, words)
