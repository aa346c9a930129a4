"""Where the numbers of an exhibit come from: parameters, prices, hashes, commands, sources.

Apart from `page`, so that a page of which no figure changed imports nothing that draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from virtdocs.exhibits.registry import Built
from virtdocs.render import alt, citations, numbers, table
from virtdocs.render.catalogue import Catalogue, load
from virtdocs.views.model import Value
from virtdocs.views.tabular import table_of


def html(built: Built, words: Catalogue, anchor: str) -> str:
    """The provenance of a figure, closed until it is asked for."""
    summary = f"<summary>{escape(words.text('ui.provenance'))}</summary>"
    return f'<details class="vd-provenance">{summary}{_made(built, words, anchor)}</details>'


def _made(built: Built, words: Catalogue, anchor: str) -> str:
    """How to get the same numbers again: parameters, prices, hashes, commands, sources."""
    params = "".join(
        f"<dt>{escape(words.text(f'param.{key}'))}</dt><dd><code>{escape(value)}</code></dd>"
        for key, value in built.params
    )
    status = citations.status_words(words)
    cited = "".join(
        f"<li>{citations.html(key, status, _places(built, key))}</li>"
        for key in built.bundle.sources
    )
    commands = "".join(f"<li><code>{escape(line)}</code></li>" for line in command_lines(built))
    rows = [
        params,
        _entry(words, "prices", escape(words.text(f"ui.{_prices(built)}"))),
        _entry(words, "engine_hash", f"<code>{built.engine_hash}</code>"),
        _entry(words, "answer_hash", f"<code>{built.answer_hash}</code>"),
        _entry(words, "commands", f"<ul>{commands}</ul>"),
        _entry(words, "sources", f"<ul>{cited}</ul>") if cited else "",
    ]
    return f"<dl>{''.join(rows)}</dl>{_inputs(built, words, anchor)}"


def _inputs(built: Built, words: Catalogue, anchor: str) -> str:
    """Formula, counts and costs of what is priced; "" for what no cost went into."""
    made = built.bundle.inputs
    if made is None:
        return ""
    formulas = "".join(
        f"<li>{escape(numbers.label_text(one, words))}</li>" for one in made.formulas
    )
    found = f'<p class="vd-input">{escape(words.text("ui.formula"))}</p><ul>{formulas}</ul>'
    for place, (head, rows) in enumerate(made.tables, 1):
        if not rows.rows:
            continue
        name = f"{anchor}-input-{place}"
        title = escape(numbers.label_text(head, words))
        found += f'<p class="vd-input" id="{escape(name)}">{title}</p>'
        found += table.html(rows, words, name)
    return f'<div class="vd-inputs">{found}</div>'


def origin_html(built: Built, lang: str, anchor: str, shown: Mapping[str, str]) -> str:
    """Where the values of an exhibit come from that a page quotes without showing it.

    ``shown``: text of each value by its key. Closed until it is asked for.
    """
    words = load(lang)
    values = "".join(
        f"<li><code>{escape(key)}</code> {escape(text)}</li>" for key, text in shown.items()
    )
    head = f"<summary>{escape(alt.caption(built, words))}</summary>"
    return (
        f'<details class="vd-provenance vd-origin" id="{escape(anchor)}" '
        f'data-of="{escape(built.name)}">{head}<ul class="vd-shown">{values}</ul>'
        f"{_made(built, words, anchor)}</details>"
    )


def _prices(built: Built) -> str:
    return "published_prices" if built.bundle.priced else "no_prices"


def _places(built: Built, key: str) -> list[str]:
    """The parts of a source that the cells quote, for example ``T7.4-r1 L642``."""
    rows = table_of(built.bundle.view).rows
    cells = (cell for row in rows for cell in row.cells if isinstance(cell, Value))
    found = (place for cell in cells for place in cell.where if place.startswith(f"{key} "))
    return list(dict.fromkeys(place.removeprefix(f"{key} ") for place in found))


def _entry(words: Catalogue, key: str, body: str) -> str:
    return f"<dt>{escape(words.text(f'ui.{key}'))}</dt><dd>{body}</dd>"


def command_lines(built: Built) -> list[str]:
    """The command for this exhibit and those for the runs behind it."""
    return [built.command, *built.bundle.commands]
