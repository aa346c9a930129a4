"""Charts by matplotlib, made into figures of the page: the only file that imports it.

Marks go straight to its SVG renderer. A Figure lays every text out anew and imports all kinds
of axes; both take longer than everything that these charts show.

The same bytes in every process: text stays text, ids are prefixed, no date. Colours are drawn
as stand-ins and replaced by CSS variables, so that one file serves light and dark pages.
Lines of text are as high as a Hangul font's; pages set their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Any

from virtdocs.errors import VirtdocsError
from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text, value_text
from virtdocs.views.model import Bar, Chart, Panels

WIDE, NARROW = 700.0, 345.0
TEXT = {WIDE: 13.0, NARROW: 12.5}
ROW = {WIDE: 40.0, NARROW: 58.0}
ABOVE = {WIDE: 0.6, NARROW: 0.75}  # from the top of the frame to the first bar's middle, in rows
THICK = {WIDE: 0.56, NARROW: 0.36}  # of a bar, in rows
MINUS = "\N{MINUS SIGN}"
INK = "#010203"  # stands for currentColor
BAND = "#010204"  # stands for the colour of a marked range
FIRST_STAND_IN = 0x0A0000
PER_PANEL = 100  # more bars than any panel has
GAP = 34.0  # between panels, in pixels
VALUE_ROOM = 50.0  # pixels kept free beside the longest bar for its number
BOLD = 1.12  # how much wider bold text is


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chart is drawn: its number, its frame in pixels from the top left, its titles."""

    number: int
    left: float
    top: float
    width: float
    height: float
    title: tuple[str, ...] = ()  # over the chart, in place of a label under its axis
    heads: bool = True  # at the left, one for each bar


def chart(
    view: Chart, words: Catalogue, prefix: str, title: str, description: str, width: float = WIDE
) -> str:
    """Horizontal bars, each with its value, over one axis with its unit."""
    left = _head_room((view,), words, width)
    height = ROW[width] * len(view.bars) - 8
    place = Place(0, left, 26, width - left - 18, height)
    total = height + (82 if width == WIDE else 92)
    drawn = _draw([(view, place)], words, width, total)
    return _page_ready(drawn, (view,), prefix, title, description)


def panels(
    view: Panels, words: Catalogue, prefix: str, title: str, description: str, width: float = WIDE
) -> str:
    """Charts of the same heads: side by side, on a phone one above the other."""
    charts, size = view.charts, TEXT[width]
    left = _head_room(charts, words, width)
    beside = width == WIDE
    room = width - left - 18
    each = (room - GAP * (len(charts) - 1)) / len(charts) if beside else room
    titles = [tuple(svg.wrap(label_text(one.axis, words), BOLD * size, each)) for one in charts]
    places, top = [], 0.0
    for number, (one, lines) in enumerate(zip(charts, titles, strict=True)):
        over = 12 + 1.35 * size * max(map(len, titles)) if beside else 12 + 1.35 * size * len(lines)
        height = ROW[width] * len(one.bars) - 8
        at = left + number * (each + GAP) if beside else left
        heads = number == 0 or not beside
        places.append(Place(number, at, top + over, each, height, lines, heads))
        bottom = top + over + height + 30
        top = top if beside else bottom + 14
    drawn = _draw(list(zip(charts, places, strict=True)), words, width, bottom)
    return _page_ready(drawn, charts, prefix, title, description)


def renderer() -> Any:
    """The class that writes SVG, which has no types; most of the first chart is its import."""
    from matplotlib.backends.backend_svg import RendererSVG

    return RendererSVG


class Frame:
    """A chart's frame within a drawing: data become pixels here."""

    def __init__(self, drawing: Drawing, view: Chart, place: Place) -> None:
        self.drawing, self.view, self.place = drawing, view, place
        self.left, self.right = place.left, place.left + place.width
        self.top = drawing.height - place.top
        self.bottom = self.top - place.height
        raw = [float(bar.value.raw) for bar in view.bars]
        self.low, self.high = _limits(view, [*raw, *map(_end, view.bars)], place.width)

    def x(self, raw: float) -> float:
        """Where a value lies, in pixels from the left."""
        low, high, at = self.low, self.high, raw
        if self.view.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(raw)
        return self.left + (at - low) / (high - low) * self.place.width


class Drawing:
    """Marks on one SVG: places are pixels from the bottom left, later marks lie on earlier ones.

    ``size``: of its text, in pixels.
    """

    def __init__(self, width: float, height: float, size: float) -> None:
        self.height, self.size, self.out = height, size, StringIO()
        self.renderer = renderer()(width, height, self.out, metadata={"Date": None})

    def text(
        self, x: float, y: float, text: str, stands: str, ha: str = "left", size: float = 0.0,
        gid: str = "",
    ) -> None:  # fmt: skip
        """A line of text; ``stands``: what of the line is at y, ``ha``: what of it is at x."""
        from matplotlib.font_manager import FontProperties
        from matplotlib.text import Text
        from matplotlib.transforms import IdentityTransform

        size = size or self.size
        top = self.height - y - _baseline(stands) * size
        anchor = Text(x, y, text, ha=ha, transform=IdentityTransform())
        if gid:
            self.renderer.open_group("text", gid)
        font = FontProperties(size=size)
        self.renderer.draw_text(self._ink(), x, top, text, font, 0, False, anchor)
        if gid:
            self.renderer.close_group("text")

    def line(
        self, x: Sequence[float], y: Sequence[float], width: float, alpha: float = 1.0
    ) -> None:
        """A line through places."""
        from matplotlib.path import Path
        from matplotlib.transforms import IdentityTransform

        ink = self._ink(alpha)
        ink.set_linewidth(width)
        ink.set_capstyle("projecting")
        self.renderer.draw_path(ink, Path(list(zip(x, y, strict=True))), IdentityTransform())

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled box; x and y are its lower left corner."""
        from matplotlib.colors import to_rgba
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        ink = self._ink()
        ink.set_linewidth(0)
        at = Affine2D.from_values(width, 0, 0, height, x, y)
        self.renderer.draw_path(ink, Path.unit_rectangle(), at, to_rgba(colour))

    def _ink(self, alpha: float = 1.0) -> Any:
        from matplotlib.colors import to_rgba

        ink = self.renderer.new_gc()
        ink.set_foreground(to_rgba(INK, alpha), isRGBA=True)
        return ink


def _draw(
    charts: Sequence[tuple[Chart, Place]], words: Catalogue, width: float, height: float
) -> str:
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        drawing = Drawing(width, height, TEXT[width])
        for view, place in charts:
            frame = Frame(drawing, view, place)
            _behind(frame, words)
            _bars(frame, words, width)
            _axis(frame, words)
        drawing.renderer.finalize()
    return drawing.out.getvalue()


@lru_cache(maxsize=8)
def _baseline(stands: str) -> float:
    """How far over a place the baseline of a text is of which this part stands there, in sizes."""
    from matplotlib.ft2font import FT2Font

    try:
        from pylopdf_fonts_ko import sans_path
    except ImportError as missing:
        raise VirtdocsError(
            "charts", "no Hangul font to measure with: install virtdocs[site] (pylopdf-fonts-ko)"
        ) from missing
    font = FT2Font(str(sans_path()))
    line: Any = font.get_sfnt_table("OS/2")
    up, down = (
        float(line[which]) / font.units_per_EM for which in ("sTypoAscender", "sTypoDescender")
    )
    return {"bottom": -down, "top": -up, "middle": -(up + down) / 2, "letters": -up / 2}[stands]


def _head_room(charts: Sequence[Chart], words: Catalogue, width: float) -> float:
    """What the heads at the left take; on a phone they stand above the bars."""
    if width != WIDE:
        return 10.0
    heads = (label_text(bar.head, words) for chart in charts for bar in chart.bars)
    return max(svg.text_width(head, TEXT[width]) for head in heads) + 22


def _behind(frame: Frame, words: Catalogue) -> None:
    """The marked range, and a faint line at each number of the axis."""
    drawing, view = frame.drawing, frame.view
    if view.band:
        low, high = frame.x(float(view.band.low.raw)), frame.x(float(view.band.high.raw))
        drawing.box(low, frame.bottom, high - low, frame.place.height, BAND)
        label, size = label_text(view.band.label, words), drawing.size - 0.5
        drawing.text((low + high) / 2, frame.top + 6, label, "bottom", "center", size)
    for x, tick in _ticks(frame):
        drawing.line([x, x], [frame.bottom, frame.top], 0.8, 0.14)
        drawing.text(x, frame.bottom - 6, tick, "top", "center")


def _bars(frame: Frame, words: Catalogue, width: float) -> None:
    drawing, view, place = frame.drawing, frame.view, frame.place
    over, thick = ABOVE[width], THICK[width]
    row_height = place.height / (over + len(view.bars) - 0.4)
    for row, bar in enumerate(view.bars):
        mark = place.number * PER_PANEL + row
        y = frame.top - (over + row) * row_height
        end = frame.x(max(float(bar.value.raw), frame.low))
        half = thick / 2 * row_height
        colour = f"#{FIRST_STAND_IN + mark:06x}"
        drawing.box(frame.left, y - half, end - frame.left, 2 * half, colour)
        if bar.spread:
            _spread(drawing, [frame.x(float(one.raw)) for one in bar.spread], y)
        after = frame.x(max(_end(bar), frame.low)) + 5
        drawing.text(after, y, value_text(bar.value, words), "middle", gid=f"value-{mark}")
        head = label_text(bar.head, words)
        if width == NARROW:
            drawing.text(frame.left, y + half + 4, head, "bottom")
        elif place.heads:
            drawing.text(frame.left - 8, y, head, "letters", "right")


def _spread(drawing: Drawing, ends: Sequence[float], y: float) -> None:
    drawing.line(ends, [y, y], 1.4)
    for x in ends:
        drawing.line([x, x], [y - 3, y + 3], 1.0)


def _end(bar: Bar) -> float:
    """Where the mark of a bar ends: of the bar itself, or of its spread."""
    return float(bar.spread[1].raw if bar.spread else bar.value.raw)


def _limits(view: Chart, raw: list[float], width: float) -> tuple[float, float]:
    ends = [*raw, *([float(view.band.high.raw)] if view.band else [])]
    if not view.log:
        return min(0.0, *ends), (max(ends) or 1.0) * (1 + max(0.16, VALUE_ROOM / width))
    smallest = min((one for one in raw if one > 0), default=1.0)
    return smallest / 4, max(ends) * 4


def _axis(frame: Frame, words: Catalogue) -> None:
    """The line where the bars begin, and what is said over or under the chart."""
    drawing, view, place = frame.drawing, frame.view, frame.place
    size = drawing.size
    drawing.line([frame.left] * 2, [frame.bottom, frame.top], 0.8, 0.5)
    for index, line in enumerate(reversed(place.title)):
        y = frame.top + 6 + 1.35 * size * index
        drawing.text(frame.left, y, line, "bottom", gid=f"title-{place.number}-{index}")
    if not place.title:
        label = label_text(view.axis, words)
        label = words.text("ui.log_axis", {"axis": label}) if view.log else label
        middle = (frame.left + frame.right) / 2
        drawing.text(middle, frame.bottom - 10 - 1.2 * size, label, "top", "center")


def _ticks(frame: Frame) -> list[tuple[float, str]]:
    """Where the axis has a number, in pixels, and the number; as many as have room."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    room = min(9, int(frame.place.width / (3.5 * frame.drawing.size)))
    if frame.view.log:
        found = LogLocator(numticks=max(2, room)).tick_values(frame.low, frame.high)
    else:
        steps = [1, 2, 2.5, 5, 10]
        found = MaxNLocator(max(1, room), steps=steps).tick_values(frame.low, frame.high)
    raw = [round(float(one), 12) for one in found if frame.low <= one <= frame.high]
    texts = [f"{one:,.10g}" for one in raw]
    if not frame.view.log:  # all with the decimals of the one that needs most
        places = max(len(one.partition(".")[2]) for one in texts)
        texts = [f"{one:,.{places}f}" for one in raw]
    return [(frame.x(one), text.replace("-", MINUS)) for one, text in zip(raw, texts, strict=True)]


def _page_ready(
    drawn: str, charts: Sequence[Chart], prefix: str, title: str, description: str
) -> str:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    if not found:
        raise VirtdocsError("charts", "matplotlib wrote no viewBox")
    body = drawn[drawn.index(">", found.end()) + 1 : drawn.rindex("</svg>")]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'(id="[^"]*-(?:value-\d+|title-\d+-\d+)")', r'\1 font-weight="700"', body)
    body = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", body)
    # matplotlib's own style sheet names every element of the page that it is put into
    body = re.sub(r"<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = body.replace(INK, "currentColor")
    body = body.replace(f"fill: {BAND}", f"fill: {palette.variable('')}; fill-opacity: 0.18")
    for number, view in enumerate(charts):
        for row, bar in enumerate(view.bars):
            stand_in = f"#{FIRST_STAND_IN + number * PER_PANEL + row:06x}"
            body = body.replace(stand_in, palette.variable(bar.technique))
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*"', "", body)
    width, height = (float(one) for one in found.groups())
    return svg.document(prefix, width, height, title, description, body.strip(), "vd-svg vd-chart")
