"""Gate values: every placed exhibit can be computed and every value tag has its value.

Runs each exhibit once; takes seconds where the gate `exhibits` takes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from virtdocs import exhibits
from virtdocs.cache import Cache, default_folder
from virtdocs.checks.fences import placements
from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import CODE
from virtdocs.checks.pages import Page, read_pages
from virtdocs.checks.tags import Tag
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.render import citations
from virtdocs.render import page as render

GATE = "values"
Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class Memo:
    """What has been computed in this one check."""

    made: dict[Key, Built | str] = field(default_factory=dict)
    cache: Cache = field(default_factory=lambda: Cache.at(default_folder()))
    prepared: bool = False

    def build(self, name: str, params: dict[str, object]) -> Built | str | None:
        """The exhibit, or why it can't be computed; None for what the gate exhibits reports."""
        try:
            key = (name, exhibits.resolve(name, params))
        except VirtdocsError:
            return None
        if key not in self.made:
            self.made[key] = _attempt(self.cache, name, params)
        return self.made[key]

    def prepare(self, pages: Iterable[Page]) -> None:
        """Fill the cache with what the pages place, once."""
        wanted = {
            (placed.name, placed.params): (placed.name, dict(placed.params))
            for page in pages
            for placed in placements(page)
            if not placed.problem
        }
        if not self.prepared:
            self.cache.fill(wanted.values())
            self.prepared = True


def check(root: Path, memo: Memo | None = None) -> list[Finding]:
    """Exhibits that raise or cite nothing, values that do not exist, formats that do not fit."""
    memo = memo or Memo()
    pages = read_pages(root)
    memo.prepare(pages)
    return [finding for page in pages for finding in check_page(page, memo)]


def asked(page: Page, memo: Memo) -> Iterator[tuple[int, Built | str | None, Tag | None]]:
    """Line and exhibit of each fence, then of each tag with the tag.

    A tag without parameters means the exhibit as the page shows it first.
    """
    first: dict[str, dict[str, object]] = {}
    for placed in placements(page):
        if not placed.problem:
            params = dict(placed.params)
            first.setdefault(placed.name, params)
            yield placed.line, memo.build(placed.name, params), None
    prose = "\n".join(page.prose)
    for tag in page.tags:
        if not tag.problem and prose[tag.start] != CODE:
            given: dict[str, object] = dict(tag.params) or first.get(tag.name, {})
            yield tag.line, memo.build(tag.name, given), tag


def check_page(page: Page, memo: Memo) -> Iterator[Finding]:
    """The same for one page."""
    for line, built, tag in asked(page, memo):
        if isinstance(built, str):
            message = f"{tag.text}: {built}" if tag else built
            yield Finding(page.file, line, GATE, message)
        elif built and tag:
            try:
                render.value_text(tag.key, tag.fmt, built, page.lang)
            except VirtdocsError as mistake:
                yield Finding(page.file, line, GATE, f"{tag.text}: {mistake}")
        elif built:
            for key in sorted(set(built.bundle.sources) - set(citations.sources())):
                message = f"exhibit {built.name} cites {key!r}, which is no source"
                yield Finding(page.file, line, GATE, message)


def _attempt(cache: Cache, name: str, params: dict[str, object]) -> Built | str:
    try:
        return cache.build(name, params)
    except VirtdocsError as mistake:
        return str(mistake)
    except Exception as broken:  # an exhibit may raise anything; the gate reports it and goes on
        return f"exhibit {name!r} raised {type(broken).__name__}: {broken}"
