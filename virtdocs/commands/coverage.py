"""`virtdocs coverage`: which parts of the source document have their place on the site."""

from __future__ import annotations

import argparse

from virtdocs.commands.answer import FINDING, FINE, Answer, Json, columns
from virtdocs.commands.check import checkout
from virtdocs.commands.progress import Progress


def declare(parser: argparse.ArgumentParser) -> None:
    """`coverage` takes no arguments of its own."""


def coverage(_: argparse.Namespace) -> Answer:
    """Counts by language and chapter, and what has no place yet; status 1 while there is any."""
    from virtdocs.checks.coverage import Survey
    from virtdocs.checks.pages import LANGUAGES

    with Progress("coverage"):
        survey = Survey.of(checkout())
        parts = survey.parts.values()
        placed = {
            lang: {part.id for part in parts if not survey.lacks(lang, part)} for lang in LANGUAGES
        }
        unplaced = [one.id for one in survey.corrections.values() if any(survey.unplaced(one))]
    both = set.intersection(*placed.values())
    missing: list[Json] = [part.id for part in parts if part.id not in both]
    items: dict[str, Json] = {f"placed_{lang}": len(ids) for lang, ids in placed.items()}
    total = len(survey.corrections)
    data: dict[str, Json] = {
        "items": {"total": len(parts), **items},
        "corrections": {"total": total, "placed": total - len(unplaced)},
        "missing": [*missing, *unplaced],
    }
    rows = [["chapter", "parts", *LANGUAGES]]
    for chapter in dict.fromkeys(part.chapter for part in parts):
        own = {part.id for part in parts if part.chapter == chapter}
        rows.append(
            [chapter, *(str(len(ids)) for ids in (own, *(own & p for p in placed.values())))]
        )
    rows.append(["corrections", str(total), *[str(total - len(unplaced))] * len(LANGUAGES)])
    lacking = len(missing) + len(unplaced)
    notes = (f"without a place: {lacking}; --json names them",) if lacking else ()
    return Answer(data, columns(rows), FINDING if lacking else FINE, notes)
