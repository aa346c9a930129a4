"""Corrections on the pages: a verdict ``{: #fc05 }`` under the words of the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from virtdocs.checks.anchors import Anchor, markdown_anchors
from virtdocs.checks.inventory import Correction
from virtdocs.checks.pages import Page

_EVIDENCE = re.compile(r"data-cite=\"|\{\{|\]\([^)]+\)")
_WORDS = re.compile(r"!!! quote|data-source=\"")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a correction stands, and what it lacks there."""

    file: str
    line: int
    lacks: tuple[str, ...]


def find_verdicts(
    pages: Iterable[Page], corrections: Iterable[Correction]
) -> dict[tuple[str, str], Verdict]:
    """By language and correction: its verdict on the first page that has one."""
    known = {one.anchor: one.id for one in corrections}
    found: dict[tuple[str, str], Verdict] = {}
    for page in pages:
        for anchor in markdown_anchors(page):
            if anchor.id in known:
                verdict = Verdict(page.file, anchor.last, tuple(_lacks(page, anchor)))
                found.setdefault((page.lang, known[anchor.id]), verdict)
    return found


def _lacks(page: Page, anchor: Anchor) -> Iterator[str]:
    """What a reader needs to judge for himself."""
    section = next(s for s in reversed(page.sections) if s.line <= anchor.line)
    above = "\n".join(page.lines[section.line - 1 : anchor.last])
    if not _WORDS.search(above):
        yield "the words of the source in its section"
    if not _EVIDENCE.search(anchor.text):
        yield "evidence: a citation, a value or a link"
