"""From a value in a sentence to where it comes from: the first of two clicks.

A value whose exhibit stands on the same page leads to that figure; of every other exhibit
that a page quotes, the page ends with what made it. Either place holds, closed, the formula,
the counts and costs, the command and the sources: the second click. Links need no script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from xml.etree.ElementTree import Element

from virtdocs.exhibits import Built
from virtdocs.render import alt, catalogue
from virtdocs.render.provenance import origin_html
from virtdocs.render.values import slug

MARK = "data-vd-from"  # on a value until the page is finished
# A link can't stand in a link: where one is open, the value is left as it is.
_PARTS = re.compile(
    rf'<a\b[^>]*>|</a>|<data(?P<head>[^>]*?) {MARK}="(?P<n>\d+)"(?P<tail>[^>]*)>'
    r"(?P<text>.*?)</data>",
    re.DOTALL,
)
Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Origins:
    """The values of one page, and the figures that they lead to."""

    lang: str
    quoted: list[tuple[Built, str, str]] = field(default_factory=list)
    figures: dict[Key, str] = field(default_factory=dict)

    def mark(self, value: Element, built: Built, key: str, text: str) -> None:
        """Remember which exhibit a value belongs to."""
        value.set(MARK, str(len(self.quoted)))
        self.quoted.append((built, key, text))

    def place(self, built: Built, anchor: str) -> None:
        """An exhibit stands on the page; of several alike the first is led to."""
        self.figures.setdefault(_key(built), anchor)

    def link(self, html: str, free: Callable[[str], str]) -> tuple[str, str]:
        """The finished page with its links, and the origins of what it does not show.

        ``free`` gives an id that the page does not use yet.
        """
        asked: dict[Key, tuple[Built, str, dict[str, str]]] = {}
        inside = False

        def part(match: re.Match[str]) -> str:
            nonlocal inside
            if match["n"] is None:
                inside = not match.group().startswith("</")
                return match.group()
            built, key, text = self.quoted[int(match["n"])]
            name = _key(built)
            if name not in self.figures and name not in asked:
                asked[name] = (built, free(f"from-{slug(built)}"), {})
            if name in asked:
                asked[name][2].setdefault(key, text)
            value = f"<data{match['head']}{match['tail']}>{match['text']}</data>"
            if inside:
                return value
            anchor = self.figures.get(name) or asked[name][1]
            title = escape(alt.caption(built, catalogue.load(self.lang)))
            return f'<a class="vd-from" href="#{escape(anchor)}" title="{title}">{value}</a>'

        linked = _PARTS.sub(part, html)
        return linked, self._ending(list(asked.values()))

    def _ending(self, asked: list[tuple[Built, str, dict[str, str]]]) -> str:
        if not asked:
            return ""
        title = escape(catalogue.load(self.lang).text("ui.origins"))
        made = "".join(
            origin_html(built, self.lang, anchor, shown) for built, anchor, shown in asked
        )
        return (
            f'<section class="vd-origins" aria-labelledby="page-origins">'
            f'<h2 id="page-origins">{title}</h2>{made}</section>'
        )


def _key(built: Built) -> Key:
    return built.name, built.params
