"""Python-Markdown extension for value tags, ``{{ EXHIBIT.KEY|format }}{은/는}``.

An inline processor never fires in code spans or code blocks, and works wherever text
does: headings, table cells, link texts, alt texts. One trap: a table splits its cells at
``|`` before inline text is read, so the bar of a tag is hidden until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.util import AtomicString

_BAR = "\ue07c"  # private use: stands for the bar of a tag until its value is known
_TAG = r"\{\{[^{}\n]*\}\}(?:\{[가-힣]+/[가-힣]+\})?"

Resolve = Callable[[str], Element]


class TagExtension(Extension):
    """Replace each tag by what ``resolve`` makes of its text."""

    def __init__(self, resolve: Resolve) -> None:
        super().__init__()
        self.resolve = resolve

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the three parts; the numbers are places among Python-Markdown's own."""
        # after superfences (25) has taken code away, before raw HTML (20) is
        md.preprocessors.register(_HideBars(md), "vd_bars", 22)
        # after code spans (190) and before links and images (170 to 140), which hold tags
        md.inlinePatterns.register(_TagProcessor(_TAG, md, self.resolve), "vd_tags", 175)
        # last: code samples of tags get their bars back
        md.postprocessors.register(_ShowBars(md), "vd_bars", 0)


class _HideBars(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        return [re.sub(_TAG, lambda m: m.group().replace("|", _BAR), line) for line in lines]


class _ShowBars(Postprocessor):
    def run(self, text: str) -> str:
        return text.replace(_BAR, "|")


class _TagProcessor(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, resolve: Resolve) -> None:
        super().__init__(pattern, md)
        self.resolve = resolve

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element, int, int]:
        element = self.resolve(m.group().replace(_BAR, "|"))
        for part in element.iter():  # a value is no Markdown: 2*3 stays as it is
            part.text = AtomicString(part.text) if part.text else part.text
            part.tail = AtomicString(part.tail) if part.tail else part.tail
        return element, m.start(), m.end()
