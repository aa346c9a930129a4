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
from virtdocs.checks.termlist import FILE, Term, read_terms, term_line

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


def alternatives(forms: Iterable[str], after_hangul: str = "") -> re.Pattern[str]:
    """A pattern of the forms, longest first; a line break counts as a space.

    ``after_hangul`` is a pattern that has to follow a form which ends in Hangul: without it
    the form may also begin a longer word, as 링 begins 링크.
    """
    ordered = sorted(set(forms), key=lambda form: (-len(form), form))
    scripts = (
        (r"(?<![A-Za-z0-9#])", [form for form in ordered if form[0].isascii()]),
        (r"(?<![가-힣])", [form for form in ordered if not form[0].isascii()]),
    )
    parts = [start + _by_first(some, after_hangul) for start, some in scripts if some]
    return re.compile("|".join(parts) or r"(?!)")


def _by_first(forms: list[str], after_hangul: str) -> str:
    """The forms in groups by their first letter, so that most places in a text are left fast."""
    groups: dict[str, list[str]] = {}
    for form in forms:
        words = r"\s".join(re.escape(word) for word in form.split())
        end = r"(?![A-Za-z0-9])" if form[-1].isascii() else after_hangul
        groups.setdefault(form[0].casefold(), []).append(words + end)
    choices = (
        f"(?=[{re.escape(first + first.upper())}])(?:{'|'.join(some)})"
        for first, some in groups.items()
    )
    return f"(?:{'|'.join(choices)})"


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", MARKUP, match.group())


def _list_findings(root: Path, terms: list[Term]) -> list[Finding]:
    """A form that is accepted for one term and flagged for another can't be written at all."""
    names = {name: term.id for term in terms for name in term.names}
    return [
        Finding(
            FILE,
            term_line(root, term.id),
            GATE,
            f"{alias!r} is flagged for {term.id} and accepted for {names[alias]}",
        )
        for term in terms
        for alias in term.flagged
        if alias in names
    ]
