"""Gate coverage: every part of the source document has its place, in both languages.

``docs/coverage.toml`` gives each part an anchor. A part is placed when the anchor exists in
both languages, inside the section that holds the part's own section, and the glossary's terms
of the part occur there. List items and table rows have an anchor each; no anchor holds more
than five parts. The corrections of a chapter stand on the pages as verdicts, under the words
of the source and with evidence.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from virtdocs.checks.anchors import Anchor, page_anchors
from virtdocs.checks.findings import Finding
from virtdocs.checks.inventory import (
    CORRECTIONS,
    INVENTORY,
    OF_ITS_OWN,
    SECTION,
    Correction,
    Part,
    read_corrections,
    read_parts,
)
from virtdocs.checks.pages import LANGUAGES, page_paths, read_page, read_pages
from virtdocs.checks.termlist import read_terms
from virtdocs.checks.values import Memo
from virtdocs.checks.verdicts import Verdict, find_verdicts
from virtdocs.checks.vocabulary import Vocabulary
from virtdocs.errors import UnknownName, VirtdocsError

GATE = "coverage"
FILE = "docs/coverage.toml"
MOST = 5  # parts at one anchor


@dataclass(frozen=True, slots=True)
class Map:
    """``docs/coverage.toml``: the chapters held to be whole, (page, anchor) of each part."""

    complete: tuple[str, ...]
    places: Mapping[str, tuple[str, str]]
    twice: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> Map:
        """The map of a checkout; raises what is wrong with the file."""
        try:
            table = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
        except OSError as missing:
            raise VirtdocsError(FILE, f"can't be read: {missing.strerror}") from missing
        except tomllib.TOMLDecodeError as error:
            raise VirtdocsError(FILE, f"not TOML: {error}") from error
        complete = table.pop("complete", [])
        placed = [
            (id_, (page, anchor))
            for page, anchors in table.items()
            for anchor, ids in anchors.items()
            for id_ in ids
        ]
        count = Counter(id_ for id_, _ in placed)
        return cls(tuple(complete), dict(placed), tuple(i for i, n in count.items() if n > 1))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a checkout has: the document's parts and corrections, the map, the pages' anchors."""

    root: Path
    map: Map
    parts: Mapping[str, Part]
    corrections: Mapping[str, Correction]
    anchors: Mapping[tuple[str, str], Mapping[str, Anchor]]
    verdicts: Mapping[tuple[str, str], Verdict]
    terms: Vocabulary

    @classmethod
    def of(cls, root: Path, memo: Memo | None = None) -> Survey:
        """Reads every page that holds a part or a verdict."""
        own, memo = Map.read(root), memo or Memo()
        wanted = {page for page, _ in own.places.values()}
        corrections = read_corrections(root)
        anchors = {
            (lang, path): page_anchors(read_page(root, lang, path), memo)
            for lang in LANGUAGES
            for path in sorted(wanted & set(page_paths(root, lang)))
        }
        verdicts = find_verdicts(read_pages(root), corrections.values())
        terms = Vocabulary.of(read_terms(root))
        return cls(root, own, read_parts(root), corrections, anchors, verdicts, terms)

    def lacks(self, lang: str, part: Part) -> str:
        """Why a part has no place in this language, empty when it has one."""
        place = self.map.places.get(part.id)
        if place is None:
            return f"{part.id}, line {part.line} of the source, has no place"
        page, name = place
        there = self.anchors.get((lang, page))
        if there is None:
            return str(UnknownName(part.id, "page", page, page_paths(self.root, lang)))
        if name not in there:
            return str(UnknownName(f"{part.id} in docs/{lang}/{page}", "anchor", name, there))
        return self._misplaced(lang, part, page, there[name])

    def _misplaced(self, lang: str, part: Part, page: str, anchor: Anchor) -> str:
        here = f"docs/{lang}/{page}#{anchor.id}"
        if part.kind == SECTION and not anchor.heading:
            return f"{part.id} is a section, and {here} no heading"
        if part.kind in OF_ITS_OWN and anchor.heading:
            return f"{part.id} wants an anchor of its own, and {here} is a heading"
        home_page, home = self.map.places.get(part.section, (page, ""))
        around = self.anchors.get((lang, home_page), {}).get(home)
        if around and (home_page != page or not around.line <= anchor.line <= around.last):
            return f"{part.id}: {here} is outside {home_page}#{home}, the place of {part.section}"
        lost = ", ".join(self.terms.lost(part.text, anchor.text))
        return f"{part.id}: {here} lacks the terms {lost}" if lost else ""

    def unplaced(self, correction: Correction) -> Iterator[str]:
        """What is missing of a correction, language by language."""
        for lang in LANGUAGES:
            verdict = self.verdicts.get((lang, correction.id))
            if verdict is None:
                yield f"{correction.id} has no verdict #{correction.anchor} in docs/{lang}"
            else:
                for what in verdict.lacks:
                    yield f"{correction.id} at {verdict.file}:{verdict.line} lacks {what}"


def check(root: Path, memo: Memo | None = None) -> list[Finding]:
    """Parts of the complete chapters without a place, and corrections without a verdict."""
    survey = Survey.of(root, memo)
    complete = set(survey.map.complete)
    found = list(_mistakes(survey))
    for part in survey.parts.values():
        if part.chapter in complete or part.id in survey.map.places:
            problems = dict.fromkeys(survey.lacks(lang, part) for lang in LANGUAGES)
            for problem in filter(None, problems):
                found.append(Finding(FILE, line_of(root, FILE, f'"{part.id}"'), GATE, problem))
    for one in survey.corrections.values():
        if complete & set(one.chapters):
            line = line_of(root, CORRECTIONS, f"{one.id},")
            found += [Finding(CORRECTIONS, line, GATE, what) for what in survey.unplaced(one)]
    return found


def _mistakes(survey: Survey) -> Iterator[Finding]:
    """What is wrong with the map itself: unknown ids, ids that stand twice, crowded anchors."""
    places, parts = survey.map.places, survey.parts

    def finding(id_: str, message: str) -> Finding:
        return Finding(FILE, line_of(survey.root, FILE, f'"{id_}"'), GATE, message)

    chapters = {part.chapter for part in parts.values()}
    for one in survey.map.complete:
        if one not in chapters:
            yield finding(one, str(UnknownName(INVENTORY, "chapter", one, sorted(chapters))))
    for id_ in places:
        if id_ not in parts:
            yield finding(id_, str(UnknownName(INVENTORY, "part", id_, parts)))
    for id_ in survey.map.twice:
        yield finding(id_, f"{id_} stands twice")
    crowd: dict[tuple[str, str], list[str]] = {}
    for id_, place in places.items():
        crowd.setdefault(place, []).append(id_)
    for (page, name), ids in crowd.items():
        if len(ids) > MOST:
            message = f"{page}#{name} holds {len(ids)} parts; {MOST} at most belong to one anchor"
            yield finding(ids[0], message)
        single = [id_ for id_ in ids if id_ in parts and parts[id_].kind in OF_ITS_OWN]
        if len(single) > 1:
            message = f"{page}#{name} is shared by {', '.join(single)}; each wants its own"
            yield finding(single[1], message)


def line_of(root: Path, file: str, text: str) -> int:
    """The first line that holds ``text``, 1 without one."""
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if text in line), 1)
