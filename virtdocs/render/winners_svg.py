"""A map of winners: a square for each place, with the winner's letter and its chance.

Letters and numbers say everything; colour repeats the letter, its strength the chance, and
a hatched square is too close to call.
"""

from __future__ import annotations

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text, value_text
from virtdocs.views.model import Winner, WinnerMap

WIDE_WIDTH, NARROW_WIDTH = 740.0, 345.0
TEXT, SMALL, LEADING = 14.0, 12.0, 18.0
ROW = 46.0
LEFT, NARROW_LEFT = 96.0, 74.0
NAMES_ROOM = 210.0
LETTERS = "ABCDEFGH"
FAINT, STRONG = 0.10, 0.55  # of a square's colour, at an even chance and at certainty
HATCH = 9.0


def wide(view: WinnerMap, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Letters are explained at the right."""
    width = WIDE_WIDTH - LEFT - NAMES_ROOM
    body, bottom = _grid(view, words, LEFT, width)
    top = 62.0
    for place, name in enumerate(view.techniques):
        lines = svg.wrap(words.text(f"technique.{name}"), TEXT, NAMES_ROOM - 58)
        body += _key(place, name, WIDE_WIDTH - NAMES_ROOM + 22, top)
        body += svg.lines(WIDE_WIDTH - NAMES_ROOM + 54, top + 5, lines, TEXT, LEADING / TEXT)
        top += max(34.0, LEADING * len(lines) + 10)
    body += _toss_key(words, WIDE_WIDTH - NAMES_ROOM + 22, top, NAMES_ROOM - 58)
    height = max(bottom, top + 40)
    return svg.document(prefix, WIDE_WIDTH, height, title, description, body, "vd-svg vd-winners")


def narrow(view: WinnerMap, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Letters are explained under the map."""
    body, top = _grid(view, words, NARROW_LEFT, NARROW_WIDTH - NARROW_LEFT - 4)
    top += 12
    for place, name in enumerate(view.techniques):
        lines = svg.wrap(words.text(f"technique.{name}"), TEXT, NARROW_WIDTH - 44)
        body += _key(place, name, 4, top) + svg.lines(36, top + 5, lines, TEXT, LEADING / TEXT)
        top += max(32.0, LEADING * len(lines) + 8)
    body += _toss_key(words, 4, top, NARROW_WIDTH - 44)
    return svg.document(
        prefix, NARROW_WIDTH, top + 40, title, description, body, "vd-svg vd-winners"
    )


def _grid(view: WinnerMap, words: Catalogue, left: float, width: float) -> tuple[str, float]:
    """Title of the upward axis, squares, places and title of the axis across; the lower edge."""
    titles = svg.wrap(f"↑ {label_text(view.up, words)}", TEXT, left + width)
    body = svg.lines(0, 16, titles, TEXT, LEADING / TEXT, weight=700)
    top = 26 + LEADING * len(titles) - LEADING + 6
    step = width / len(view.across_places)
    for number, (place, row) in enumerate(
        reversed(list(zip(view.up_places, view.rows, strict=True)))
    ):
        y = top + number * ROW
        body += svg.text(left - 8, y + ROW / 2 + 5, value_text(place, words), SMALL, anchor="end")
        for column, one in enumerate(row):
            body += _square(view, words, one, left + column * step, y, step)
    bottom = top + ROW * len(view.rows)
    places = [value_text(place, words) for place in view.across_places]
    # Where they would touch, every other one stands lower.
    tight = max(svg.text_width(one, SMALL) for one in places) > step
    for column, text in enumerate(places):
        x, lower = left + (column + 0.5) * step, 15 if tight and column % 2 else 0
        body += svg.text(x, bottom + 18 + lower, text, SMALL, anchor="middle")
    bottom += 42 + (15 if tight else 0)
    lines = svg.wrap(f"{label_text(view.across, words)} →", TEXT, width)
    body += svg.lines(left, bottom, lines, TEXT, LEADING / TEXT, weight=700)
    return body, bottom + LEADING * len(lines)


def _square(view: WinnerMap, words: Catalogue, one: Winner, x: float, y: float, step: float) -> str:
    chance = float(one.chance.raw) / 100
    share = max(0.0, min(1.0, (chance - 0.5) * 2))
    found = svg.element(
        "rect",
        x=x + 1,
        y=y + 1,
        width=step - 2,
        height=ROW - 2,
        style=f"fill:{palette.variable(one.technique)}",
        fill_opacity=round(FAINT + (STRONG - FAINT) * share, 3),
    )
    if one.toss:
        found += _hatch(x + 1, y + 1, step - 2, ROW - 2)
    middle = x + step / 2
    letter = LETTERS[view.techniques.index(one.technique)]
    found += svg.text(middle, y + 20, letter, TEXT, anchor="middle", weight=700)
    return found + svg.text(middle, y + 37, value_text(one.chance, words), SMALL, anchor="middle")


def _hatch(x: float, y: float, width: float, height: float) -> str:
    """Slanted lines across a box, cut at its edges."""
    path = ""
    start = HATCH
    while start < width + height:
        x1, y1 = (x + start, y) if start <= width else (x + width, y + start - width)
        x2, y2 = (x, y + start) if start <= height else (x + start - height, y + height)
        path += f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
        start += HATCH
    return svg.element("path", d=path, stroke="currentColor", stroke_opacity=0.22)


def _key(place: int, name: str, x: float, y: float) -> str:
    colour = palette.variable(name)
    box = svg.element(
        "rect", x=x, y=y - 11, width=24, height=22, style=f"fill:{colour}", fill_opacity=STRONG
    )
    return box + svg.text(x + 12, y + 5, LETTERS[place], TEXT, anchor="middle", weight=700)


def _toss_key(words: Catalogue, x: float, y: float, room: float) -> str:
    box = svg.element(
        "rect", x=x, y=y - 11, width=24, height=22, fill="none", stroke="currentColor",
        stroke_opacity=0.4,
    )  # fmt: skip
    lines = svg.wrap(words.text("ui.toss"), TEXT, room)
    text = svg.lines(x + 32, y + 5, lines, TEXT, LEADING / TEXT)
    return box + _hatch(x, y - 11, 24, 22) + text
