"""Golden files brought up to date: shown as a diff, and no number moves without a word.

The changelog's lines under "Numbers that changed" are remembered by their hashes
(``tests/golden/changelog``), so a moved exhibit needs a line that is new and names it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from virtdocs.checks.golden import FOLDER, golden_files
from virtdocs.checks.values import Memo

CHANGELOG: Final = "CHANGELOG.md"
SECTION: Final = "Numbers that changed"
SEEN: Final = f"{FOLDER}/changelog"
_HEADING = re.compile(r"#+ (?P<title>.*)")
_NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True, slots=True)
class Update:
    """What `virtdocs update` would write: file to text, "" for none; ``unnamed`` keeps it back.

    ``unnamed`` are exhibits that moved and that no new line of the changelog names.
    """

    texts: dict[str, str]
    diff: str
    moved: list[tuple[str, str, str]]
    unnamed: list[str]


def update(root: Path, memo: Memo) -> Update:
    """Compute the golden files anew; nothing is written."""
    files = golden_files(root, memo)
    texts = {one.file: one.text() for one in files}
    entries = list(changelog_lines(root))
    texts[SEEN] = "".join(f"{_hash(entry)}\n" for entry in entries)
    seen = set(_read(root, SEEN).split())
    named = {name for entry in entries if _hash(entry) not in seen for name in _NAME.findall(entry)}
    moved = {one.places[name].exhibit for one in files for name in one.moved()}
    changed = {file: text for file, text in texts.items() if text != _read(root, file)}
    return Update(
        changed,
        "".join(_diff(root, file, text) for file, text in changed.items()),
        [(name, one.recorded[name], one.computed[name]) for one in files for name in one.moved()],
        sorted(moved - named),
    )


def write(root: Path, done: Update) -> None:
    """Write what has changed; a page without numbers has no file."""
    for file, text in done.texts.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()


def changelog_lines(root: Path) -> Iterator[str]:
    """Each entry under a heading "Numbers that changed", as one line."""
    inside, entry = False, ""
    for line in [*_read(root, CHANGELOG).splitlines(), "# end"]:
        heading = _HEADING.match(line)
        if heading or line.startswith("- "):
            if inside and entry:
                yield entry
            entry = "" if heading else line
            inside = heading["title"].strip() == SECTION if heading else inside
        elif entry:
            entry = f"{entry} {line.strip()}".strip()


def _diff(root: Path, file: str, text: str) -> str:
    before, after = _read(root, file).splitlines(True), text.splitlines(True)
    return "".join(difflib.unified_diff(before, after, f"a/{file}", f"b/{file}", n=0))


def _read(root: Path, file: str) -> str:
    path = root / file
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _hash(entry: str) -> str:
    return hashlib.sha256(entry.encode()).hexdigest()[:16]
