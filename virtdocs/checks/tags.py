"""Inline tags: ``{{ EXHIBIT.KEY|format }}{은/는}``, the one grammar of them.

The site's hook replaces tags, the gates read them; both ask this module, so that
a form which one accepts cannot be unknown to the other.

>>> [tag] = find_tags("{{ steps(instruction=hlt).bt.steps|words }}{은/는}")
>>> tag.name, tag.params, tag.key, tag.fmt, tag.particle
('steps', (('instruction', 'hlt'),), 'bt.steps', 'words', '은/는')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from virtdocs.render.particles import PAIRS

_TAG = re.compile(r"\{\{(?P<body>[^{}\n]*)\}\}(?:\{(?P<pair>[가-힣]+/[가-힣]+)\})?")
_BODY = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)"
    r"(?:\(\s*(?P<params>[^()]*?)\s*\))?"
    r"\.(?P<key>\w+(?:\.\w+)*)"
    r"(?:\s*\|\s*(?P<fmt>[\w.:+-]+))?\s*",
    re.ASCII,
)
_PARAM = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>[\w.:/+-]+)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tag:
    """One inline tag; ``start`` and ``end`` are offsets, ``line`` is 1-based.

    ``problem`` says why the tag can't be read; it is empty for a sound tag.
    """

    text: str
    start: int
    end: int
    line: int
    name: str = ""
    params: tuple[tuple[str, str], ...] = ()
    key: str = ""
    fmt: str = ""
    particle: str = ""
    problem: str = ""


def find_tags(text: str) -> list[Tag]:
    """All tags of ``text`` in order, the malformed ones too."""
    return [_read(match, text) for match in _TAG.finditer(text)]


def _read(match: re.Match[str], text: str) -> Tag:
    line = text.count("\n", 0, match.start()) + 1
    place = (match.group(), match.start(), match.end(), line)
    pair = match["pair"] or ""
    body = _BODY.fullmatch(match["body"])
    if body is None:
        problem = "is not EXHIBIT.KEY, EXHIBIT(k=v).KEY or …|format"
        return Tag(*place, particle=pair, problem=problem)
    params: list[tuple[str, str]] = []
    for part in filter(None, (body["params"] or "").split(",")):
        param = _PARAM.fullmatch(part)
        if param is None:
            problem = f"has parameter {part.strip()!r}, not key=value"
            return Tag(*place, particle=pair, problem=problem)
        params.append((param["key"], param["value"]))
    known = " ".join(PAIRS)
    problem = "" if pair in ("", *PAIRS) else f"has the pair {{{pair}}}; known are {known}"
    return Tag(*place, body["name"], tuple(params), body["key"], body["fmt"] or "", pair, problem)
