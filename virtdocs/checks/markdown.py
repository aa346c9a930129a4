"""Gate markdown: forms that look right in the source and wrong on the page.

Each rule is a trap that was met: a list without a blank line before it becomes
text, `**` after a bracket and before Hangul stays two stars, a fence left open
swallows the rest of the page. The READMEs are read too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from virtdocs.checks import glossary
from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import CODE, MASKS, TAG
from virtdocs.checks.pages import Page, read_pages

GATE = "markdown"
READMES = ("README.md", "README.ko.md")

_ITEM = re.compile(r"^(?P<indent>[ ]*)(?P<mark>[-*+]|\d+[.)])[ ]+\S")
_ROW_RULE = re.compile(r"^[ >]*\|[ ]*:?-{2,}")
_BLOCK_START = re.compile(r"^[ >]*(?:!!!|\?\?\?\+?|===\+?)|^[ ]*<[a-z][^<>]*>\s*$")
_HEADING = re.compile(r"^#{1,6}(?P<space>[ ]*)(?P<rest>.*)$")
_ID = re.compile(r"\{[^{}]*#(?P<id>[^\s{}]+)[^{}]*\}\s*$")
_GOOD_ID = re.compile(r"[a-z][a-z0-9-]*")
_TERM = re.compile(r"[a-z][a-z0-9_]*")  # the glossary's entries have the keys of the terms file
_SETEXT = re.compile(r"^(?:=+|-+)[ ]*$")
_RUN = re.compile(r"(?<!\\)(?<!\*)\*{1,2}(?!\*)")
_UNDERLINED = re.compile(
    rf"__(?=\S)[^_\n]+__(?=[가-힣])|(?<![\w`{MASKS}])_(?=\S)[^_\n]+_(?=[가-힣])"
)


def check(root: Path) -> list[Finding]:
    """Traps on all pages and in the READMEs."""
    found: list[Finding] = []
    for page in read_pages(root):
        found += check_page(page)
        found += _headings(page)
    for name in READMES:
        file = root / name
        if file.exists():
            found += check_page(Page(name, name, "", file.read_text(encoding="utf-8")))
    return found


def check_page(page: Page) -> Iterator[Finding]:
    """Traps that hold for a page and for a README alike."""
    for n, message in (
        *_open_fences(page),
        *_blank_lines(page),
        *_characters(page),
        *_emphasis(page),
    ):
        yield Finding(page.file, n, GATE, message)


def _open_fences(page: Page) -> Iterator[tuple[int, str]]:
    for fence in page.fences:
        if fence.end > len(page.lines):
            yield fence.line, "fence is never closed"


def _blank_lines(page: Page) -> Iterator[tuple[int, str]]:
    """A list, a table or a fence needs a blank line before it."""
    lines = page.unfenced
    for n, line in enumerate(lines, 1):
        before = page.lines[n - 2] if n > 1 else ""
        item = _ITEM.match(line)
        glued = before.strip() and not _BLOCK_START.match(before)
        if item and glued and not _continues(item, lines, n):
            yield n, "a list needs a blank line before it"
        if _ROW_RULE.match(line) and n > 2 and page.lines[n - 3].strip():
            yield n - 1, "a table needs a blank line before it"
    for fence in page.fences:
        opening = page.lines[fence.line - 1]
        before = page.lines[fence.line - 2] if fence.line > 1 else ""
        if before.strip() and not _ITEM.match(opening) and not _BLOCK_START.match(before):
            yield fence.line, "a fence needs a blank line before it"


def _continues(item: re.Match[str], lines: list[str], n: int) -> bool:
    """Whether the lines above, up to the next blank one, belong to a list already."""
    for above in reversed(lines[: n - 1]):
        if not above.strip():
            return False
        other = _ITEM.match(above)
        if other and len(other["indent"]) <= len(item["indent"]):
            return True
    return False


def _characters(page: Page) -> Iterator[tuple[int, str]]:
    for n, line in enumerate(page.lines, 1):
        if "\t" in line:
            yield n, "a tab; use spaces"
    for n, (line, prose) in enumerate(zip(page.unfenced, page.prose, strict=True), 1):
        comment = line.find("<!--")
        if comment >= 0 and prose[comment] != CODE:
            yield n, "an HTML comment is left over"
        if re.search(r"\b(?:TODO|FIXME|XXX)\b", prose):
            yield n, "a note to the author is left over"
        item = _ITEM.match(line)
        if item and len(item["indent"]) % 4:
            yield n, "a nested list is indented by four spaces"


def _emphasis(page: Page) -> Iterator[tuple[int, str]]:
    """CommonMark's flanking rules, where Hangul meets `**`: the stars would stay stars."""
    for first, prose, raw in _paragraphs(page):
        is_open = {1: False, 2: False}
        for match in _RUN.finditer(prose):
            stars = match.group()
            before = _neighbour(prose, raw, match.start() - 1)
            after = _neighbour(prose, raw, match.end())
            if _is_list_mark(prose, match) or before == after == " ":
                continue
            problem = _closing(before, after) if is_open[len(stars)] else _opening(before, after)
            if problem:
                yield first + prose.count("\n", 0, match.start()), f"{stars} {problem}"
            is_open[len(stars)] = not is_open[len(stars)]
        for length, left in is_open.items():
            if left:
                yield first, f"{'*' * length} is opened and not closed in this paragraph"
        for match in _UNDERLINED.finditer(prose):
            n = first + prose.count("\n", 0, match.start())
            yield n, "underscores before Hangul stay literal: use * or **"


def _closing(before: str, after: str) -> str:
    if before == " ":
        return "does not close after a space"
    if _is_punctuation(before) and _is_letter(after):
        return f"does not close between {before!r} and {after!r}: add a space or restructure"
    return ""


def _opening(before: str, after: str) -> str:
    if after == " ":
        return "does not open before a space"
    if _is_punctuation(after) and _is_letter(before):
        return f"does not open between {before!r} and {after!r}: add a space or restructure"
    return ""


def _neighbour(prose: str, raw: str, place: int) -> str:
    """The character beside stars as a renderer sees it: a value instead of its tag."""
    if not 0 <= place < len(raw) or raw[place].isspace():
        return " "
    return "0" if prose[place] == TAG else raw[place]


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS" and char != "*"


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN"


def _is_list_mark(paragraph: str, match: re.Match[str]) -> bool:
    start = paragraph.rfind("\n", 0, match.start()) + 1
    return not paragraph[start : match.start()].strip(" >") and paragraph[match.end() :][:1] == " "


def _paragraphs(page: Page) -> Iterator[tuple[int, str, str]]:
    """(first line, prose, raw text) of what emphasis can't leave: paragraphs, headings, cells."""
    block: list[int] = []
    for n, line in enumerate([*page.prose, ""], 1):
        apart = not line.strip(" >") or line.startswith("#") or "|" in line
        if block and (apart or _ITEM.match(line)):
            yield block[0], _join(page.prose, block), _join(page.unfenced, block)
            block = []
        if "|" in line and not line.startswith("#"):
            start = 0
            for cell in line.split("|"):
                end = start + len(cell)
                yield n, cell, page.unfenced[n - 1][start:end]
                start = end + 1
        elif line.startswith("#"):
            yield n, line, page.unfenced[n - 1]
        elif line.strip(" >"):
            block.append(n)


def _join(lines: list[str], numbers: list[int]) -> str:
    return "\n".join(lines[n - 1] for n in numbers)


def _is_entry(page: Page, heading: str, id_: str) -> bool:
    is_third = heading.startswith("#" * glossary.LEVEL + " ")
    return page.path == glossary.PAGE and is_third and bool(_TERM.fullmatch(id_))


def _headings(page: Page) -> Iterator[Finding]:
    """Every heading of a page has an id that both languages can share."""
    seen_text = False
    firsts = 0
    for n, line in enumerate(page.unfenced, 1):
        heading = _HEADING.match(line)
        if heading and (heading["space"] or not heading["rest"].startswith("#")):
            if not heading["space"]:
                yield Finding(page.file, n, GATE, "a heading needs a space after #")
                continue
            firsts += line.startswith("# ")
            named = _ID.search(line)
            if named is None:
                yield Finding(page.file, n, GATE, "heading without an explicit {#id}")
            elif not _GOOD_ID.fullmatch(named["id"]) and not _is_entry(page, line, named["id"]):
                message = f"heading id {named['id']!r}: use lower case, digits and hyphens"
                yield Finding(page.file, n, GATE, message)
        elif _SETEXT.match(line) and seen_text:
            message = "a line under a text makes a heading: use # and {#id}"
            yield Finding(page.file, n, GATE, message)
        seen_text = bool(line.strip()) and heading is None
    if firsts != 1:
        message = f"a page has one heading of the first level, not {firsts}"
        yield Finding(page.file, 1, GATE, message)
