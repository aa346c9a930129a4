"""Gate terms: prose and labels use one form for one thing.

A flagged alias may stand only where it is mentioned, not used: in parentheses
right after its main form, `완전가상화(전가상화)`, or as `*전가상화*{.alias}`.
Sources are quoted as they are (see numerals).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from virtdocs.checks.catalogue import FOLDER, read_catalogue
from virtdocs.checks.findings import Finding
from virtdocs.checks.mask import MARKUP
from virtdocs.checks.pages import LANGUAGES, read_pages
from virtdocs.checks.termlist import FILE, Term, read_terms

GATE = "terms"
_MENTION = r"[*_]{0,3}\s?\([^()]*\)"


def check(root: Path) -> list[Finding]:
    """Aliases used as if they were the main form, and contradictions in the list itself."""
    terms = read_terms(root)
    found = _list_findings(root, terms)
    names = alternatives(name for term in terms for name in term.names)
    mention = re.compile(f"(?:{names.pattern}){_MENTION}", names.flags)
    owner = {alias: term for term in terms for alias in term.flagged}
    flagged = alternatives(owner)
    for file, first, text in (*_pages(root), *_labels(root)):
        prose = names.sub(_blank, mention.sub(_blank, text))
        for match in flagged.finditer(prose):
            alias = " ".join(match.group().split())
            form = _form_for(owner[alias], alias)
            line = first + prose.count("\n", 0, match.start())
            message = f"alias {alias!r}: write {form!r}, or mention it as {form}({alias})"
            found.append(Finding(file, line, GATE, message))
    return found


def _pages(root: Path) -> Iterator[tuple[str, int, str]]:
    """(file, first line, prose) of each page."""
    for page in read_pages(root):
        yield page.file, 1, "\n".join(page.prose)


def _labels(root: Path) -> Iterator[tuple[str, int, str]]:
    """The same of each label of the catalogue, which stands in tables and figures."""
    for lang in LANGUAGES:
        for entry in read_catalogue(root, lang).values():
            yield f"{FOLDER}/{lang}.toml", entry.line, entry.text


def _form_for(term: Term, alias: str) -> str:
    """The main form in the script of the alias."""
    return term.ko if re.search("[가-힣]", alias) else term.en


def alternatives(forms: Iterable[str]) -> re.Pattern[str]:
    """A pattern of the forms, longest first; a line break counts as a space."""
    ordered = sorted(set(forms), key=lambda form: (-len(form), form))
    return re.compile("|".join(_pattern(form) for form in ordered) or r"(?!)")


def _pattern(form: str) -> str:
    words = r"\s".join(re.escape(word) for word in form.split())
    start = r"(?<![A-Za-z0-9#])" if form[0].isascii() else r"(?<![가-힣])"
    return start + words + (r"(?![A-Za-z0-9])" if form[-1].isascii() else "")


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", MARKUP, match.group())


def _list_findings(root: Path, terms: list[Term]) -> list[Finding]:
    """A form that is accepted for one term and flagged for another can't be written at all."""
    lines = (root / FILE).read_text(encoding="utf-8").splitlines()
    names = {name: term.id for term in terms for name in term.names}
    return [
        Finding(
            FILE,
            lines.index(f"[{term.id}]") + 1,
            GATE,
            f"{alias!r} is flagged for {term.id} and accepted for {names[alias]}",
        )
        for term in terms
        for alias in term.flagged
        if alias in names
    ]
