"""The bilingual terms of data/terms.toml: main forms, accepted names, flagged aliases."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from virtdocs.errors import VirtdocsError

FILE = "virtdocs/data/terms.toml"


@dataclass(frozen=True, slots=True)
class Term:
    """One entry: ``names`` are all forms that prose may use, ``flagged`` those it may not."""

    id: str
    ko: str
    en: str
    names: tuple[str, ...]
    aliases: tuple[str, ...]
    flagged: tuple[str, ...]


def read_terms(root: Path) -> list[Term]:
    """All terms of a checkout, in the file's order."""
    file = root / FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, tomllib.TOMLDecodeError) as error:
        raise VirtdocsError(FILE, f"can't be read: {error}") from error
    return [
        Term(
            id_,
            entry["ko"],
            entry["en"],
            (entry["ko"], entry["en"], *entry.get("names", ())),
            tuple(entry.get("aliases", ())),
            tuple(entry.get("flagged", ())),
        )
        for id_, entry in table.items()
    ]
