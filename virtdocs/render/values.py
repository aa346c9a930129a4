"""What a page asks of an exhibit besides its figure: its number's kind, its anchor, its values.

Apart from `page`, so that a build of which nothing changed imports nothing that draws.
"""

from __future__ import annotations

from html import escape

from virtdocs.errors import UnknownName
from virtdocs.exhibits.registry import Built
from virtdocs.render import numbers
from virtdocs.render.catalogue import load
from virtdocs.views.model import Table, Value


def slug(built: Built) -> str:
    """Name and parameter values as an id: ``privileged_flow-bt-cli``."""
    values = (value.replace("+", "-") for _, value in built.params)
    return "-".join([built.name, *values])


def caption_kind(built: Built) -> str:
    """``table`` for a table, else ``figure``."""
    return "table" if isinstance(built.bundle.view, Table) else "figure"


def value_text(key: str, fmt: str, built: Built, lang: str) -> str:
    """One value of an exhibit as text."""
    return numbers.value_text(_value(key, built), load(lang), fmt)


def value_html(key: str, fmt: str, built: Built, lang: str) -> str:
    """One value of an exhibit, bound into a sentence."""
    raw = escape(numbers.raw_text(_value(key, built)))
    text = escape(value_text(key, fmt, built, lang))
    title = ""
    if fmt.startswith(numbers.HOLDS):  # the mark alone does not say what was found
        words = load(lang)
        basis = words.text(f"basis.{_value(key, built).basis}")
        shown = numbers.value_text(_value(key, built), words)
        title = f' class="vd-holds" title="{escape(f"{basis}: {shown}")}"'
    name = f"{escape(built.name)}.{escape(key)}"
    return f'<data data-value="{name}" value="{raw}"{title}>{text}</data>'


def _value(key: str, built: Built) -> Value:
    if key not in built.values:
        raise UnknownName(f"exhibit {built.name}", "value", key, built.values)
    return built.values[key]
