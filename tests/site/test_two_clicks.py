"""From any number of the built site to what made it: a link or a figure, then its provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from virtdocs.exhibits import EXHIBITS
from virtdocs.site.origins import MARK

VOID = ("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")


@dataclass(slots=True)
class Element:
    """A tag with its attributes, what it contains, and its text."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def inside(self) -> list[Element]:
        """Everything in it, itself first."""
        return [self, *(one for child in self.children for one in child.inside())]

    def around(self, tag: str) -> Element | None:
        """The nearest element of this tag that it stands in."""
        here = self.parent
        while here is not None and here.tag != tag:
            here = here.parent
        return here

    def has(self, css: str) -> bool:
        return css in self.attributes.get("class", "").split()


class Reader(HTMLParser):
    """A page as elements. SVG is left out: it holds no value that a sentence binds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("page", {})
        self.here = self.root
        self.drawing = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.drawing += tag == "svg"
        if self.drawing:
            return
        found = Element(tag, {key: value or "" for key, value in attrs}, self.here)
        self.here.children.append(found)
        if tag not in VOID:
            self.here = found

    def handle_endtag(self, tag: str) -> None:
        if self.drawing:
            self.drawing -= tag == "svg"
            return
        here = self.here
        while here.parent is not None and here.tag != tag:
            here = here.parent
        if here.parent is not None:
            self.here = here.parent

    def handle_data(self, data: str) -> None:
        if not self.drawing:
            self.here.text += data


@pytest.fixture(scope="module")
def trees(pages: dict[str, str]) -> dict[str, list[Element]]:
    return {path: Reader(html).root.inside() for path, html in pages.items()}


def made_by(there: Element) -> Element | None:
    """What opens with the second click: the provenance in a figure, or the origin itself."""
    return next((one for one in there.inside() if one.has("vd-provenance")), None)


def missing(made: Element) -> list[str]:
    """What a reader doesn't find in a provenance."""
    everything = made.inside()
    words = [one.text for one in everything if one.tag == "code"]
    lack = []
    if not any(text.startswith("virtdocs ") for text in words):
        lack.append("no command")
    if made.children[0].tag != "summary" or made.tag != "details":
        lack.append("does not open without a script")
    if not any(one.has("vd-inputs") for one in everything):
        return lack
    tables = [one for one in everything if one.tag == "table"]
    lists = [one for one in everything if one.has("vd-inputs") for one in one.inside()]
    if not any(one.tag == "li" and one.text for one in lists):
        lack.append("no formula")
    if not tables:
        lack.append("no costs")
    return lack


def test_every_value_of_a_sentence_leads_to_what_made_it(trees: dict[str, list[Element]]) -> None:
    values, lost = 0, []
    for path, elements in trees.items():
        ids = {one.attributes["id"]: one for one in elements if "id" in one.attributes}
        for value in elements:
            if "data-value" not in value.attributes:
                continue
            values += 1
            link = value.around("a")
            target = link.attributes.get("href", "") if link else ""
            there = ids.get(target.removeprefix("#")) if target.startswith("#") else None
            made = made_by(there) if there is not None else None
            name = value.attributes["data-value"].partition(".")[0]
            if made is None or there is None:
                lost.append(f"{path}: {value.attributes['data-value']} leads nowhere")
            elif name not in (
                there.attributes.get("data-exhibit"),
                there.attributes.get("data-of"),
            ):
                lost.append(f"{path}: {value.attributes['data-value']} leads to another exhibit")
            else:
                lost += [f"{path}: {name}: {what}" for what in missing(made)]
    assert values > len(EXHIBITS)
    assert sorted(set(lost)) == []


def test_every_figure_has_a_provenance_of_its_own(trees: dict[str, list[Element]]) -> None:
    figures = [
        (path, one) for path, all_ in trees.items() for one in all_
        if "data-exhibit" in one.attributes
    ]  # fmt: skip
    assert figures
    lost = []
    for path, one in figures:
        made = made_by(one)
        what = missing(made) if made else ["no provenance"]
        lost += [f"{path}: {one.attributes['data-exhibit']}: {each}" for each in what]
    assert lost == []


def test_a_priced_exhibit_shows_formula_costs_spread_and_sources(
    trees: dict[str, list[Element]],
) -> None:
    seen = set()
    for elements in trees.values():
        for one in elements:
            name = one.attributes.get("data-exhibit") or one.attributes.get("data-of")
            made = made_by(one) if name else None
            if made is None or not any(e.has("vd-inputs") for e in made.inside()):
                continue
            seen.add(name)
            inputs = next(e for e in made.inside() if e.has("vd-inputs"))
            heads = [e for e in inputs.inside() if e.tag == "th"]
            assert heads, name
            assert any("http" in e.attributes.get("href", "") for e in made.inside()), name
    assert {"costs", "exit_cost", "worked", "validation", "table_6_2_2", "fastest"} <= seen


def test_no_mark_of_the_building_is_left_and_no_link_stands_in_a_link(
    pages: dict[str, str], trees: dict[str, list[Element]]
) -> None:
    assert not [path for path, html in pages.items() if MARK in html]
    nested = [
        path for path, all_ in trees.items() for one in all_ if one.tag == "a" and one.around("a")
    ]
    assert nested == []
