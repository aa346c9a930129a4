"""Flows as swim lanes: one lane per party, steps numbered, crossings of the border strong.

Two drawings of the same flow: `wide` with a box per step in its party's lane, and
`narrow` for a phone, where lanes are rails on the left and the text stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text
from virtdocs.trace import Party
from virtdocs.views.model import Flow
from virtdocs.views.sides import monitor_side

WIDTH = 760
TEXT = 13.5
SMALL = 12.5
HEAD = 64
GAP = 24
PAD = 10
BADGE = 10
RAIL = 30
NARROW_WIDTH = 345
CROWDED = 160  # lanes narrower than this have their numbers at the corners of the boxes
NARROW_TEXT = 13.5


@dataclass(frozen=True, slots=True)
class Box:
    """Where one step is drawn and which lines of text stand in it."""

    left: float
    top: float
    width: float
    height: float
    text: tuple[str, ...]

    @property
    def middle(self) -> tuple[float, float]:
        """The centre of the box."""
        return self.left + self.width / 2, self.top + self.height / 2


def wide(flow: Flow, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """The flow with lanes side by side."""
    lane = WIDTH / len(flow.parties)
    boxes = _boxes(flow, words, lane)
    height = boxes[-1].top + boxes[-1].height + 16
    body = _markers(flow, prefix) + _lanes(flow, words, lane, height)
    body += "".join(
        _arrow(flow, prefix, boxes[index], boxes[index + 1], index + 1, lane)
        for index in range(len(boxes) - 1)
    )
    crowded = lane < CROWDED
    body += "".join(_box(flow, box, index, crowded) for index, box in enumerate(boxes))
    return svg.document(prefix, WIDTH, height, title, description, body, "vd-svg vd-flow")


def _boxes(flow: Flow, words: Catalogue, lane: float) -> list[Box]:
    found: list[Box] = []
    top = float(HEAD + 12)
    crowded = lane < CROWDED
    width = lane - 10 if crowded else min(lane - 14, 230)
    for step in flow.steps:
        room = width - 2 * PAD - (0 if crowded else 2 * BADGE + 4)
        text = tuple(svg.wrap(label_text(step.label, words), TEXT, room))
        height = max(2 * BADGE + 12, len(text) * TEXT * 1.35 + 2 * PAD)
        left = flow.parties.index(step.party) * lane + (lane - width) / 2
        found.append(Box(left, top, width, height, text))
        top += height + GAP
    return found


def _markers(flow: Flow, prefix: str) -> str:
    def marker(name: str, colour: str, size: float) -> str:
        return svg.element(
            "marker",
            svg.element("path", d="M0 0L8 4L0 8z", style=f"fill:{colour}"),
            id=f"{prefix}-{name}",
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=size,
            markerHeight=size,
            markerUnits="userSpaceOnUse",
            orient="auto",
        )

    plain = marker("a", "currentColor", 9.0)
    strong = marker("b", palette.variable(flow.technique), 14.0)
    return svg.element("defs", plain + strong)


def _lanes(flow: Flow, words: Catalogue, lane: float, height: float) -> str:
    colour = palette.variable(flow.technique)
    found = ""
    for index, party in enumerate(flow.parties):
        left = index * lane
        tint = colour if monitor_side(party) else "currentColor"
        found += svg.element(
            "rect",
            x=left + 2,
            y=20.0,
            width=lane - 4,
            height=height - 22,
            rx=6,
            style=f"fill:{tint}",
            fill_opacity=0.08 if monitor_side(party) else 0.035,
        )
        name = words.text(f"party.{party}")
        size = min(14.0, 14 * (lane - 12) / (1.08 * svg.text_width(name, 14)))
        found += svg.text(left + lane / 2, 42, name, size, anchor="middle", weight=700)
        shown = _levels(flow, party)
        if shown:
            found += svg.text(left + lane / 2, 59, shown, SMALL, anchor="middle", opacity=0.8)
    border = _border(flow)
    if border:
        x = border * lane
        found += svg.element(
            "path",
            d=f"M{x:g} 20V{height - 2:g}",
            style=f"stroke:{colour}",
            stroke_width=2,
            stroke_dasharray="2 5",
            stroke_linecap="round",
            fill="none",
        )
        found += svg.text(x - 10, 13, words.text("ui.guest_side"), SMALL, anchor="end")
        found += svg.text(x + 10, 13, words.text("ui.monitor_side"), SMALL)
    return found


def _levels(flow: Flow, party: Party) -> str:
    """The privilege levels in which guest software was seen, for its lane's head."""
    if monitor_side(party) or party is Party.CPU:
        return ""
    levels = sorted({s.cpl for s in flow.steps if s.party is party and s.cpl is not None})
    return "CPL " + ", ".join(str(level) for level in levels) if levels else ""


def _border(flow: Flow) -> int:
    """How many lanes stand left of the border between guest and monitor; 0 without monitor."""
    monitors = [index for index, party in enumerate(flow.parties) if monitor_side(party)]
    return monitors[0] if monitors else 0


def _arrow(flow: Flow, prefix: str, here: Box, there: Box, index: int, lane: float) -> str:
    crossing = flow.steps[index].crossing
    (x1, y1), (x2, _) = here.middle, there.middle
    end = there.top - 2
    if abs(x1 - x2) < 1:
        path = f"M{x1:g} {here.top + here.height:g}V{end:g}"
    else:
        start = here.left + here.width if x2 > x1 else here.left
        bend = 8 if x2 > x1 else -8
        path = f"M{start:g} {y1:g}H{x2 - bend:g}Q{x2:g} {y1:g} {x2:g} {y1 + 8:g}V{end:g}"
    colour = palette.variable(flow.technique) if crossing else "currentColor"
    drawn = svg.element(
        "path",
        d=path,
        fill="none",
        style=f"stroke:{colour}",
        stroke_width=3.5 if crossing else 1.5,
        stroke_opacity=None if crossing else 0.7,
        marker_end=f"url(#{prefix}-{'b' if crossing else 'a'})",
        class_="vd-crossing" if crossing else "vd-arrow",
    )
    if crossing and min(x1, x2) < _border(flow) * lane < max(x1, x2):
        drawn += svg.element(
            "circle",
            cx=_border(flow) * lane,
            cy=y1,
            r=5.5,
            stroke_width=2.5,
            style=f"fill:var(--vd-paper, {palette.PAPER[0]});stroke:{colour}",
        )
    return drawn


def _box(flow: Flow, box: Box, index: int, crowded: bool) -> str:
    step = flow.steps[index]
    monitor = bool(monitor_side(step.party))
    colour = palette.variable(flow.technique) if monitor else "currentColor"
    frame = svg.element(
        "rect",
        x=box.left,
        y=box.top,
        width=box.width,
        height=box.height,
        rx=7,
        style=f"fill:var(--vd-paper, {palette.PAPER[0]});stroke:{colour}",
        stroke_width=1.8 if monitor else 1.2,
        stroke_opacity=None if monitor else 0.55,
    )
    first = box.middle[1] - (len(box.text) - 1) * TEXT * 1.35 / 2 + TEXT * 0.35
    if crowded:
        badge = _badge(box.left + 6, box.top + 2, index + 1, colour)
        return frame + svg.lines(box.left + PAD, first, box.text, TEXT, leading=1.35) + badge
    badge = _badge(box.left + PAD + BADGE, box.middle[1], index + 1, colour)
    left = box.left + PAD + 2 * BADGE + 6
    return frame + badge + svg.lines(left, first, box.text, TEXT, leading=1.35)


def _badge(x: float, y: float, n: int, colour: str) -> str:
    circle = svg.element(
        "circle",
        cx=x,
        cy=y,
        r=BADGE,
        stroke_width=1.5,
        style=f"fill:var(--vd-paper, {palette.PAPER[0]});stroke:{colour}",
    )
    return circle + svg.text(x, y + 4.2, str(n), SMALL, anchor="middle", weight=700)


def narrow(flow: Flow, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """The flow with lanes as rails: readable at 375 px."""
    rails = {party: 16.0 + RAIL * index for index, party in enumerate(flow.parties)}
    left = 16.0 + RAIL * len(rails) - 2
    top = 24.0 * len(rails) + 26
    points: list[tuple[float, float]] = []
    labels = ""
    for step in flow.steps:
        text = svg.wrap(label_text(step.label, words), NARROW_TEXT, NARROW_WIDTH - left - 4)
        labels += svg.lines(left, top + NARROW_TEXT * 0.35, text, NARROW_TEXT, leading=1.35)
        points.append((rails[step.party], top))
        top += len(text) * NARROW_TEXT * 1.35 + 18
    height = top - 6
    body = _rails(flow, rails, words, height)
    body += "".join(
        _link(flow, points[index], points[index + 1], index + 1) for index in range(len(points) - 1)
    )
    for index, (x, y) in enumerate(points):
        monitor = monitor_side(flow.steps[index].party)
        colour = palette.variable(flow.technique) if monitor else "currentColor"
        body += _badge(x, y, index + 1, colour)
    return svg.document(
        prefix, NARROW_WIDTH, height, title, description, body + labels, "vd-svg vd-flow"
    )


def _rails(flow: Flow, rails: dict[Party, float], words: Catalogue, height: float) -> str:
    found = ""
    for index, (party, x) in enumerate(rails.items()):
        y = 16 + 24.0 * index
        colour = palette.variable(flow.technique) if monitor_side(party) else "currentColor"
        found += svg.element(
            "path",
            d=f"M{x + 10:g} {y:g}H{x:g}V{height - 8:g}",
            fill="none",
            style=f"stroke:{colour}",
            stroke_width=2,
            stroke_opacity=0.45,
        )
        found += svg.text(x + 15, y + 4.5, words.text(f"party.{party}"), 13, weight=700)
    return found


def _link(flow: Flow, here: tuple[float, float], there: tuple[float, float], index: int) -> str:
    crossing = flow.steps[index].crossing
    (x1, y1), (x2, y2) = here, there
    half = (y1 + y2) / 2
    colour = palette.variable(flow.technique) if crossing else "currentColor"
    return svg.element(
        "path",
        d=f"M{x1:g} {y1:g}C{x1:g} {half:g} {x2:g} {half:g} {x2:g} {y2:g}",
        fill="none",
        style=f"stroke:{colour}",
        stroke_width=4 if crossing else 1.6,
        class_="vd-crossing" if crossing else "vd-arrow",
    )
