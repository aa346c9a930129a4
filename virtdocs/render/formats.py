"""An exhibit as md, svg, csv or json: the command line's text is the page's download."""

from __future__ import annotations

import json

from virtdocs.errors import BadValue, nearest
from virtdocs.exhibits.registry import Built
from virtdocs.render import alt, citations, figure, numbers, table
from virtdocs.render.catalogue import Catalogue, load
from virtdocs.render.provenance import command_lines
from virtdocs.render.values import slug
from virtdocs.views.tabular import table_of

FORMATS = ("md", "svg", "csv", "json")


def export(built: Built, format: str, lang: str) -> str:
    """The exhibit in one format; the words, if it has any, in ``lang``. Ends in a newline."""
    words = load(lang)
    if format == "svg":
        return figure.wide(built, words, slug(built)) + "\n"
    if format == "csv":
        return table.comma_separated(table_of(built.bundle.view), words)
    if format == "json":
        return json.dumps(built.data(), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    if format == "md":
        return _markdown(built, words)
    raise BadValue("format", f"no format {format!r}", nearest(format, FORMATS))


def _markdown(built: Built, words: Catalogue) -> str:
    rows = table_of(built.bundle.view)
    legend = ", ".join(
        f"{numbers.MARKS[basis]} {words.text(f'basis.{basis}')}" for basis in table.bases(rows)
    )
    parts = [
        f"**{alt.caption(built, words)}**",
        alt.description(built, words),
        table.markdown(rows, words).rstrip(),
        legend,
        *(table.cell_text(note, words) for note in rows.notes),
        "\n".join(f"    {line}" for line in command_lines(built)),
        f"engine_hash {built.engine_hash}  \nanswer_hash {built.answer_hash}",
        "\n".join(
            f"- {citations.plain(key, citations.status_words(words))}"
            for key in built.bundle.sources
        ),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"
