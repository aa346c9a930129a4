"""A built page, read back: its figures and its bound values as they stand in the HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

EXHIBIT = "data-exhibit"
VALUE = "data-value"


@dataclass(frozen=True, slots=True)
class ShownExhibit:
    """An element with ``data-exhibit``, from its opening tag to its closing one."""

    name: str
    anchor: str
    html: str


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A ``<data data-value=… value=…>`` element: what machines read and what people read."""

    name: str
    raw: str
    text: str
    title: str = ""


class ShownPage(HTMLParser):
    """The exhibits and values of one page, each in the order of the document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.exhibits: list[ShownExhibit] = []
        self.values: list[ShownValue] = []
        self._html = html
        self._lines = [0]
        for line in html.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._figure: tuple[str, dict[str, str], int, int] | None = None
        self._value: tuple[dict[str, str], list[str]] | None = None
        self.feed(html)
        self.close()
        self._end_figure(len(html))
        self._end_value()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An exhibit begins, or a value."""
        found = {key: value or "" for key, value in attrs}
        if self._figure is not None and tag == self._figure[0]:
            name, own, start, depth = self._figure
            self._figure = (name, own, start, depth + 1)
        elif self._figure is None and EXHIBIT in found:
            self._figure = (tag, found, self._here(), 1)
        if VALUE in found:
            self._end_value()
            self._value = (found, [])

    def handle_endtag(self, tag: str) -> None:
        """An exhibit ends, or a value."""
        if tag == "data":
            self._end_value()
        if self._figure is not None and tag == self._figure[0]:
            name, own, start, depth = self._figure
            self._figure = (name, own, start, depth - 1)
            if depth == 1:
                self._end_figure(self._html.index(">", self._here()) + 1)

    def handle_data(self, data: str) -> None:
        """Text, of a value if one is open."""
        if self._value is not None:
            self._value[1].append(data)

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _end_figure(self, end: int) -> None:
        if self._figure is not None:
            _, own, start, _ = self._figure
            html = self._html[start:end]
            self.exhibits.append(ShownExhibit(own[EXHIBIT], own.get("id", ""), html))
            self._figure = None

    def _end_value(self) -> None:
        if self._value is not None:
            own, text = self._value
            shown = ShownValue(
                own[VALUE], own.get("value", ""), "".join(text), own.get("title", "")
            )
            self.values.append(shown)
            self._value = None


def read_value(html: str) -> ShownValue:
    """The one value of a piece of HTML."""
    [value] = ShownPage(html).values
    return value
