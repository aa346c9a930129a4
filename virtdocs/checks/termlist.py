"""The bilingual terms of data/terms.toml: main forms, accepted names, flagged aliases."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtdocs.errors import VirtdocsError

FILE = "virtdocs/data/terms.toml"


@dataclass(frozen=True, slots=True)
class Term:
    """One entry: ``names`` are all forms that prose may use, ``flagged`` those it may not.

    ``linked`` are the forms that lead from a page's text to the glossary: the names, unless
    the file lists others.
    """

    id: str
    ko: str
    en: str
    names: tuple[str, ...]
    aliases: tuple[str, ...]
    flagged: tuple[str, ...]
    linked: tuple[str, ...]


def read_terms(root: Path) -> list[Term]:
    """All terms of a checkout, in the file's order."""
    file = root / FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, tomllib.TOMLDecodeError) as error:
        raise VirtdocsError(FILE, f"can't be read: {error}") from error
    return [_term(id_, entry) for id_, entry in table.items()]


def term_line(root: Path, id_: str) -> int:
    """The line of a term in the file."""
    lines = (root / FILE).read_text(encoding="utf-8").splitlines()
    return lines.index(f"[{id_}]") + 1


def _term(id_: str, entry: Mapping[str, Any]) -> Term:
    names = (entry["ko"], entry["en"], *entry.get("names", ()))
    aliases, flagged = tuple(entry.get("aliases", ())), tuple(entry.get("flagged", ()))
    linked = tuple(entry.get("linked", names))
    return Term(id_, entry["ko"], entry["en"], names, aliases, flagged, linked)
