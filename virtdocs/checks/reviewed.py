"""docs/review.toml: the hash of every section, in both languages, at its last review.

A change in one language only is then visible by itself, without knowing either.
``virtdocs review PAGE#ID`` writes one entry after somebody has read both.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from virtdocs.checks.pages import LANGUAGES, Section, page_paths, read_page
from virtdocs.errors import BadValue, UnknownName, VirtdocsError

FILE = "docs/review.toml"
_HEAD = """\
# Content hashes of each section in both languages at its last review.
# Written by `virtdocs review PAGE#ID`, one section at a time; read by the mirror gate.
"""


@dataclass(frozen=True, slots=True)
class Review:
    """What `virtdocs review` recorded for one section: its hash per language."""

    section: str
    ko: str
    en: str


def read_reviews(root: Path) -> dict[str, Review]:
    """All entries by ``PAGE#ID``; none when the file does not exist yet."""
    file = root / FILE
    if not file.exists():
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise VirtdocsError(FILE, f"not TOML: {error}") from error
    found: dict[str, Review] = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or not all(isinstance(entry.get(k), str) for k in LANGUAGES):
            raise VirtdocsError(FILE, f"entry {key!r} lacks the hashes ko and en")
        found[key] = Review(key, entry["ko"], entry["en"])
    return found


def entry_line(root: Path, key: str) -> int:
    """The line of an entry in the file, 1 when it is not there."""
    lines = (root / FILE).read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.startswith(f'["{key}"]')), 1)


def record_review(root: Path, target: str) -> Review:
    """Record the hashes of section ``PAGE#ID`` as they stand now, in both languages."""
    path, hash_mark, id_ = target.partition("#")
    if not hash_mark or not id_:
        raise BadValue("review", f"{target!r} is not PAGE#ID, such as concepts/rings.md#rings")
    key = f"{path}#{id_}"
    hashes = {lang: _section(root, lang, path, id_).hash for lang in LANGUAGES}
    review = Review(key, hashes["ko"], hashes["en"])
    reviews = read_reviews(root) | {key: review}
    entries = [one for _, one in sorted(reviews.items())]
    blocks = [f'\n["{one.section}"]\nko = "{one.ko}"\nen = "{one.en}"\n' for one in entries]
    (root / FILE).write_text(_HEAD + "".join(blocks), encoding="utf-8")
    return review


def _section(root: Path, lang: str, path: str, id_: str) -> Section:
    known = page_paths(root, lang)
    if path not in known:
        raise UnknownName(f"docs/{lang}", "page", path, known)
    page = read_page(root, lang, path)
    for section in page.sections:
        if section.id == id_:
            return section
    raise UnknownName(page.file, "section", id_, (s.id for s in page.sections))
