"""One page on its way from Markdown to HTML: its exhibits, numbered, and its values.

A fence becomes an empty slot while Markdown runs, and a figure afterwards: Markdown
never sees an SVG. A slot that Markdown drops again (a fence inside an indented code
sample) is not an exhibit, so numbers and mistakes are settled only at the end.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from xml.etree import ElementTree

from virtdocs.checks.fences import EXHIBIT, read_placement
from virtdocs.checks.pages import Fence, Page
from virtdocs.checks.tags import Tag, find_tags
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.render import particles
from virtdocs.render import values as render
from virtdocs.site.aside import Aside
from virtdocs.site.cited import number_citations, unknown_citations
from virtdocs.site.drawn import exhibit_entry, finished, value_entry
from virtdocs.site.lint import exhibit_fences, leftovers
from virtdocs.site.origins import Origins
from virtdocs.site.placed import PlacedExhibit, PlacedPage, PlacedValue
from virtdocs.site.shown import read_value
from virtdocs.site.workshop import Workshop

_SLOT = re.compile(r'<!--.*?-->|<div data-vd-slot="(?P<n>\d+)"></div>', re.DOTALL)
_IN_TEXT = re.compile(r'<p>(?:(?!</p>).)*?<div data-vd-slot="(\d+)">', re.DOTALL)
_ID = re.compile(r'\sid="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Slot:
    """A fence that Markdown met: what it asks for, or why it can't be had."""

    line: int
    built: Built | None
    mistake: str = ""


@dataclass(slots=True)
class PageExhibits:
    """The exhibits of one page; ``placed`` takes down what has been put on it."""

    page: Page
    workshop: Workshop
    placed: PlacedPage
    slots: list[Slot] = field(default_factory=list)
    unmet: list[Fence] = field(init=False)
    downloads: dict[str, str] = field(default_factory=dict)
    anchors: set[str] = field(default_factory=set)
    origins: Origins = field(init=False)
    aside: Aside = field(default_factory=Aside)

    def __post_init__(self) -> None:
        self.unmet = exhibit_fences(self.page)
        self.origins = Origins(self.page.lang)

    # -- while Markdown runs

    def fence(self, body: str, options: object) -> str:
        """Take one fence; answer with its slot. Never raises: a fence's errors are swallowed."""
        asked = read_placement(self._meet(body))
        try:
            if options:
                raise VirtdocsError("", "an exhibit's parameters stand in the body of its fence")
            if asked.problem:
                raise VirtdocsError("", asked.problem)
            built = self.workshop.build(asked.name, dict(asked.params))
            self.workshop.begin(built)
            self.slots.append(Slot(asked.line, built))
        except VirtdocsError as bad:
            self.slots.append(Slot(asked.line, None, str(bad)))
        return f'<div data-vd-slot="{len(self.slots) - 1}"></div>'

    def value(self, text: str) -> ElementTree.Element:
        """The element of one inline tag, with its particle."""
        tag = find_tags(text)[0]
        try:
            return self._value(tag)
        except VirtdocsError as bad:
            for line in self._lines_of(text):
                self.workshop.report(self.page.file, line, f"{text}: {bad}")
            broken = ElementTree.Element("strong", {"class": "vd-error"})
            # without braces: what is reported once must not look like one more broken tag
            broken.text = f"{text}: {bad}".replace("{", "(").replace("}", ")")
            return broken

    # -- afterwards

    def finish(self, html: str) -> str:
        """The page with figures in its slots; mistakes go to the workshop."""
        taken = set(_ID.findall(html))
        numbers: Counter[str] = Counter()

        def figure(match: re.Match[str]) -> str:
            if match["n"] is None:
                return match.group()
            slot = self.slots[int(match["n"])]
            if slot.built is None:
                self.workshop.report(self.page.file, slot.line, slot.mistake)
                return _notice(f"{self.page.file}:{slot.line}: {slot.mistake}")
            anchor = _free(render.slug(slot.built), taken)
            numbers[render.caption_kind(slot.built)] += 1
            return self._figure(slot, numbers[render.caption_kind(slot.built)], anchor)

        for n in _IN_TEXT.findall(html):
            line, message = self.slots[int(n)].line, "an exhibit needs a blank line on both sides"
            self.workshop.report(self.page.file, line, message)
        for line, message in leftovers(html, self.page, self.unmet):
            self.workshop.report(self.page.file, line, message)
        uncited = list(unknown_citations(self.page))
        for line, message in uncited:
            self.workshop.report(self.page.file, line, message)
        html = html if uncited else number_citations(html, self.page)
        html = _SLOT.sub(figure, html)
        html, ending = self.origins.link(html, lambda anchor: _free(anchor, taken))
        return html + self.aside.take_whole(ending)

    def _figure(self, slot: Slot, number: int, anchor: str) -> str:
        built = slot.built
        assert built is not None
        try:
            figure = self.workshop.place(built, self.page.lang, number, anchor, self.placed.files)
            drawn = finished(*figure, self.placed)
        except VirtdocsError as bad:
            message = str(bad)
        except Exception as broken:  # a renderer may raise anything; the page must say so
            message = f"exhibit {built.name!r}: raised {type(broken).__name__}: {broken}"
        else:
            self.anchors.add(anchor)
            self.origins.place(built, anchor)
            folder = self.placed.folder
            self.downloads |= {n.removeprefix(folder): text for n, text in drawn.files.items()}
            entry = exhibit_entry(built, number, anchor, drawn)
            place = PlacedExhibit(built.name, built.params, number, anchor, entry)
            self.placed.exhibits.append(place)
            return self.aside.take(drawn.html)
        self.workshop.report(self.page.file, slot.line, message)
        return _notice(f"{self.page.file}:{slot.line}: {message}")

    # -- reading

    def _value(self, tag: Tag) -> ElementTree.Element:
        if tag.problem:
            raise VirtdocsError("", tag.problem)
        built = self._meant(tag)
        try:
            lang = self.page.lang
            html = render.value_html(tag.key, tag.fmt, built, lang)
            data = ElementTree.fromstring(html)
            entry = value_entry(built, tag.fmt, read_value(html))
            place = PlacedValue(built.name, built.params, tag.key, tag.fmt, entry)
            self.placed.values.append(place)
            text = render.value_text(tag.key, tag.fmt, built, lang)
            self.origins.mark(data, built, tag.key, text)
            if not tag.particle:
                return data
            whole = ElementTree.Element("span", {"class": "vd-value"})
            whole.append(data)
            data.tail = particles.attach(text, tag.particle).removeprefix(text)
            return whole
        except VirtdocsError:
            raise
        except Exception as broken:  # as in _figure
            raise VirtdocsError("", f"raised {type(broken).__name__}: {broken}") from broken

    def _meant(self, tag: Tag) -> Built:
        """The exhibit as placed first on this page, unless the tag gives parameters."""
        if not tag.params:
            for slot in self.slots:
                if slot.built is not None and slot.built.name == tag.name:
                    return slot.built
        return self.workshop.build(tag.name, dict(tag.params))

    # -- lines: Markdown tells none

    def _meet(self, body: str) -> Fence:
        """The next fence of the raw page with this body."""
        for fence in self.unmet:
            if _bare(fence.body) == _bare(body):
                self.unmet.remove(fence)
                return fence
        return Fence(1, EXHIBIT, body, 1)

    def _lines_of(self, text: str) -> list[int]:
        """Each line that holds this tag; a tag in a code span is not told apart."""
        return [tag.line for tag in self.page.tags if tag.text == text] or [1]


def _bare(body: str) -> list[str]:
    return [line.strip(" \t>") for line in body.strip().splitlines()]


def _free(anchor: str, taken: set[str]) -> str:
    """The anchor, or the first of anchor-2, anchor-3 … that the page does not use yet."""
    free, n = anchor, 1
    while free in taken:
        n += 1
        free = f"{anchor}-{n}"
    taken.add(free)
    return free


def _notice(message: str) -> str:
    return f'<div class="vd-error" role="alert"><p>{escape(message)}</p></div>'
