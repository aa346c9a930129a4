"""Gate golden: a published number does not move unseen.

Every number, word and hash that the pages show of a run is recorded in ``tests/golden``, a file
for each page, both languages in one. One that moves is a finding until `virtdocs update` has
recorded it, and that asks for a line about it in the changelog first.

A line of a file, sorted: ``EXHIBIT(parameters).key = RAW`` for a value in a sentence,
``EXHIBIT(parameters) | row | column = RAW`` for a cell of an exhibit, in keys without language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import Page, read_pages
from virtdocs.checks.values import Memo, asked
from virtdocs.exhibits import Built
from virtdocs.render.numbers import raw_text
from virtdocs.views.model import Label, Value
from virtdocs.views.tabular import table_of

GATE: Final = "golden"
FOLDER: Final = "tests/golden"
HEAD: Final = "# Numbers of this page in both languages. Written by `virtdocs update`.\n"
_IS: Final = " = "
ADVICE: Final = "record it: a line under Numbers that changed in CHANGELOG.md, `virtdocs update`"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page shows a number: the file and line of its fence or tag, its exhibit."""

    file: str
    line: int
    exhibit: str


@dataclass(slots=True)
class Golden:
    """The numbers of one page, computed and as recorded, by name."""

    file: str
    computed: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def moved(self) -> list[str]:
        """Names of the numbers that are not what was recorded."""
        both = self.computed.keys() & self.recorded.keys()
        return sorted(name for name in both if self.computed[name] != self.recorded[name])

    def new(self) -> list[str]:
        """Names of the numbers that were never recorded."""
        return sorted(self.computed.keys() - self.recorded.keys())

    def gone(self) -> list[str]:
        """Names of recorded numbers that no page shows."""
        return sorted(self.recorded.keys() - self.computed.keys())

    def text(self) -> str:
        """The file as it should be; empty for a page without numbers."""
        lines = [f"{name}{_IS}{raw}\n" for name, raw in sorted(self.computed.items())]
        return HEAD + "".join(lines) if lines else ""


def check(root: Path, memo: Memo | None = None) -> list[Finding]:
    """Numbers that moved, one by one; what is new or gone, once for each exhibit."""
    found: list[Finding] = []
    for one in golden_files(root, memo or Memo()):
        for name in one.moved():
            place = one.places[name]
            message = f"{name}: {one.recorded[name]} → {one.computed[name]}; {ADVICE}"
            found.append(Finding(place.file, place.line, GATE, message))
        new = Counter(one.places[name] for name in one.new())
        for place, count in new.items():
            message = f"numbers of {place.exhibit} not recorded yet: {count}; `virtdocs update`"
            found.append(Finding(place.file, place.line, GATE, message))
        if gone := one.gone():
            message = f"recorded and on no page: {len(gone)}, {gone[0]} first; `virtdocs update`"
            found.append(Finding(one.file, one.lines[gone[0]], GATE, message))
    return found


def golden_files(root: Path, memo: Memo) -> list[Golden]:
    """Every page that shows a number, and every file of numbers."""
    found: dict[str, Golden] = {}
    pages = read_pages(root)
    memo.prepare(pages)
    for page in pages:
        name = f"{FOLDER}/{page.path.removesuffix('.md')}.txt"
        one = found.setdefault(name, Golden(name))
        for number, raw, place in _numbers(page, memo):
            one.computed[number] = raw
            one.places.setdefault(number, place)
    for file in sorted((root / FOLDER).rglob("*.txt")):
        name = file.relative_to(root).as_posix()
        one = found.setdefault(name, Golden(name))
        for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            number, _, raw = line.partition(_IS)
            if not line.startswith("#"):
                one.recorded[number], one.lines[number] = raw, n
    return [one for _, one in sorted(found.items())]


def _numbers(page: Page, memo: Memo) -> Iterator[tuple[str, str, Place]]:
    for line, built, tag in asked(page, memo):
        if not isinstance(built, Built):
            continue  # the gates exhibits and values say why
        place = Place(page.file, line, built.name)
        title = f"{built.name}({' '.join(f'{key}={value}' for key, value in built.params)})"
        if tag is None:
            for name, raw in _cells(built):
                yield f"{title} | {name}", raw, place
        elif tag.key in built.values:
            yield f"{title}.{tag.key}", _one_line(raw_text(built.values[tag.key])), place


def _cells(built: Built) -> Iterator[tuple[str, str]]:
    """Each cell of an exhibit by row and column; the same pair again is told by its count."""
    table = table_of(built.bundle.view)
    seen: Counter[str] = Counter()
    for row in table.rows:
        group = [_name(row.group)] if row.group else []
        for column, cell in zip(table.columns, row.cells, strict=True):
            name = " | ".join([*group, _name(row.head), _name(column)])
            seen[name] += 1
            again = f" #{seen[name]}" if seen[name] > 1 else ""
            yield f"{name}{again}", _cell(cell)


def _cell(cell: Value | Label) -> str:
    return _one_line(raw_text(cell) if isinstance(cell, Value) else _label(cell))


def _name(part: Value | Label) -> str:
    """The name of a row or a column, which the sign between name and number is kept out of."""
    return _cell(part).replace(_IS, "=")


def _label(label: Label) -> str:
    given: Mapping[str, Value] = dict(label.args)
    args = ", ".join(f"{key}={raw_text(value)}" for key, value in given.items())
    return f"{label.key}({args})" if args else label.key


def _one_line(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r").strip()
