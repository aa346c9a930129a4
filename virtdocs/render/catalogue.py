"""Words of both languages, by key; a missing key is a mistake, never an empty label.

``virtdocs/catalogue/ko.toml`` and ``en.toml`` hold the same keys. An entry may ask for
values in braces, ``{technique}``, and in Korean for the particle after one: ``{은/는}``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from string import Formatter

from virtdocs.errors import BadValue, VirtdocsError, nearest
from virtdocs.render import particles

LANGUAGES = ("ko", "en")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one language."""

    lang: str
    words: Mapping[str, str]

    def text(self, key: str, args: Mapping[str, str] | None = None) -> str:
        """The entry of ``key`` with ``args`` put in and particles chosen."""
        if key not in self.words:
            raise VirtdocsError(self.file, f"no entry {key!r}", nearest(key, self.words))
        return self.fill(key, self.words[key], args or {})

    def first(self, *keys: str) -> str:
        """The first key that has an entry; the last one when none has."""
        return next((key for key in keys if key in self.words), keys[-1])

    @property
    def file(self) -> str:
        """Where a missing entry belongs."""
        return f"virtdocs/catalogue/{self.lang}.toml"

    def fill(self, key: str, pattern: str, args: Mapping[str, str]) -> str:
        """``pattern`` with its braces filled, from left to right."""
        found = ""
        for part in re.split(r"(\{[^{}]*\})", pattern):
            if not part.startswith("{"):
                found += part
            elif particles.is_pair(part[1:-1]):
                found = particles.attach(found, part[1:-1])
            elif part[1:-1] in args:
                found += args[part[1:-1]]
            else:
                raise VirtdocsError(self.file, f"{key!r} asks for {part}, which nobody gives")
        return found


@lru_cache(maxsize=len(LANGUAGES))
def load(lang: str) -> Catalogue:
    """The catalogue of ``ko`` or ``en``."""
    if lang not in LANGUAGES:
        raise BadValue("catalogue", f"no language {lang!r}", nearest(lang, LANGUAGES))
    text = (files("virtdocs") / "catalogue" / f"{lang}.toml").read_text("utf-8")
    return Catalogue(lang, dict(_flat(tomllib.loads(text))))


def _flat(table: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for key, entry in table.items():
        if isinstance(entry, dict):
            yield from _flat(entry, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(entry)


def placeholders(pattern: str) -> frozenset[str]:
    """The values that an entry asks for, particles left out."""
    found = {name for _, name, _, _ in Formatter().parse(pattern) if name}
    return frozenset(name for name in found if not particles.is_pair(name))


def differences() -> list[tuple[str, str]]:
    """What the two languages do not share: (file, message), sorted; empty when complete."""
    both = {lang: load(lang) for lang in LANGUAGES}
    found = []
    for lang, other in (LANGUAGES, LANGUAGES[::-1]):
        mine, theirs = both[lang].words, both[other].words
        for key in theirs:
            if key not in mine:
                found.append((both[lang].file, f"no entry {key!r}, which {other}.toml has"))
            elif placeholders(theirs[key]) - placeholders(mine[key]):
                asked = ", ".join(sorted(placeholders(theirs[key]) - placeholders(mine[key])))
                found.append((both[lang].file, f"{key!r} leaves out {asked}"))
            elif not mine[key].strip():
                found.append((both[lang].file, f"{key!r} is empty"))
    return sorted(found)
