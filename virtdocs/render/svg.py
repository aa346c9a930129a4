"""SVG by hand: escaped elements, text measured without a font, lines broken to a width.

A Hangul or other wide character is 1 em, a capital or digit about 0.6, other Latin
letters 0.53: wide enough for the fonts of the site. Figures take their text colour
from the page (currentColor) and never set text below 11 px.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape

FONTS = "Pretendard, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif"
NARROW = {**dict.fromkeys("iljtf.,:;'|!()[] ", 0.33), **dict.fromkeys("mwMW%@—→←", 0.9)}


def text_width(text: str, size: float) -> float:
    """The width of ``text`` in pixels at a font size of ``size`` pixels."""
    return sum(_em(one) for one in text) * size


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in NARROW:
        return NARROW[character]
    return 0.63 if character.isupper() or character.isdigit() else 0.55


def wrap(text: str, size: float, width: float) -> list[str]:
    """``text`` broken at spaces to lines of at most ``width``; a longer word breaks inside."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        tried = f"{line} {word}" if line else word
        if text_width(tried, size) <= width:
            line = tried
            continue
        if line:
            lines.append(line)
        line = word
        while text_width(line, size) > width:
            fit = _fitting(line, size, width)
            lines.append(line[:fit])
            line = line[fit:]
    return [*lines, line] if line else lines


def _fitting(word: str, size: float, width: float) -> int:
    fit = 1
    while fit < len(word) and text_width(word[: fit + 1], size) <= width:
        fit += 1
    return fit


def element(tag: str, body: str = "", **attributes: object) -> str:
    """One element; ``class_`` and ``stroke_width`` become class and stroke-width."""
    found = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_number(given))}"'
        for name, given in attributes.items()
        if given is not None
    )
    return f"<{tag}{found}>{body}</{tag}>" if body else f"<{tag}{found}/>"


def _number(given: object) -> str:
    if isinstance(given, float):
        return f"{given:.2f}".rstrip("0").rstrip(".")
    return str(given)


def text(
    x: float,
    y: float,
    content: str,
    size: float = 13,
    *,
    anchor: str = "start",
    weight: int | None = None,
    style: str | None = None,
    opacity: float | None = None,
    family: str | None = None,
) -> str:
    """One line of real text in the page's colour, baseline at ``y``."""
    return element(
        "text",
        escape(content, quote=False),
        x=float(x),
        y=float(y),
        font_size=float(size),
        text_anchor=None if anchor == "start" else anchor,
        font_weight=weight,
        style=style,
        opacity=opacity,
        font_family=family,
        fill=None if style else "currentColor",
    )


def lines(
    x: float,
    y: float,
    content: Iterable[str],
    size: float = 13,
    leading: float = 1.3,
    anchor: str = "start",
    weight: int | None = None,
) -> str:
    """Several lines under one another, the first with its baseline at ``y``."""
    return "".join(
        text(x, y + index * size * leading, line, size, anchor=anchor, weight=weight)
        for index, line in enumerate(content)
    )


def document(
    prefix: str,
    width: float,
    height: float,
    title: str,
    description: str,
    body: str,
    css_class: str,
) -> str:
    """A figure: scales to its box, is one image for assistive technology, has title and desc."""
    return element(
        "svg",
        element("title", escape(title, quote=False), id=f"{prefix}-t")
        + element("desc", escape(description, quote=False), id=f"{prefix}-d")
        + body,
        xmlns="http://www.w3.org/2000/svg",
        class_=css_class,
        role="img",
        aria_labelledby=f"{prefix}-t {prefix}-d",
        viewBox=f"0 0 {_number(float(width))} {_number(float(height))}",
        width=float(width),
        height=float(height),
        font_family=FONTS,
    )
