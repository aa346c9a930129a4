"""What a section holds that is the same in every language.

Two language versions of a section agree when their elements agree: the words
differ, the exhibits, values, tables, code and links do not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtdocs.checks.fences import EXHIBIT, info_word, read_placement
from virtdocs.checks.pages import Page, Section

ORDERED = ("exhibit", "code block", "table", "admonition")
UNORDERED = (
    "value",
    "citation",
    "source quote",
    "link",
    "image",
    "footnote",
    "anchor",
    "list item",
)
"""Kinds whose order the grammar of a language decides are compared as multisets."""

_TABLE_RULE = re.compile(r"^[ >]*\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-{2,}:?[ ]*)*\|?[ ]*$")
_ADMONITION = re.compile(r"^[ >]*(?P<mark>!!!|\?\?\?\+?|===\+?)(?:[ ]+(?P<type>[\w-]+))?")
LIST_ITEM = re.compile(r"^[ >]*(?:[-*+]|\d+[.)])[ ]+\S")
_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_CITE = re.compile(r"data-cite=\"([^\"\n]*)\"")
_QUOTE = re.compile(r"data-source=\"([^\"\n]*)\"")
_LINK = re.compile(r"(?P<bang>!?)\[(?:[^\[\]\n]|\[[^\]\n]*\])*\]\((?P<target>[^()\s]+)[^()\n]*\)")
_ANCHOR = re.compile(
    r"\{:?[ ]*(?:[^{}\s]+[ ]+)*#([\w-]+)[^{}\n]*\}|<[a-z]+\s[^<>]*?\bid=\"([^\"]+)\""
)
_FOOTNOTE = re.compile(r"\[\^([\w-]+)\]")


@dataclass(frozen=True, slots=True)
class Element:
    """One thing of a kind in ORDERED or UNORDERED, named so that languages can be compared."""

    kind: str
    name: str
    line: int


def elements(page: Page, section: Section) -> list[Element]:
    """Everything comparable between the first and the last line of a section."""
    inside = range(section.line, section.last + 1)
    found = [e for e in _fence_elements(page) if e.line in inside]
    found += [
        Element("value", _tag_name(tag.name, tag.params, tag.key), tag.line)
        for tag in page.tags
        if tag.line in inside
    ]
    found += [Element("anchor", name, n) for n, name in anchor_ids(page) if n in inside]
    for n in inside:
        found += _line_elements(page, n)
    return found


def internal_target(page: Page, target: str) -> str:
    """A link's target from the language's root, so that both languages name the same."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return target
    path, _, anchor = target.partition("#")
    base = posixpath.dirname(page.path)
    full = posixpath.normpath(posixpath.join(base, path)) if path else page.path
    return f"{full}#{anchor}" if anchor else full


def links(page: Page) -> Iterator[tuple[int, str, str]]:
    """(line, target as written, ``!`` for an image) of each inline link outside code."""
    for n, line in enumerate(page.unfenced, 1):
        for match in _LINK.finditer(_CODE.sub(lambda m: " " * len(m.group()), line)):
            yield n, match["target"], match["bang"]


def table_rows(page: Page) -> Iterator[tuple[int, int, int]]:
    """(line of the head, columns, body rows) of each pipe table."""
    lines = page.unfenced
    for n, line in enumerate(lines, 1):
        if n > 1 and "|" in lines[n - 2] and "-" in line and _TABLE_RULE.match(line):
            columns = len(line.strip(" >").strip("|").split("|"))
            rows = 0
            while n + rows < len(lines) and "|" in lines[n + rows]:
                rows += 1
            yield n - 1, columns, rows


def cited_keys(page: Page) -> Iterator[tuple[int, str]]:
    """(line, key) of every data-cite."""
    for n, line in enumerate(page.unfenced, 1):
        for match in _CITE.finditer(_CODE.sub("", line)):
            yield n, match[1]


def anchor_ids(page: Page) -> Iterator[tuple[int, str]]:
    """(line, id) of anchors other than headings: ``{: #fc02 }`` and ``<a id="…">``."""
    for n, line in enumerate(page.unfenced, 1):
        bare = _CODE.sub("", line)
        if not bare.startswith("#"):
            for match in _ANCHOR.finditer(bare):
                yield n, match[1] or match[2]


def _tag_name(name: str, params: tuple[tuple[str, str], ...], key: str) -> str:
    inner = ", ".join(f"{k}={v}" for k, v in sorted(params))
    return f"{name}({inner}).{key}" if inner else f"{name}.{key}"


def _fence_elements(page: Page) -> Iterator[Element]:
    for fence in page.fences:
        word = info_word(fence)
        if word == EXHIBIT:
            placed = read_placement(fence)
            inner = ", ".join(f"{k}={v}" for k, v in placed.params)
            name = f"{placed.name}({inner})" if placed.name else fence.body
            yield Element("exhibit", name, fence.line)
        else:
            size = len(fence.body.splitlines())
            yield Element("code block", f"{word or 'text'} of {size} lines", fence.line)
    for line, columns, rows in table_rows(page):
        yield Element("table", f"{columns} columns x {rows} rows", line)
    for n, line_text in enumerate(page.unfenced, 1):
        block = _ADMONITION.match(line_text)
        if block:
            named = "tab" if block["mark"].startswith("=") else block["type"] or block["mark"]
            yield Element("admonition", named, n)


def _line_elements(page: Page, n: int) -> Iterator[Element]:
    raw = page.unfenced[n - 1]
    line = _CODE.sub("", raw)
    for match in _CITE.finditer(line):
        yield Element("citation", match[1], n)
    for match in _QUOTE.finditer(line):
        yield Element("source quote", match[1], n)
    for match in _LINK.finditer(line):
        kind = "image" if match["bang"] else "link"
        yield Element(kind, internal_target(page, match["target"]), n)
    for match in _FOOTNOTE.finditer(line):
        yield Element("footnote", match[1], n)
    if LIST_ITEM.match(raw):
        yield Element("list item", "item", n)
