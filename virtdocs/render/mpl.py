"""Charts by matplotlib, made into figures of the page: the only file that imports it.

The same bytes in every process: text stays text, ids are salted and prefixed, no date.
Colours are drawn as stand-ins and replaced by CSS variables, so that one file serves
light and dark pages. A Hangul font is registered for measuring; pages set their own.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from virtdocs.errors import VirtdocsError
from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text, value_text
from virtdocs.views.model import Chart

WIDE, NARROW = 700.0, 345.0
TEXT = {WIDE: 13.0, NARROW: 12.5}
ROW = {WIDE: 40.0, NARROW: 58.0}
INK = "#010203"  # stands for currentColor
BAND = "#010204"  # stands for the colour of a marked range
FIRST_STAND_IN = 0x0A0000


def chart(
    view: Chart, words: Catalogue, prefix: str, title: str, description: str, width: float = WIDE
) -> str:
    """Horizontal bars, each with its value, over one axis with its unit."""
    return _page_ready(_draw(view, words, width), view, prefix, title, description)


def _draw(view: Chart, words: Catalogue, width: float) -> str:
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
        height = ROW[width] * len(view.bars) + (74 if width == WIDE else 84)
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_axes(_frame(view, words, width, height))
        axes.set_facecolor("none")
        _bars(axes, view, words, size, width)
        _axis(axes, view, words, size)
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


def _frame(
    view: Chart, words: Catalogue, width: float, height: float
) -> tuple[float, float, float, float]:
    size = TEXT[width]
    longest = max(svg.text_width(label_text(bar.head, words), size) for bar in view.bars)
    left = (longest + 22) / width if width == WIDE else 10 / width
    bottom, top = 56 / height, (height - 26) / height
    return (left, bottom, 1 - left - 18 / width, top - bottom)


def _bars(axes: Any, view: Chart, words: Catalogue, size: float, width: float) -> None:
    raw = [float(bar.value.raw) for bar in view.bars]
    low, high = _limits(view, raw)
    rows = range(len(raw))
    colours = [f"#{FIRST_STAND_IN + row:06x}" for row in rows]
    thick = 0.56 if width == WIDE else 0.36
    axes.barh(rows, [max(one, low) - low for one in raw], left=low, height=thick, color=colours)
    for row, bar in enumerate(view.bars):
        axes.annotate(
            value_text(bar.value, words),
            (max(raw[row], low), row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            gid=f"value-{row}",
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
    axes.set_yticks(list(rows), [label_text(bar.head, words) for bar in view.bars])
    if width == NARROW:
        axes.set_yticks([])
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


def _limits(view: Chart, raw: list[float]) -> tuple[float, float]:
    ends = [*raw, *([float(view.band.high.raw)] if view.band else [])]
    if not view.log:
        return min(0.0, *ends), (max(ends) or 1.0) * 1.16
    smallest = min((one for one in raw if one > 0), default=1.0)
    return smallest / 4, max(ends) * 4


def _axis(axes: Any, view: Chart, words: Catalogue, size: float) -> None:
    label = label_text(view.axis, words)
    axes.set_xlabel(words.text("ui.log_axis", {"axis": label}) if view.log else label, size=size)
    axes.grid(axis="x", color=INK, alpha=0.14, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_alpha(0.5)
    axes.tick_params(axis="x", length=0, pad=6)


def _page_ready(drawn: str, view: Chart, prefix: str, title: str, description: str) -> str:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    if not found:
        raise VirtdocsError("charts", "matplotlib wrote no viewBox")
    body = drawn[drawn.index(">", found.end()) + 1 : drawn.rindex("</svg>")]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'(id="[^"]*-value-\d+")', r'\1 font-weight="700"', body)
    body = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", body)
    # matplotlib's own style sheet names every element of the page that it is put into
    body = re.sub(r"<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = body.replace(INK, "currentColor")
    body = body.replace(f"fill: {BAND}", f"fill: {palette.variable('')}; fill-opacity: 0.18")
    for row, bar in enumerate(view.bars):
        body = body.replace(f"#{FIRST_STAND_IN + row:06x}", palette.variable(bar.technique))
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    width, height = (float(one) for one in found.groups())
    return svg.document(prefix, width, height, title, description, body.strip(), "vd-svg vd-chart")
