"""The glossary of one language as the site uses it: terms, their definitions, how to find them.

The main forms and the other names come from data/terms.toml, the definitions from the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from virtdocs.checks.glossary import PAGE, Entry, read_entries
from virtdocs.checks.pages import read_page
from virtdocs.checks.termlist import Term, read_terms
from virtdocs.checks.terms import alternatives

Found: TypeAlias = tuple[int, int, str]
"""Start and end of a term in a text, and its id."""

_PARTICLE = (
    r"(?=(?:들)?(?:은|는|이|가|을|를|과|와|의|에|도|만|로|으로|에서|에게|까지|부터|보다|처럼|마다|이나|나"
    r"|이며|며|이고|고|이란|란|이라는|라는|이라고|라고|이다|입니다|인|이든|든|뿐)?(?:는|은|도|만|의)?(?![가-힣]))"
)
"""What may follow a Hangul form that stands as a word of its own: particles, then no Hangul."""


@dataclass(frozen=True, slots=True)
class Glossary:
    """``terms`` and ``entries`` by id, only those that have both; ``pattern`` finds ``forms``."""

    lang: str
    terms: Mapping[str, Term]
    entries: Mapping[str, Entry]
    forms: Mapping[str, str]
    pattern: re.Pattern[str]

    def find(self, text: str) -> Iterator[Found]:
        """Each term in ``text``, the longest form first; no part of a hyphenated word is one."""
        for match in self.pattern.finditer(text):
            start, end = match.span()
            if "-" not in (text[start - 1 : start], text[end : end + 1]):
                yield start, end, self.forms[" ".join(match.group().split())]

    def main_form(self, id_: str) -> str:
        """The main form in the glossary's language."""
        term = self.terms[id_]
        return term.ko if self.lang == "ko" else term.en

    def other_form(self, id_: str) -> str:
        """The main form in the other language."""
        term = self.terms[id_]
        return term.en if self.lang == "ko" else term.ko

    def other_names(self, id_: str) -> list[str]:
        """What else a term is called, in either language, in the file's order."""
        term = self.terms[id_]
        names = dict.fromkeys((*term.names, *term.aliases, *term.flagged))
        return [name for name in names if name not in (term.ko, term.en)]


def read_glossary(root: Path, lang: str) -> Glossary | None:
    """The glossary of a checkout; None where there is no such page."""
    if not (root / "docs" / lang / PAGE).exists():
        return None
    entries = {entry.id: entry for entry in read_entries(read_page(root, lang, PAGE))}
    terms = {term.id: term for term in read_terms(root) if term.id in entries}
    forms = {form: term.id for term in terms.values() for form in _as_written(term)}
    return Glossary(lang, terms, entries, forms, alternatives(forms, _PARTICLE))


def _as_written(term: Term) -> Iterator[str]:
    """The linked forms with what English does to a word: a capital, an ``s``."""
    for form in term.linked:
        yield form
        if form[0].isascii():
            capital = form[0].upper() + form[1:]
            yield capital
            if form[-1].isalpha() and form[-1].isascii():
                yield from (f"{form}s", f"{capital}s")
