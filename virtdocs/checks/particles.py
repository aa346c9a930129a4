"""Gate particles: the Korean particle after a value or a word fits its sound.

A value changes when the engine changes, so the particle after it can't be typed:
`{{ x.y }}{은/는}` lets the renderer choose. After acronyms and glossary terms a
wrong particle is reported where the reading decides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import CODE, MARKUP, TAG
from virtdocs.checks.pages import Page, read_pages
from virtdocs.checks.readings import PAIR_OF, right_particle
from virtdocs.checks.termlist import read_terms

GATE = "particles"

_PARTICLE = "|".join(sorted(PAIR_OF, key=len, reverse=True))
_AFTER_TAG = re.compile(
    r"(?P<mark>[*_]{0,3})(?:(?P<bare>으로|[은는이가을를과와로])(?:는|도|서|써|의|만|부터)?|\s(?P<apart>으로|[은는을를와]))"
    r"(?![가-힣])"
)
_PAIR = re.compile(r"\{\s*(?P<pair>[가-힣]+\s*/\s*[가-힣]+)\s*\}")
_OPTIONAL = re.compile(
    r"은\(는\)|는\(은\)|이\(가\)|가\(이\)|[을를]\([을를]\)|[과와]\([과와]\)|\(으\)로"
)
_PARTICLE_END = rf"[`*]{{0,3}}(?P<particle>{_PARTICLE})(?![가-힣(])"
_LATIN = re.compile(rf"(?<![A-Za-z0-9])(?P<word>[A-Za-z][A-Za-z0-9+./-]*){_PARTICLE_END}")


def check(root: Path) -> list[Finding]:
    """Particles that do not, or one day may not, fit what they follow."""
    forms = sorted({term.ko for term in read_terms(root)}, key=len, reverse=True)
    terms = re.compile(rf"(?P<word>{'|'.join(map(re.escape, forms)) or '(?!)'}){_PARTICLE_END}")
    found: list[Finding] = []
    for page in read_pages(root):
        if page.lang == "ko":
            found += _after_tags(page)
            found += _after_words(page, terms)
        found += _pairs(page)
    return found


def _after_tags(page: Page) -> Iterator[Finding]:
    text, prose = "\n".join(page.unfenced), "\n".join(page.prose)
    for tag in page.tags:
        particle = _AFTER_TAG.match(text, tag.end)
        if tag.particle or particle is None or prose[tag.start] == CODE:
            continue
        bare = particle["bare"] or particle["apart"]
        pair = f"{tag.text}{{{PAIR_OF[bare]}}}"
        message = f"write {pair}, the value decides between them, not {bare!r}"
        yield Finding(page.file, tag.line, GATE, message)


def _pairs(page: Page) -> Iterator[Finding]:
    """Pairs without a value before them, pairs on pages in English, and 은(는)."""
    ends = {tag.end: tag for tag in page.tags if tag.particle}
    text = "\n".join(page.unfenced)
    code = "\n".join(page.prose)
    for match in _PAIR.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if code[match.start()] == CODE:
            continue
        if match.end() not in ends:
            message = f"pair {match.group()} does not follow a value tag directly"
            yield Finding(page.file, line, GATE, message)
        elif page.lang != "ko":
            message = f"Korean pair {match.group()} on a page in English"
            yield Finding(page.file, line, GATE, message)
    for match in _OPTIONAL.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        message = f"{match.group()!r}: choose the particle, or write a pair after a value tag"
        yield Finding(page.file, line, GATE, message)


def _after_words(page: Page, terms: re.Pattern[str]) -> Iterator[Finding]:
    """Wrong particles after words whose sound is known."""
    for n, (raw, prose) in enumerate(zip(page.unfenced, page.prose, strict=True), 1):
        for pattern in (_LATIN, terms):
            for match in pattern.finditer(raw):
                if prose[match.start("word")] in (TAG, MARKUP):
                    continue
                right = right_particle(match["word"], match["particle"])
                if right:
                    message = f"{match.group()!r}: {match['word']} takes {right!r}"
                    yield Finding(page.file, n, GATE, message)
