"""Gate exhibits: every fence and every value tag names something that exists.

Cheap: names, parameters and YAML, nothing is run. The gate `values` runs what the
pages place and reads every value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from virtdocs import exhibits
from virtdocs.checks.fences import EXHIBIT, LANGUAGES, info_word, placements
from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import CODE, TAG
from virtdocs.checks.pages import Page, read_pages
from virtdocs.errors import UnknownName, VirtdocsError

GATE = "exhibits"
_STRAY = re.compile(r"\{\{|\}\}|\{%|%\}")


def check(root: Path) -> list[Finding]:
    """Unknown fences, exhibits and parameters, and tags that nobody will replace."""
    found: list[Finding] = []
    for page in read_pages(root):
        found += _fence_words(page)
        found += _placements(page)
        found += _tags(page)
    return found


def _fence_words(page: Page) -> Iterator[Finding]:
    for fence in page.fences:
        word = info_word(fence)
        if not word:
            message = "a fence needs an info word, `text` for none"
            yield Finding(page.file, fence.line, GATE, message)
        elif word == EXHIBIT and fence.info != EXHIBIT:
            message = "an exhibit's parameters stand in the body of its fence"
            yield Finding(page.file, fence.line, GATE, message)
        elif word != EXHIBIT and word not in LANGUAGES:
            unknown = UnknownName("", "fence", word, (EXHIBIT, *LANGUAGES))
            yield Finding(page.file, fence.line, GATE, str(unknown))


def _placements(page: Page) -> Iterator[Finding]:
    for placed in placements(page):
        message = placed.problem or _unresolved(placed.name, dict(placed.params))
        if message:
            yield Finding(page.file, placed.line, GATE, message)


def _unresolved(name: str, params: dict[str, object]) -> str:
    """Why an exhibit can't be had, empty when it can."""
    try:
        exhibits.resolve(name, params)
    except VirtdocsError as mistake:
        return str(mistake)
    return ""


def _tags(page: Page) -> Iterator[Finding]:
    prose = "\n".join(page.prose)
    for tag in page.tags:
        if prose[tag.start] == CODE:
            message = f"{tag.text} stands in code, where no value replaces it"
        else:
            message = tag.problem and f"{tag.text} {tag.problem}"
            message = message or _unresolved(tag.name, dict(tag.params))
        if message:
            yield Finding(page.file, tag.line, GATE, message)
    for n, line in enumerate(page.prose, 1):
        match = _STRAY.search(line)
        if match:
            around = line[match.start() : match.start() + 30].split(TAG)[0]
            yield Finding(page.file, n, GATE, f"not a value tag: {around!r}")
    for fence in page.fences:
        if info_word(fence) not in (EXHIBIT, "markdown") and "{{" in fence.body:
            message = "a value tag in a code block, where no value replaces it"
            yield Finding(page.file, fence.line, GATE, message)
