"""Lines over a few evenly spaced places: each with a marker of its own and its name beside it.

Lines that are the same are one line with several names. In the wide drawing a name
stands where its line ends; on a phone names stand under the drawing, beside their marker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import digits_text, label_text, value_text
from virtdocs.views.model import Curve, Curves

WIDE_WIDTH, NARROW_WIDTH = 740.0, 345.0
HEIGHT = 320.0  # of the plot
TOP, FOOT = 40.0, 46.0
TEXT, LEADING = 13.0, 17.0
NAMES_ROOM = 240.0  # for the names beside the lines
BOLD = 1.12  # how much wider bold text is
INSIDE = 14.0  # between the frame and the first place
MARK = 5.0
STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the plot is, in pixels, and which values its upper and lower edges stand for."""

    top: float
    left: float
    width: float
    places: int
    low: float
    high: float
    log: bool

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + HEIGHT

    def x(self, place: int) -> float:
        """Of the n-th place."""
        return self.left + INSIDE + place * (self.width - 2 * INSIDE) / max(self.places - 1, 1)

    def y(self, value: float) -> float:
        """Of a value; one below the lower edge stands on it."""
        low, high, here = self.low, self.high, max(value, self.low)
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(here)
        return self.top + HEIGHT * (1 - (here - low) / (high - low))


def wide(view: Curves, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Names where the lines end."""
    ticks = _ticks(view)
    left = _tick_room(ticks)
    title_lines = _title(view, words, WIDE_WIDTH)
    frame = _frame(view, ticks, title_lines, left, WIDE_WIDTH - left - NAMES_ROOM)
    body = _grid(view, words, frame, ticks, title_lines) + _lines(view, frame)
    body += _names_beside(view, words, frame)
    height = frame.bottom + FOOT
    return svg.document(prefix, WIDE_WIDTH, height, title, description, body, "vd-svg vd-curves")


def narrow(view: Curves, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """Names under the drawing."""
    ticks = _ticks(view)
    left = _tick_room(ticks)
    title_lines = _title(view, words, NARROW_WIDTH)
    frame = _frame(view, ticks, title_lines, left, NARROW_WIDTH - left - 6)
    body = _grid(view, words, frame, ticks, title_lines) + _lines(view, frame)
    top = frame.bottom + FOOT + 14
    for number, curve in enumerate(view.curves):
        lines = svg.wrap(_name(curve, words), TEXT, NARROW_WIDTH - 40)
        colour = palette.variable(curve.technique)
        body += _stroke(f"M2 {top - 4:g}H30", colour) + _mark(number, 16, top - 4, colour)
        body += svg.lines(38, top, lines, TEXT, LEADING / TEXT)
        top += LEADING * len(lines) + 5
    return svg.document(prefix, NARROW_WIDTH, top, title, description, body, "vd-svg vd-curves")


def _ticks(view: Curves) -> list[Fraction]:
    """Round values that reach from below the least to above the greatest."""
    raw = [Fraction(value.raw) for curve in view.curves for value in curve.values]
    if view.log:
        low = math.floor(math.log10(min(one for one in raw if one > 0)))
        high = math.ceil(math.log10(max(raw)))
        return [Fraction(10) ** power for power in range(low, max(high, low + 1) + 1)]
    most = max(raw) or Fraction(1)
    scale = Fraction(10) ** (math.floor(math.log10(most)) - 1)
    step = next(
        scale * factor * step
        for factor in (1, 10)
        for step in STEPS
        if most / (scale * factor * step) <= 6
    )
    return [step * n for n in range(math.ceil(most / step) + 1)]


def _title(view: Curves, words: Catalogue, width: float) -> list[str]:
    """What the value axis shows, in bold over the plot."""
    axis = label_text(view.axis, words)
    axis = words.text("ui.log_axis", {"axis": axis}) if view.log else axis
    return svg.wrap(axis, TEXT * BOLD, width)


def _frame(
    view: Curves, ticks: list[Fraction], title: list[str], left: float, width: float
) -> Frame:
    top = TOP + LEADING * (len(title) - 1)
    ends = float(ticks[0]), float(ticks[-1])
    return Frame(top, left, width, len(view.places), *ends, view.log)


def _tick_text(tick: Fraction) -> str:
    digits = 0
    while (tick * 10**digits).denominator != 1:
        digits += 1
    return digits_text(tick, digits)


def _tick_room(ticks: list[Fraction]) -> float:
    return max(svg.text_width(_tick_text(tick), TEXT) for tick in ticks) + 10


def _grid(
    view: Curves, words: Catalogue, frame: Frame, ticks: list[Fraction], title: list[str]
) -> str:
    found = svg.lines(0, 16, title, TEXT, LEADING / TEXT, weight=700)
    for tick in ticks:
        y = frame.y(float(tick))
        found += svg.text(frame.left - 8, y + 4.5, _tick_text(tick), TEXT, anchor="end")
        found += svg.element(
            "path",
            d=f"M{frame.left:g} {y:g}H{frame.left + frame.width:g}",
            stroke="currentColor",
            stroke_opacity=0.16,
        )
    bottom = frame.bottom
    for number, place in enumerate(view.places):
        text = value_text(place, words)
        found += svg.text(frame.x(number), bottom + 20, text, TEXT, anchor="middle")
    middle = frame.left + frame.width / 2
    return found + svg.text(
        middle, bottom + 40, label_text(view.place, words), TEXT, anchor="middle"
    )


def _lines(view: Curves, frame: Frame) -> str:
    found = ""
    for number, curve in enumerate(view.curves):
        colour = palette.variable(curve.technique)
        points = [
            (frame.x(place), frame.y(float(value.raw))) for place, value in enumerate(curve.values)
        ]
        found += _stroke("M" + "L".join(f"{x:g} {y:g}" for x, y in points), colour)
        found += "".join(_mark(number, x, y, colour) for x, y in points)
    return found


def _stroke(path: str, colour: str) -> str:
    return svg.element(
        "path",
        d=path,
        fill="none",
        style=f"stroke:{colour}",
        stroke_width=2.2,
        stroke_linejoin="round",
    )


def _mark(number: int, x: float, y: float, colour: str) -> str:
    """A circle, a square, a diamond, a triangle: filled for the first four lines, then open."""
    shapes = (
        f"M{x - MARK:g} {y:g}a{MARK:g} {MARK:g} 0 1 0 {2 * MARK:g} 0a{MARK:g} {MARK:g} 0 1 0 "
        f"{-2 * MARK:g} 0z",
        f"M{x - 4.5:g} {y - 4.5:g}h9v9h-9z",
        f"M{x:g} {y - 6.5:g}l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
        f"M{x:g} {y - 6:g}l6 10.5h-12z",
    )
    open_ = number // len(shapes) % 2
    inside = f"var(--vd-paper, {palette.PAPER[0]})" if open_ else colour
    return svg.element(
        "path",
        d=shapes[number % len(shapes)],
        style=f"fill:{inside};stroke:{colour}",
        stroke_width=2,
    )


def _name(curve: Curve, words: Catalogue) -> str:
    heads = ", ".join(label_text(head, words) for head in curve.heads)
    return f"{heads}: {value_text(curve.values[-1], words)}"


def _names_beside(view: Curves, words: Catalogue, frame: Frame) -> str:
    """From the top down, none upon another, each led to by a thin line."""
    right = frame.left + frame.width
    x = right + 26
    room = WIDE_WIDTH - x
    wanted = sorted(
        (frame.y(float(curve.values[-1].raw)), number) for number, curve in enumerate(view.curves)
    )
    named = [
        (y, number, svg.wrap(_name(view.curves[number], words), TEXT, room)) for y, number in wanted
    ]
    tops: list[float] = []
    free = frame.top - LEADING
    for y, _, lines in named:
        top = max(free, y - LEADING * len(lines) / 2)
        tops.append(top)
        free = top + LEADING * len(lines) + 4
    over = max(0.0, free - (frame.bottom + LEADING))
    found = ""
    for index in range(len(named) - 1, -1, -1):
        y, number, lines = named[index]
        limit = frame.bottom + LEADING if index == len(named) - 1 else tops[index + 1]
        if over:
            tops[index] = min(tops[index], limit - LEADING * len(lines) - 4)
        middle = tops[index] + LEADING * len(lines) / 2
        colour = palette.variable(view.curves[number].technique)
        found += svg.element(
            "path",
            d=f"M{frame.x(frame.places - 1) + 8:g} {y:g}L{right + 4:g} {middle:g}H{x - 5:g}",
            fill="none",
            style=f"stroke:{colour}",
            stroke_opacity=0.55,
        )
        found += svg.lines(x, tops[index] + LEADING * 0.75, lines, TEXT, LEADING / TEXT)
    return found
