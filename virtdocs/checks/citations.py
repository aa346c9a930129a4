"""Gate citations: every key that a page or a product's fact cites is a source that was read.

Keys are tables of virtdocs/data/sources.toml. What somebody remembers but nobody has
opened may not be leaned on: a page cites sources that were read, or seen quoted in one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from virtdocs.checks.elements import cited_keys
from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import read_pages
from virtdocs.errors import VirtdocsError, nearest
from virtdocs.experiments import products
from virtdocs.render.citations import STATUSES

GATE = "citations"
FILE = "virtdocs/data/sources.toml"
LEANABLE = ("read", "secondary")


def check(root: Path) -> list[Finding]:
    """Citations of unknown sources, and of sources that nobody has opened."""
    sources = read_sources(root)
    found = list(_bad_statuses(root, sources))
    for page in read_pages(root):
        for line, key in cited_keys(page):
            if key not in sources:
                found.append(Finding(page.file, line, GATE, _missing(key, sources)))
            elif sources[key].get("status") not in LEANABLE:
                status = sources[key].get("status")
                message = f"source {key!r} is {status!r}: open it before a page leans on it"
                found.append(Finding(page.file, line, GATE, message))
    return [*found, *_facts(root, sources)]


def _facts(root: Path, sources: Mapping[str, object]) -> Iterator[Finding]:
    """Facts of products whose source is none."""
    path = root / products.FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    cited = (fact for one in products.load(text).values() for fact in chain(*one.facts.values()))
    for key in sorted({fact.source for fact in cited} - set(sources)):
        line = next((n for n, one in enumerate(text.splitlines(), 1) if f'"{key}"' in one), 1)
        yield Finding(products.FILE, line, GATE, _missing(key, sources))


def _missing(key: str, sources: Mapping[str, object]) -> str:
    close = nearest(key, sources)
    hint = f". Did you mean {close}?" if close else ""
    return f"no source {key!r} in {FILE}{hint}"


def _bad_statuses(root: Path, sources: Mapping[str, Mapping[str, object]]) -> Iterator[Finding]:
    """Entries that claim a status which nobody defined, such as "from memory"."""
    lines = (root / FILE).read_text(encoding="utf-8").splitlines()
    for key, entry in sources.items():
        if entry.get("status") not in STATUSES:
            names = (f"[{key}]", f'["{key}"]')
            line = next((n for n, text in enumerate(lines, 1) if text.strip() in names), 1)
            status = entry.get("status")
            message = f"source {key!r} has status {status!r}, none of {', '.join(STATUSES)}"
            yield Finding(FILE, line, GATE, message)


def read_sources(root: Path) -> Mapping[str, Mapping[str, object]]:
    """The sources by key."""
    try:
        table = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, tomllib.TOMLDecodeError) as error:
        raise VirtdocsError(FILE, f"can't be read: {error}") from error
    return {key: entry for key, entry in table.items() if isinstance(entry, dict)}
