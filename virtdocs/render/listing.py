"""Lines of a text that were kept, added or removed: on a page, and as a drawing to download.

What became of a line is said by a sign in front of it and by its element (ins, del), and
only then by a colour.
"""

from __future__ import annotations

from html import escape

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.views.model import Listing, Mark

SIGNS = {Mark.SAME: " ", Mark.ADDED: "+", Mark.REMOVED: "-", Mark.PLACE: " "}
ELEMENTS = {Mark.SAME: "span", Mark.ADDED: "ins", Mark.REMOVED: "del", Mark.PLACE: "span"}
COLOURS = {Mark.ADDED: "hw_nested", Mark.REMOVED: "trap_emulate"}
TEXT, LEADING, EM = 12.5, 18.0, 0.61  # of a monospaced font
FONTS = "ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def html(view: Listing, words: Catalogue, label_id: str) -> str:
    """A code block named by the element ``label_id``; scrolls inside its own box."""
    lines = "".join(_line(mark, text, words) for mark, text in view.lines)
    return (
        f'<div class="vd-scroll vd-listing" tabindex="0" role="region" '
        f'aria-labelledby="{escape(label_id)}"><pre><code>{lines}</code></pre></div>'
    )


def _line(mark: Mark, text: str, words: Catalogue) -> str:
    tag = ELEMENTS[mark]
    label = escape(words.text(f"mark.{mark}"))
    return (
        f'<{tag} class="vd-line vd-{mark}" title="{label}">'
        f'<span class="vd-sign">{SIGNS[mark]}</span>{escape(text)}\n</{tag}>'
    )


def drawn(view: Listing, prefix: str, title: str, description: str) -> str:
    """The same lines as one figure."""
    width = max(len(text) + 2 for _, text in view.lines) * TEXT * EM + 24
    body = ""
    for index, (mark, text) in enumerate(view.lines):
        top = 8 + index * LEADING
        if mark in COLOURS:
            colour = palette.variable(COLOURS[mark])
            body += svg.element(
                "rect",
                x=0,
                y=top,
                width=width,
                height=LEADING,
                style=f"fill:{colour}",
                fill_opacity=0.14,
            )
        # no-break spaces: SVG would fold the columns of the source
        shown = f"{SIGNS[mark]} {text}".replace(" ", "\u00a0")
        weight = 700 if mark is Mark.PLACE else None
        body += svg.text(12, top + LEADING * 0.72, shown, TEXT, weight=weight, family=FONTS)
    height = 16 + LEADING * len(view.lines)
    return svg.document(prefix, width, height, title, description, body, "vd-svg vd-drawn-listing")
