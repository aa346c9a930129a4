"""A two-dimensional page walk as a grid: each reference numbered in the order of reading.

A row is one of the guest's tables (the last is the page itself); its circles are the
nested entries that lead there, the square at its end is the guest's own entry.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.views.model import WalkGrid

WIDE_WIDTH, NARROW_WIDTH = 720.0, 345.0
HEAD, WIDE_ROW, NARROW_ROW = 56.0, 62.0, 82.0
LEFT = 210.0  # of the first column in the wide drawing
MARK = 15.0
TEXT, SMALL = 14.0, 12.5

Place = Callable[[int, int], tuple[float, float]]


def wide(view: WalkGrid, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Row heads at the left."""
    step = (WIDE_WIDTH - LEFT - 60) / max(view.nested_levels, 1)

    def place(row: int, column: int) -> tuple[float, float]:
        return LEFT + column * step, HEAD + 26 + row * WIDE_ROW

    body = _columns(view, words, place)
    for row in range(view.guest_levels + 1):
        y = place(row, 0)[1]
        body += svg.lines(8, y + 5, [_row_head(view, words, row)], TEXT, weight=700)
    body += _references(view, prefix, place)
    height = place(view.guest_levels, 0)[1] + 36
    return svg.document(prefix, WIDE_WIDTH, height, title, description, body, "vd-svg vd-walk")


def narrow(view: WalkGrid, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Row heads above their rows."""
    step = (NARROW_WIDTH - 56) / max(view.nested_levels, 1)

    def place(row: int, column: int) -> tuple[float, float]:
        return 28 + column * step, HEAD + 46 + row * NARROW_ROW

    body = _columns(view, words, place)
    for row in range(view.guest_levels + 1):
        y = place(row, 0)[1]
        body += svg.text(8, y - 25, _row_head(view, words, row), TEXT, weight=700)
    body += _references(view, prefix, place)
    height = place(view.guest_levels, 0)[1] + 28
    return svg.document(prefix, NARROW_WIDTH, height, title, description, body, "vd-svg vd-walk")


def _row_head(view: WalkGrid, words: Catalogue, row: int) -> str:
    if row == view.guest_levels:
        return words.text("walk.final")
    return words.text("walk.guest_table", {"level": str(view.guest_levels - row)})


def _columns(view: WalkGrid, words: Catalogue, place: Place) -> str:
    """Heads of the columns: a level of the nested tables each, then the guest's own table."""
    found = ""
    for column in range(view.nested_levels):
        level = words.text("walk.level", {"level": str(view.nested_levels - column)})
        found += svg.text(place(0, column)[0], HEAD - 12, level, SMALL, anchor="middle")
    first, last = place(0, 0)[0], place(0, view.nested_levels - 1)[0]
    own, middle = place(0, view.nested_levels)[0], (first + last) / 2
    top, bottom = HEAD - 4, place(view.guest_levels, 0)[1] + 24
    found += svg.text(middle, 16, words.text("walk.nested"), SMALL, anchor="middle", weight=700)
    heads = svg.wrap(words.text("walk.guest"), SMALL, 60)
    found += svg.lines(own, 16, heads, SMALL, anchor="middle", weight=700)
    tint = palette.variable(view.technique)
    width = last - first + 44
    band = svg.element(
        "rect",
        x=first - 22,
        y=top,
        width=width,
        height=bottom - top,
        rx=8,
        style=f"fill:{tint}",
        fill_opacity=0.08,
    )
    return band + found


def _references(view: WalkGrid, prefix: str, place: Place) -> str:
    """Arrows from each reference to the next, then the marks over them."""
    points = [place(row, column) for row, column in view.references]
    defs = svg.element("defs", _arrow_head(prefix))
    arrows = "".join(_arrow(prefix, here, there) for here, there in itertools.pairwise(points))
    marks = ""
    for order, ((_, column), (x, y)) in enumerate(zip(view.references, points, strict=True), 1):
        marks += _mark(view, order, column, x, y)
    return defs + arrows + marks


def _arrow_head(prefix: str) -> str:
    return svg.element(
        "marker",
        svg.element("path", d="M0 0L8 4L0 8z", style="fill:currentColor"),
        id=f"{prefix}-a",
        viewBox="0 0 8 8",
        refX=7,
        refY=4,
        markerWidth=8,
        markerHeight=8,
        markerUnits="userSpaceOnUse",
        orient="auto",
    )


def _arrow(prefix: str, here: tuple[float, float], there: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = here, there
    if y1 == y2:
        path = f"M{x1 + MARK:g} {y1:g}H{x2 - MARK - 2:g}"
    else:  # to the next row: down, back, down onto its first mark
        half = y1 + MARK + 7
        path = f"M{x1:g} {y1 + MARK:g}V{half:g}H{x2 - MARK - 7:g}V{y2:g}H{x2 - MARK - 2:g}"
    return svg.element(
        "path",
        d=path,
        fill="none",
        stroke="currentColor",
        stroke_width=1.3,
        stroke_opacity=0.6,
        marker_end=f"url(#{prefix}-a)",
    )


def _mark(view: WalkGrid, order: int, column: int, x: float, y: float) -> str:
    paper = f"var(--vd-paper, {palette.PAPER[0]})"
    if column < view.nested_levels:
        shape = svg.element(
            "circle",
            cx=x,
            cy=y,
            r=MARK,
            style=f"fill:{paper};stroke:{palette.variable(view.technique)}",
            stroke_width=2.2,
        )
    else:
        shape = svg.element(
            "rect",
            x=x - MARK,
            y=y - MARK,
            width=2 * MARK,
            height=2 * MARK,
            rx=3,
            style=f"fill:{paper};stroke:currentColor",
            stroke_width=2.2,
        )
    return shape + svg.text(x, y + 5, str(order), TEXT, anchor="middle", weight=700)
