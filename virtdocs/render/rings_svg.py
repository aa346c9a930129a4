"""Rings as nested arches: ring 0 is the core, and every arch names who really runs there.

The upper half is the mode in which the guest runs. A CPU with a host mode of its own
(VMX root, SVM host) gets a lower half, parted by the border that VM exit and VM entry cross.
"""

from __future__ import annotations

from math import cos, pi, sin

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.views.model import Occupant, Rings
from virtdocs.views.sides import monitor_side

WIDTH = 544.0
RADII = (96.0, 152.0, 208.0, 264.0)
TEXT = 18.5
SMALL = 17.5
TOP = 14.0
BORDER = 54.0


def rings(view: Rings, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """The ring diagram; one drawing serves wide and narrow pages."""
    centre = TOP + RADII[-1]
    body = _half(view, words, centre, up=True)
    height = centre + 36
    if view.two_modes:
        below = centre + BORDER
        body += _border(view, words, centre) + _half(view, words, below, up=False)
        height = below + RADII[-1] + TOP
    else:
        body += svg.text(WIDTH / 2, centre + 26, words.text("mode.only"), SMALL, anchor="middle")
    return svg.document(prefix, WIDTH, height, title, description, body, "vd-svg vd-rings")


def _half(view: Rings, words: Catalogue, centre: float, *, up: bool) -> str:
    here = (
        [one for one in view.occupants if one.root is not up]
        if view.two_modes
        else [*view.occupants]
    )
    found = ""
    for ring in reversed(range(len(RADII))):
        inside = [one for one in here if one.cpl == ring]
        found += _arch(view, ring, inside, centre, up) + _label(words, ring, inside, centre, up)
    return found


def _arch(view: Rings, ring: int, inside: list[Occupant], centre: float, up: bool) -> str:
    radius, x = RADII[ring], WIDTH / 2
    monitor = any(monitor_side(one.party) for one in inside)
    colour = palette.variable(view.technique) if monitor else "currentColor"
    strength = 0.22 if monitor else 0.12 if inside else 0.0
    paper = f"var(--vd-paper, {palette.PAPER[0]})"
    path = (
        f"M{x - radius:g} {centre:g}A{radius:g} {radius:g} 0 0 {int(up)} {x + radius:g} {centre:g}z"
    )
    blank = svg.element("path", d=path, style=f"fill:{paper}")
    return blank + svg.element(
        "path",
        d=path,
        style=f"fill:{colour};stroke:{colour if monitor else 'currentColor'}",
        fill_opacity=strength,
        stroke_width=2.5 if monitor else 1.4,
        stroke_opacity=1 if inside else 0.4,
        stroke_dasharray=None if inside else "4 5",
    )


def _label(words: Catalogue, ring: int, inside: list[Occupant], centre: float, up: bool) -> str:
    inner = RADII[ring - 1] if ring else 0.0
    radius = (inner + RADII[ring]) / 2 + (6 if ring == 0 else 0)
    sign = -1 if up else 1
    spread = _angles(len(inside), ring)
    found = ""
    for one, angle in zip(inside, spread, strict=True):
        x = WIDTH / 2 + radius * sin(angle)
        y = centre + sign * radius * cos(angle) + TEXT * 0.35
        found += svg.text(
            x, y, words.text(f"party_short.{one.party}"), TEXT, anchor="middle", weight=700
        )
    mark = words.text("ui.ring", {"n": str(ring)})
    y = centre - 10 if up else centre + 22
    x = WIDTH / 2 - (radius if ring else 0)
    return found + svg.text(x, y, mark, SMALL, anchor="middle", opacity=0.85)


def _angles(count: int, ring: int) -> list[float]:
    if count < 2:
        return [0.0] * count
    step = (26 if ring else 40) * pi / 180
    return [(index - (count - 1) / 2) * 2 * step for index in range(count)]


def _border(view: Rings, words: Catalogue, centre: float) -> str:
    colour = palette.variable(view.technique)
    y = centre + BORDER / 2
    line = svg.element(
        "path",
        d=f"M4 {y:g}H{WIDTH - 4:g}",
        style=f"stroke:{colour}",
        stroke_width=2.5,
        stroke_dasharray="2 6",
        stroke_linecap="round",
        fill="none",
    )
    return (
        line
        + svg.text(8, y - 8, words.text("mode.guest"), SMALL)
        + svg.text(8, y + 21, words.text("mode.host"), SMALL)
        + svg.text(WIDTH - 8, y - 8, words.text("ui.vm_exit_down"), SMALL, anchor="end")
        + svg.text(WIDTH - 8, y + 21, words.text("ui.vm_entry_up"), SMALL, anchor="end")
    )
