"""Gate values: every placed exhibit can be computed and every value tag has its value.

Runs each exhibit once; takes seconds where the gate `exhibits` takes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from virtdocs import exhibits
from virtdocs.cache import Cache, default_folder
from virtdocs.checks.fences import placements
from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import CODE
from virtdocs.checks.pages import Page, read_pages
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

    def build(self, name: str, params: dict[str, object]) -> Built | str | None:
        """The exhibit, or why it can't be computed; None for what the gate exhibits reports."""
        try:
            key = (name, exhibits.resolve(name, params))
        except VirtdocsError:
            return None
        if key not in self.made:
            self.made[key] = _attempt(self.cache, name, params)
        return self.made[key]


def check(root: Path) -> list[Finding]:
    """Exhibits that raise or cite nothing, values that do not exist, formats that do not fit."""
    memo = Memo()
    pages = list(read_pages(root))
    memo.cache.fill(
        {
            (placed.name, tuple(placed.params)): (placed.name, dict(placed.params))
            for page in pages
            for placed in placements(page)
            if not placed.problem
        }.values()
    )
    return [finding for page in pages for finding in check_page(page, memo)]


def check_page(page: Page, memo: Memo) -> Iterator[Finding]:
    """The same for one page."""
    first: dict[str, dict[str, object]] = {}
    for placed in placements(page):
        if placed.problem:
            continue
        first.setdefault(placed.name, dict(placed.params))
        built = memo.build(placed.name, dict(placed.params))
        if isinstance(built, str):
            yield Finding(page.file, placed.line, GATE, built)
        elif built:
            for key in sorted(set(built.bundle.sources) - set(citations.sources())):
                message = f"exhibit {placed.name} cites {key!r}, which is no source"
                yield Finding(page.file, placed.line, GATE, message)
    prose = "\n".join(page.prose)
    for tag in page.tags:
        if tag.problem or prose[tag.start] == CODE:
            continue
        params: dict[str, object] = dict(tag.params) if tag.params else first.get(tag.name, {})
        built = memo.build(tag.name, params)
        if isinstance(built, Built):
            try:
                render.value_text(tag.key, tag.fmt, built, page.lang)
            except VirtdocsError as mistake:
                yield Finding(page.file, tag.line, GATE, f"{tag.text}: {mistake}")
        elif built:
            yield Finding(page.file, tag.line, GATE, f"{tag.text}: {built}")


def _attempt(cache: Cache, name: str, params: dict[str, object]) -> Built | str:
    try:
        return cache.build(name, params)
    except VirtdocsError as mistake:
        return str(mistake)
    except Exception as broken:  # an exhibit may raise anything; the gate reports it and goes on
        return f"exhibit {name!r} raised {type(broken).__name__}: {broken}"
