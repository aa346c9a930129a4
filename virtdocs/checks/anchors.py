"""Where a link can lead to on a page: headings, blocks with an id, rows of exhibits' tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from virtdocs.checks.elements import LIST_ITEM, anchor_ids
from virtdocs.checks.fences import placements
from virtdocs.checks.pages import Page
from virtdocs.checks.values import Memo
from virtdocs.exhibits import Built
from virtdocs.render import page as render
from virtdocs.render.catalogue import load
from virtdocs.render.numbers import label_text
from virtdocs.render.table import cell_text
from virtdocs.views.model import Table


@dataclass(frozen=True, slots=True)
class Anchor:
    """An id, the lines that belong to it (1-based, both included) and what stands there."""

    id: str
    line: int
    last: int
    text: str
    heading: bool = False


def page_anchors(page: Page, memo: Memo) -> dict[str, Anchor]:
    """Every anchor of a page by id; exhibits that can't be computed have none."""
    found = {anchor.id: anchor for anchor in markdown_anchors(page)}
    for anchor in _rows(page, memo):
        found.setdefault(anchor.id, anchor)
    return found


def markdown_anchors(page: Page) -> Iterator[Anchor]:
    """Those that the page's own text has."""
    for n, section in enumerate(page.sections):
        later = page.sections[n + 1 :]
        end = next((one.line - 1 for one in later if one.level <= section.level), len(page.lines))
        text = "\n".join(page.lines[section.line - 1 : end])
        yield Anchor(section.id, section.line, end, text, heading=True)
    for line, name in anchor_ids(page):
        first = _first_line(page.lines, line)
        yield Anchor(name, first, line, "\n".join(page.lines[first - 1 : line]))


def _first_line(lines: list[str], line: int) -> int:
    """Where the block begins that ends with this line: a table's row is a block of its own."""
    first = line
    while not _begins(lines[first - 1]) and first > 1 and lines[first - 2].strip():
        first -= 1
    return first


def _begins(line: str) -> bool:
    """Whether a line begins a list item or is a row of a table."""
    return bool(LIST_ITEM.match(line)) or line.lstrip(" >").startswith("|")


def _rows(page: Page, memo: Memo) -> Iterator[Anchor]:
    """``FIGURE-ROW`` for each row that has a name; its text is what the reader sees of it."""
    words = load(page.lang)
    placed_before: Counter[str] = Counter()
    for placed in placements(page):
        built = None if placed.problem else memo.build(placed.name, dict(placed.params))
        if not isinstance(built, Built):
            continue  # the gates exhibits and values say why
        slug = render.slug(built)
        placed_before[slug] += 1
        figure = slug if placed_before[slug] == 1 else f"{slug}-{placed_before[slug]}"
        if isinstance(view := built.bundle.view, Table):
            heads = [label_text(one, words) for one in (built.bundle.caption, *view.columns)]
            for row in view.rows:
                if row.anchor:
                    cells = [cell_text(cell, words) for cell in (row.head, *row.cells)]
                    text = "\n".join([*heads, *cells])
                    yield Anchor(f"{figure}-{row.anchor}", placed.line, placed.line, text)
