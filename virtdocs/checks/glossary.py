"""Gate glossary: the page and data/terms.toml hold the same terms under the same names.

An entry is a third-level heading: its id is the term's key, its title the main form of the
page's language, its first paragraph the definition. The first sentence of the definition
stands alone, as the tooltip of the term on other pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from virtdocs.checks.elements import internal_target, links
from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import LANGUAGES, Page, Section, read_page
from virtdocs.checks.tags import find_tags
from virtdocs.checks.termlist import FILE, read_terms, term_line
from virtdocs.errors import nearest

GATE = "glossary"
PAGE = "reference/glossary.md"
LEVEL = 3

_CITED = re.compile(r"<span\s[^<>]*data-cite=[^<>]*>.*?</span>")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_MARKS = re.compile(r"\{[:.#][^{}]*\}|[*`]")
_SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``targets`` are its links, seen from the language's root."""

    id: str
    title: str
    line: int
    definition: str
    targets: tuple[str, ...]

    @property
    def first_sentence(self) -> str:
        """The definition's first sentence as plain text; empty when it has none."""
        plain = _MARKS.sub("", _LINK.sub(r"\1", _CITED.sub("", self.definition)))
        sentence = _SENTENCE.match(" ".join(plain.split()))
        return sentence.group() if sentence else ""


def read_entries(page: Page) -> list[Entry]:
    """The entries of a glossary page, in its order."""
    targets = [(line, internal_target(page, target)) for line, target, _ in links(page)]
    return [
        _entry(section, tuple(t for line, t in targets if section.line < line <= section.last))
        for section in page.sections
        if section.level == LEVEL
    ]


def check(root: Path) -> list[Finding]:
    """Terms without an entry, entries without a term, and main forms that differ."""
    terms = {term.id: term for term in read_terms(root)}
    found: list[Finding] = []
    for lang in LANGUAGES if terms else ():
        file = f"docs/{lang}/{PAGE}"
        if not (root / file).exists():
            found.append(Finding(file, 1, GATE, "no such page: the terms have no glossary"))
            continue
        entries = read_entries(read_page(root, lang, PAGE))
        for entry in entries:
            if entry.id in terms:
                term = terms[entry.id]
                form = term.ko if lang == "ko" else term.en
                found += [Finding(file, entry.line, GATE, m) for m in _mistakes(entry, form)]
            else:
                close = nearest(entry.id, terms)
                hint = f". Did you mean {close}?" if close else ""
                message = f"entry {entry.id!r} is no term of {FILE}{hint}"
                found.append(Finding(file, entry.line, GATE, message))
        for missing in sorted(set(terms) - {entry.id for entry in entries}):
            message = f"term {missing!r} has no entry in {file}"
            found.append(Finding(FILE, term_line(root, missing), GATE, message))
    return found


def _mistakes(entry: Entry, form: str) -> Iterator[str]:
    if entry.title != form:
        yield f"entry {entry.id!r} is titled {entry.title!r}, its main form is {form!r}"
    if not entry.first_sentence:
        yield f"entry {entry.id!r} has no definition"
    elif find_tags(entry.first_sentence):
        yield f"entry {entry.id!r} has a value in its first sentence, which a tooltip can't show"


def _entry(section: Section, targets: tuple[str, ...]) -> Entry:
    definition = section.text.partition("\n")[2].strip().partition("\n\n")[0]
    return Entry(section.id, section.title, section.line, definition, targets)
