"""Search synonyms: who searches for an alias finds what is written under the main form.

The other names of a term are added to the search index, not to the pages: to the term's entry
in the glossary, to the sections that the entry leads to, and to sections with the term in their
title. A term without such a section has them where a page first uses it. They are added as
text, so that a section with the searched word in its own title still comes first.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from virtdocs.checks.glossary import PAGE
from virtdocs.site.glossary import Glossary

Section: TypeAlias = dict[str, str]
"""One section as the index has it: its ``location``, ``title`` and ``text``."""


def with_synonyms(index: str, glossary: Glossary) -> str:
    """The search index, as Material writes it, with the other names of the terms in it."""
    table = json.loads(index)
    for section, ids in _places(table["docs"], glossary):
        names = dict.fromkeys(n for id_ in sorted(ids) for n in _searched(glossary, id_))
        held = f"{section['title']} {section['text']}"
        if missing := [name for name in names if not _holds(held, name)]:
            section["text"] += f"\n<p>{' · '.join(missing)}</p>"
    return json.dumps(table, separators=(",", ":"))


def _places(docs: list[Section], glossary: Glossary) -> Iterator[tuple[Section, set[str]]]:
    """Each section with the terms whose names belong to it."""
    here = _built(PAGE)
    leading = _leading(glossary)
    own: list[set[str]] = []
    shown: set[str] = set()
    for doc in docs:
        page, _, anchor = doc["location"].partition("#")
        if page == here:
            own.append({anchor} & set(glossary.terms))
        else:
            titled = {id_ for _, _, id_ in glossary.find(doc["title"])}
            own.append(titled | leading[doc["location"]])
            shown |= own[-1]
    used: dict[str, set[str]] = defaultdict(lambda: set(shown))
    used[here] = set(glossary.terms)
    for doc, ids in zip(docs, own, strict=True):
        page = doc["location"].partition("#")[0]
        first = {id_ for _, _, id_ in glossary.find(doc["text"])} - used[page]
        used[page] |= first
        yield doc, ids | first


def _leading(glossary: Glossary) -> Mapping[str, set[str]]:
    """The terms whose entries lead to a section, by its address in the index."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in glossary.entries.values():
        for target in entry.targets if entry.id in glossary.terms else ():
            found[_built(target)].add(entry.id)
    return found


def _built(path: str) -> str:
    return path.replace(".md", ".html", 1)


def _searched(glossary: Glossary, id_: str) -> Iterable[str]:
    """What a reader may type for a term; Korean compounds also without their spaces."""
    for name in (glossary.main_form(id_), glossary.other_form(id_), *glossary.other_names(id_)):
        yield name
        if not name.isascii():
            yield name.replace(" ", "")


def _holds(text: str, name: str) -> bool:
    """Whether the name begins a word of the text: 전가상화 is in 전가상화는, not in 완전가상화."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE))
