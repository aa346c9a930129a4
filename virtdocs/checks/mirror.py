"""Gate mirror: Korean and English pages say the same.

Same files, same headings, same exhibits, values, tables, code and links in every
section; and no section changed in one language only since `virtdocs review`, so
that a sentence present in one language only is found without reading either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from virtdocs.checks.elements import ORDERED, UNORDERED, Element, elements
from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import LANGUAGES, Page, Section, page_paths, read_page
from virtdocs.checks.reviewed import FILE, entry_line, read_reviews

GATE = "mirror"
_NAMES = {"ko": "Korean", "en": "English"}


def check(root: Path) -> list[Finding]:
    """Differences between docs/ko and docs/en, and sections that nobody has reviewed."""
    paths = {lang: page_paths(root, lang) for lang in LANGUAGES}
    both = sorted(set(paths["ko"]) & set(paths["en"]))
    found = list(_lonely_files(paths))
    recorded = read_reviews(root)
    current: set[str] = set()
    for path in both:
        ko, en = read_page(root, "ko", path), read_page(root, "en", path)
        pairs = list(_pairs(ko, en))
        found += _heading_differences(ko, en)
        for ko_section, en_section in pairs:
            found += _element_differences(ko, ko_section, en, en_section)
            key = f"{path}#{ko_section.id}"
            current.add(key)
            review = recorded.get(key)
            known = (review.ko, review.en) if review else None
            found += _drift(key, known, (ko, ko_section), (en, en_section))
    for key in sorted(set(recorded) - current):
        message = f"{key} is no section of both languages; delete the entry"
        found.append(Finding(FILE, entry_line(root, key), GATE, message))
    return found


def _lonely_files(paths: dict[str, list[str]]) -> Iterator[Finding]:
    for lang, other in (("ko", "en"), ("en", "ko")):
        for path in sorted(set(paths[lang]) - set(paths[other])):
            message = f"no {_NAMES[other]} page docs/{other}/{path}"
            yield Finding(f"docs/{lang}/{path}", 1, GATE, message)


def _pairs(ko: Page, en: Page) -> Iterator[tuple[Section, Section]]:
    """Sections with the same id; a section without an id is the markdown gate's finding."""
    english = {s.id: s for s in en.sections if s.id}
    for section in ko.sections:
        if section.id in english:
            yield section, english.pop(section.id)


def _heading_differences(ko: Page, en: Page) -> Iterator[Finding]:
    for page, other in ((ko, en), (en, ko)):
        there = {s.id for s in other.sections}
        seen: set[str] = set()
        for section in page.sections:
            if section.id and section.id not in there:
                message = f"section #{section.id} has no counterpart in {other.file}"
                yield Finding(page.file, section.line, GATE, message)
            if section.id in seen:
                message = f"heading id #{section.id} stands twice on this page"
                yield Finding(page.file, section.line, GATE, message)
            seen.add(section.id)
    common = {s.id for s in ko.sections} & {s.id for s in en.sections}
    mine, theirs = ([s for s in page.sections if s.id in common] for page in (ko, en))
    for ours, yours in zip(mine, theirs, strict=False):
        if ours.id != yours.id:
            message = f"section #{yours.id} stands where {ko.file}:{ours.line} has #{ours.id}"
            yield Finding(en.file, yours.line, GATE, message)
            break
        if ours.level != yours.level:
            message = (
                f"section #{ours.id} is a level {yours.level} heading, level {ours.level} at"
                f" {ko.file}:{ours.line}"
            )
            yield Finding(en.file, yours.line, GATE, message)


def _element_differences(
    ko: Page, ko_section: Section, en: Page, en_section: Section
) -> Iterator[Finding]:
    mine, theirs = elements(ko, ko_section), elements(en, en_section)
    for kind in (*ORDERED, *UNORDERED):
        ours = [e for e in mine if e.kind == kind]
        yours = [e for e in theirs if e.kind == kind]
        yield from _extra(ko, ours, yours, f"{en.file}:{en_section.line}")
        yield from _extra(en, yours, ours, f"{ko.file}:{ko_section.line}")
        if kind in ORDERED and Counter(_names(ours)) == Counter(_names(yours)):
            for one, other in zip(ours, yours, strict=True):
                if one.name != other.name:
                    where = f"{ko.file}:{one.line}"
                    message = f"{kind} {other.name} stands where {where} has {one.name}"
                    yield Finding(en.file, other.line, GATE, message)
                    break


def _extra(page: Page, here: list[Element], there: list[Element], where: str) -> Iterator[Finding]:
    """Elements of one language that the other lacks, at the last place that has one."""
    missing = Counter(_names(here)) - Counter(_names(there))
    for element in reversed(here):
        if missing[element.name]:
            missing[element.name] -= 1
            message = f"{element.kind} {element.name} is not in the section at {where}"
            yield Finding(page.file, element.line, GATE, message)


def _names(found: list[Element]) -> list[str]:
    return [element.name for element in found]


def _drift(
    key: str,
    known: tuple[str, str] | None,
    ko: tuple[Page, Section],
    en: tuple[Page, Section],
) -> Iterator[Finding]:
    """The review's verdict on one section."""
    command = f"then run `virtdocs review {key}`"
    (ko_page, ko_section), (en_page, en_section) = ko, en
    there = f"{en_page.file}:{en_section.line}"
    if known is None:
        message = f"section needs review: compare it with {there}, {command}"
        yield Finding(ko_page.file, ko_section.line, GATE, message)
        return
    ko_changed, en_changed = known[0] != ko_section.hash, known[1] != en_section.hash
    if ko_changed and en_changed:
        message = f"section needs review: both languages changed; see {there}, {command}"
        yield Finding(ko_page.file, ko_section.line, GATE, message)
    elif ko_changed or en_changed:
        (page, section), (other, counterpart) = (ko, en) if ko_changed else (en, ko)
        message = (
            f"{_NAMES[page.lang]} changed since the review, {_NAMES[other.lang]} did not:"
            f" mend {other.file}:{counterpart.line}, {command}"
        )
        yield Finding(page.file, section.line, GATE, message)
