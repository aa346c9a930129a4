"""An exhibit as part of a page.

For the site's hooks (nothing here reads or writes a file of the site):

    caption_kind(built) -> "figure" | "table"
        Which of the two counters of a page the exhibit takes its number from.
    slug(built) -> str
        The default anchor, for example ``privileged_flow-bt-cli``: name and the
        parameters' values. Append ``-2`` … when a page shows the same exhibit again.
    exhibit_html(built, lang, number, anchor, files="") -> str
        The complete <figure class="vd-exhibit" id=anchor data-exhibit=name …>, to be put
        into the page after Markdown conversion. ``files`` prefixes download links. A table's
        row that has an anchor of its own has the id ANCHOR-ROW.
    downloads(built, lang, anchor) -> dict[str, str]
        File name -> text (UTF-8) of the files that ``exhibit_html`` links to: SVG, CSV
        and JSON. Write them beside the page; ``files`` leads there from the page.
    value_html(key, fmt, built, lang) -> str
        ``<data data-value="EXHIBIT.KEY" value="RAW">text</data>``; ``fmt`` "" for the default.
        An unknown key or format raises UnknownName or BadValue.
    value_text(key, fmt, built, lang) -> str
        The same text without markup: for headings, titles, alt texts; particles follow it.
    stylesheet() -> str
        The CSS of all exhibits with the variables ``--vd-<technique>`` for light and dark
        (Material's ``[data-md-color-scheme="slate"]``): one file of the site, linked once.

Particles after a value are chosen with ``particles.attach(value_text(...), "은/는")``.
Every mistake is a `VirtdocsError`; `VirtdocsError.at("docs/ko/x.md:12")` adds the place.
"""

from __future__ import annotations

import re
from html import escape

from virtdocs.exhibits.registry import Built
from virtdocs.render import alt, figure, formats, listing, numbers, provenance, table
from virtdocs.render.catalogue import Catalogue, load
from virtdocs.render.stylesheet import stylesheet
from virtdocs.render.values import caption_kind, slug, value_html, value_text
from virtdocs.views.model import Listing, Rings, Table
from virtdocs.views.tabular import table_of

DOWNLOADS = ("svg", "csv", "json")
# Cells stay apart in the search index by a blank.
_CELL = re.compile(r"</(?:td|th|dt|dd|p|summary|figcaption)>")


def exhibit_html(
    built: Built, lang: str, number: int | str, anchor: str, files: str = "", wide: str = ""
) -> str:
    """The complete figure: caption, drawing or table, data, provenance, downloads.

    ``wide``: its wide drawing, when the caller has it.
    """
    words = load(lang)
    kind = caption_kind(built)
    title = words.text(f"ui.{kind}_number", {"n": str(number)})
    params = " ".join(f"{key}={value}" for key, value in built.params)
    parts = [
        f'<figcaption id="{escape(anchor)}-caption"><span class="vd-number">{escape(title)}</span> '
        f"{escape(alt.caption(built, words))}</figcaption>",
        f'<p class="vd-summary">{escape(alt.summary(built, words))}</p>',
        _body(built, words, anchor, wide),
        _notes(built, words),
        table.legend(table_of(built.bundle.view), words),
        _data(built, words, anchor),
        provenance.html(built, words, anchor),
        _files(built, words, anchor, files),
    ]
    whole = _CELL.sub(r"\g<0>\n", "".join(parts))
    return (
        f'<figure class="vd-exhibit vd-exhibit-{kind}" id="{escape(anchor)}" '
        f'data-exhibit="{escape(built.name)}" data-params="{escape(params)}" '
        f'data-engine-hash="{built.engine_hash}" data-answer-hash="{built.answer_hash}">'
        f"{whole}</figure>"
    )


def _body(built: Built, words: Catalogue, anchor: str, wide: str) -> str:
    view = built.bundle.view
    if isinstance(view, Table):
        return table.html(view, words, f"{anchor}-caption", anchor)
    if isinstance(view, Listing):
        return listing.html(view, words, f"{anchor}-caption")
    wide = wide or figure.wide(built, words, anchor)
    drawings = f'<div class="vd-wide">{wide}</div>'
    small = figure.narrow(built, words, f"{anchor}-n")
    if small:
        drawings += f'<div class="vd-narrow">{small}</div>'
    kind = "vd-drawing vd-both" if small else "vd-drawing"
    facts = _facts(view, words) if isinstance(view, Rings) else ""
    return f'<div class="{kind}">{drawings}</div>{facts}'


def _facts(view: Rings, words: Catalogue) -> str:
    found = "".join(
        f"<div><dt>{escape(numbers.label_text(label, words))}</dt>"
        f"<dd>{escape(numbers.value_text(value, words))}{table.mark(value.basis, words)}</dd></div>"
        for label, value in view.facts
    )
    return f'<dl class="vd-facts">{found}</dl>' if found else ""


def _notes(built: Built, words: Catalogue) -> str:
    notes = getattr(built.bundle.view, "notes", ())
    return "".join(
        f'<p class="vd-note">{escape(numbers.label_text(note, words))}</p>' for note in notes
    )


def _data(built: Built, words: Catalogue, anchor: str) -> str:
    if isinstance(built.bundle.view, Table):
        return ""
    head = escape(words.text("ui.data"))
    rows = table.html(table_of(built.bundle.view), words, f"{anchor}-data", anchor)
    summary = f'<summary id="{escape(anchor)}-data">{head}</summary>'
    return f'<details class="vd-data">{summary}{rows}</details>'


def _files(built: Built, words: Catalogue, anchor: str, files: str) -> str:
    name = alt.caption(built, words)
    links = ""
    for kind in DOWNLOADS:
        label = words.text("ui.download_as", {"name": name, "kind": kind.upper()})
        links += (
            f'<li><a href="{escape(files)}{escape(anchor)}.{kind}" download '
            f'aria-label="{escape(label)}">{kind.upper()}</a></li>'
        )
    return f'<ul class="vd-files">{links}</ul>'


def downloads(built: Built, lang: str, anchor: str, drawn: str = "") -> dict[str, str]:
    """File name to text: what the page links to, the same text as the command line's.

    ``drawn``: the SVG, when the caller has it.
    """
    known = {"svg": drawn} if drawn else {}
    return {
        f"{anchor}.{kind}": known.get(kind) or formats.export(built, kind, lang)
        for kind in DOWNLOADS
    }


__all__ = [
    "caption_kind",
    "downloads",
    "exhibit_html",
    "slug",
    "stylesheet",
    "value_html",
    "value_text",
]
