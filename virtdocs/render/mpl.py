"""Charts by matplotlib, made into figures of the page: the only file that imports it.

The same bytes in every process: text stays text, ids are salted and prefixed, no date.
Colours are drawn as stand-ins and replaced by CSS variables, so that one file serves
light and dark pages. A Hangul font is registered for measuring; pages set their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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


def _draw(
    charts: Sequence[tuple[Chart, Place]], words: Catalogue, width: float, height: float
) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    size = TEXT[width]
    rc: Any = {
        "svg.fonttype": "none", "svg.hashsalt": "virtdocs", "font.family": _font_families(),
        "font.size": size, "axes.edgecolor": INK, "text.color": INK, "xtick.color": INK,
        "axes.labelcolor": INK, "ytick.color": INK, "axes.unicode_minus": True,
    }  # fmt: skip
    out = StringIO()
    with matplotlib.rc_context(rc):
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        FigureCanvasSVG(figure)
        for view, place in charts:
            bottom = height - place.top - place.height
            axes = figure.add_axes(
                (place.left / width, bottom / height, place.width / width, place.height / height)
            )
            axes.set_facecolor("none")
            _bars(axes, view, words, size, width, place)
            _axis(axes, view, words, size, place)
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _font_families() -> list[str]:
    from matplotlib import font_manager

    try:
        from pylopdf_fonts_ko import sans_path
    except ImportError as missing:
        raise VirtdocsError(
            "charts", "no Hangul font to measure with: install virtdocs[site] (pylopdf-fonts-ko)"
        ) from missing
    path = str(sans_path())
    if not any(one.fname == path for one in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name()]


def _head_room(charts: Sequence[Chart], words: Catalogue, width: float) -> float:
    """What the heads at the left take; on a phone they stand above the bars."""
    if width != WIDE:
        return 10.0
    heads = (label_text(bar.head, words) for chart in charts for bar in chart.bars)
    return max(svg.text_width(head, TEXT[width]) for head in heads) + 22


def _bars(
    axes: Any, view: Chart, words: Catalogue, size: float, width: float, place: Place
) -> None:
    raw = [float(bar.value.raw) for bar in view.bars]
    ends = [_end(bar) for bar in view.bars]
    low, high = _limits(view, [*raw, *ends], place.width)
    rows = range(len(raw))
    first = place.number * PER_PANEL
    colours = [f"#{FIRST_STAND_IN + first + row:06x}" for row in rows]
    thick = 0.56 if width == WIDE else 0.36
    axes.barh(rows, [max(one, low) - low for one in raw], left=low, height=thick, color=colours)
    for row, bar in enumerate(view.bars):
        if bar.spread:
            least, most = (float(one.raw) for one in bar.spread)
            axes.plot([least, most], [row, row], color=INK, linewidth=1.4, marker="|", zorder=3)
        axes.annotate(
            value_text(bar.value, words),
            (max(ends[row], low), row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            gid=f"value-{first + row}",
        )
        if width == NARROW:
            axes.annotate(
                label_text(bar.head, words),
                (low, row - thick / 2),
                xytext=(0, 4),
                textcoords="offset points",
                va="bottom",
                ha="left",
            )
    if width == NARROW or not place.heads:
        axes.set_yticks([])
    else:
        axes.set_yticks(list(rows), [label_text(bar.head, words) for bar in view.bars])
    axes.tick_params(axis="y", length=0, pad=8)
    if view.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda raw, _: f"{raw:,g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlim(low, high)
    axes.set_ylim(len(raw) - 0.4, -0.75 if width == NARROW else -0.6)
    if view.band:
        edges = float(view.band.low.raw), float(view.band.high.raw)
        axes.axvspan(*edges, color=BAND, zorder=0, linewidth=0)
        axes.annotate(
            label_text(view.band.label, words),
            (sum(edges) / 2, 1),
            xytext=(0, 6),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size=size - 0.5,
        )


def _end(bar: Bar) -> float:
    """Where the mark of a bar ends: of the bar itself, or of its spread."""
    return float(bar.spread[1].raw if bar.spread else bar.value.raw)


def _limits(view: Chart, raw: list[float], width: float) -> tuple[float, float]:
    ends = [*raw, *([float(view.band.high.raw)] if view.band else [])]
    if not view.log:
        return min(0.0, *ends), (max(ends) or 1.0) * (1 + max(0.16, VALUE_ROOM / width))
    smallest = min((one for one in raw if one > 0), default=1.0)
    return smallest / 4, max(ends) * 4


def _axis(axes: Any, view: Chart, words: Catalogue, size: float, place: Place) -> None:
    label = label_text(view.axis, words)
    if not place.title:
        label = words.text("ui.log_axis", {"axis": label}) if view.log else label
        axes.set_xlabel(label, size=size)
    for index, line in enumerate(reversed(place.title)):
        axes.annotate(
            line,
            (0, 1),
            xytext=(0, 6 + 1.35 * size * index),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            gid=f"title-{place.number}-{index}",
        )
    axes.grid(axis="x", color=INK, alpha=0.14, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_alpha(0.5)
    axes.tick_params(axis="x", length=0, pad=6)


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
    width, height = (float(one) for one in found.groups())
    return svg.document(prefix, width, height, title, description, body.strip(), "vd-svg vd-chart")
