"""What no formatter sees: misspelt fences, fences Markdown did not take, broken tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from virtdocs.checks.fences import EXHIBIT, info_word
from virtdocs.checks.pages import Fence, Page
from virtdocs.errors import UnknownName

LANGUAGES = (
    "asm bash c console css csv diff html ini javascript json make markdown nasm python sh svg"
    " text toml xml yaml"
).split()
"""Info words of fences that show code; any other word is a mistake, not a language."""

_BROKEN = re.compile(r"\{\{|\}\}|\{%|%\}|\{[가-힣]+/[가-힣]+\}")
_OPAQUE = frozenset({"code", "pre", "script", "style", "svg"})
_SHOWN = frozenset({"alt", "title", "aria-label"})


def exhibit_fences(page: Page) -> list[Fence]:
    """The fences that Markdown has to turn into exhibits."""
    return [fence for fence in page.fences if info_word(fence) == EXHIBIT]


def leftovers(html: str, page: Page, unmet: list[Fence]) -> Iterator[tuple[int, str]]:
    """Line and message of everything that a reader would see raw."""
    for fence in page.fences:
        word = info_word(fence)
        if word and word != EXHIBIT and word not in LANGUAGES:
            unknown = UnknownName("", "fence", word, (EXHIBIT, *LANGUAGES))
            yield fence.line, str(unknown)
    for fence in unmet:
        yield fence.line, "exhibit not read: its fence is not closed, or not indented evenly"
    reader = _Shown()
    reader.feed(html)
    reader.close()
    for text in reader.texts:
        for match in _BROKEN.finditer(text):
            found = text[match.start() : match.start() + 40].split("\n")[0]
            yield _line_of(found, match.group(), page), f"not a value tag: {found!r}"


def _line_of(found: str, mark: str, page: Page) -> int:
    """The line that holds the text; Markdown may have changed what follows the mark."""
    for length in range(len(found), len(mark) - 1, -1):
        for number, line in enumerate(page.unfenced, 1):
            if found[:length] in line:
                return number
    return 1


class _Shown(HTMLParser):
    """Collects the text that is shown as prose, outside code and drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.opaque: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _OPAQUE:
            self.opaque.append(tag)
        if not self.opaque:
            self.texts.extend(value for key, value in attrs if key in _SHOWN and value)

    def handle_endtag(self, tag: str) -> None:
        if self.opaque and self.opaque[-1] == tag:
            self.opaque.pop()

    def handle_data(self, data: str) -> None:
        if not self.opaque:
            self.texts.append(data)
