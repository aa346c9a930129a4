"""A page as the gates see it: sections, fences, tables, lists; and what is prose.

The parser reads Markdown by line, as an author does. It is no renderer: it knows
exactly the forms that the pages use, and the markdown gate reports the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from virtdocs.checks.mask import mask_prose
from virtdocs.checks.tags import Tag, find_tags
from virtdocs.errors import VirtdocsError

LANGUAGES = ("ko", "en")
TOP = "_top"  # the id of what stands before the first heading

_PREFIX = r"(?:[ >]*(?:(?:[-*+]|\d+[.)])[ ]+)?)"
_FENCE = re.compile(rf"^(?P<prefix>{_PREFIX})(?P<mark>`{{3,}}|~{{3,}})[ ]*(?P<info>[^`\n]*)$")
_HEADING = re.compile(
    r"^(?P<marks>#{1,6})[ ]+(?P<title>.*?)[ ]*#*[ ]*(?:\{(?P<attrs>[^{}]*)\})?[ ]*$"
)
_ID = re.compile(r"(?:^|\s)#(?P<id>[^\s}]+)")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block; ``line`` is that of its opening, ``body`` is dedented."""

    line: int
    info: str
    body: str
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what follows it up to the next heading (lines first..last, 1-based)."""

    id: str
    level: int
    title: str
    line: int
    last: int
    text: str

    @property
    def hash(self) -> str:
        """The first 16 hex digits of SHA-256 of the text, blank space at line ends left out."""
        lines = [line.rstrip() for line in self.text.strip().splitlines()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@dataclass
class Page:
    """One Markdown file; ``file`` relative to the checkout, ``path`` below its language."""

    file: str
    path: str
    lang: str
    text: str
    fences: list[Fence] = field(init=False)

    def __post_init__(self) -> None:
        self.fences = list(_fences(self.lines))

    @cached_property
    def lines(self) -> list[str]:
        """The raw lines; only a line feed ends one, as offsets count line feeds."""
        lines = self.text.split("\n")
        return lines if lines[-1] else lines[:-1]

    @cached_property
    def fenced(self) -> frozenset[int]:
        """The numbers of the lines inside fences, their marks included."""
        return frozenset(n for f in self.fences for n in range(f.line, f.end + 1))

    @cached_property
    def unfenced(self) -> list[str]:
        """The lines with fenced blocks and front matter blanked."""
        front = _front_matter(self.lines)
        return [
            "" if n <= front or n in self.fenced else line for n, line in enumerate(self.lines, 1)
        ]

    @cached_property
    def prose(self) -> list[str]:
        """The lines with everything but prose replaced by private-use characters (see mask)."""
        return mask_prose("\n".join(self.unfenced)).split("\n") if self.lines else []

    @cached_property
    def tags(self) -> list[Tag]:
        """Inline tags outside fences, those in code spans included."""
        return find_tags("\n".join(self.unfenced))

    @cached_property
    def sections(self) -> list[Section]:
        """The sections in order; what stands before the first heading has the id ``_top``."""
        starts = [(1, 0, TOP, "")]
        for n, line in enumerate(self.unfenced, 1):
            heading = _HEADING.match(line)
            if heading:
                named = _ID.search(heading["attrs"] or "")
                starts.append(
                    (n, len(heading["marks"]), named["id"] if named else "", heading["title"])
                )
        ends = [start[0] - 1 for start in starts[1:]] + [len(self.lines)]
        found = [
            Section(id_, level, title, n, end, "\n".join(self.lines[n - 1 : end]))
            for (n, level, id_, title), end in zip(starts, ends, strict=True)
        ]
        return found if found[0].text.strip() else found[1:]


def read_page(root: Path, lang: str, path: str) -> Page:
    """One page from docs/LANG."""
    file = root / "docs" / lang / path
    return Page(f"docs/{lang}/{path}", path, lang, file.read_text(encoding="utf-8"))


def read_pages(root: Path, lang: str | None = None) -> list[Page]:
    """All pages of one language or of both, in a fixed order."""
    return [
        read_page(root, one, path)
        for one in LANGUAGES
        if lang in (None, one)
        for path in page_paths(root, one)
    ]


def page_paths(root: Path, lang: str) -> list[str]:
    """Paths below docs/LANG, sorted."""
    folder = root / "docs" / lang
    if not folder.is_dir():
        raise VirtdocsError(str(folder), "no such folder; a checkout has docs/ko and docs/en")
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.md"))


def _front_matter(lines: list[str]) -> int:
    """The number of the last line of the YAML front matter, 0 without one."""
    if lines and lines[0].rstrip() == "---":
        for n, line in enumerate(lines[1:], 2):
            if line.rstrip() in ("---", "..."):
                return n
    return 0


def _fences(lines: list[str]) -> Iterator[Fence]:
    open_: tuple[int, str, str, str] | None = None
    body: list[str] = []
    for n, line in enumerate(lines, 1):
        if open_ is None:
            match = _FENCE.match(line)
            if match:
                open_ = (n, match["mark"], match["info"].strip(), match["prefix"])
                body = []
            continue
        start, mark, info, prefix = open_
        bare = line.strip(" >")
        if bare.startswith(mark) and not bare.strip(mark[0]):
            yield Fence(start, info, "\n".join(body), n)
            open_ = None
        else:
            body.append(_dedent(line, prefix))
    if open_ is not None:  # runs to the end of the page; the markdown gate reports it
        yield Fence(open_[0], open_[2], "\n".join(body), len(lines) + 1)


def _dedent(line: str, prefix: str) -> str:
    """A body line without the quote marks and the indent of its fence."""
    for mark in prefix:
        if line.startswith(" ") or (mark == ">" and line.startswith(">")):
            line = line[1:]
    return line
