"""`virtdocs validate`: every target of the frozen list, met or missed, and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from virtdocs.commands.answer import FINDING, FINE, Answer, Json, columns
from virtdocs.commands.arguments import one_of
from virtdocs.commands.predict import spread_json
from virtdocs.commands.progress import Progress

if TYPE_CHECKING:
    from virtdocs.experiments.validate import Verdict
    from virtdocs.render.catalogue import Catalogue


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `validate`."""
    from virtdocs.experiments.eras import ERAS

    parser.add_argument(
        "--era", type=one_of("--era", "era", ERAS), metavar="|".join(ERAS), help="default all"
    )


def validate(args: argparse.Namespace) -> Answer:
    """Status 1 when a miss has no recorded reason: misses themselves are an answer."""
    from virtdocs.experiments.validate import missed, summary
    from virtdocs.experiments.validate import validate as hold
    from virtdocs.render.catalogue import load

    words = load(args.lang)
    with Progress("validate"):
        verdicts = hold(args.era)
    rows = [_row(one, words) for one in verdicts]
    silent = [one.target.id for one in missed(verdicts) if not one.why]
    total = summary(verdicts)
    keys = ("target", "published", "predicted", "of_published", "met")
    table = [tuple(words.text(f"cli.{key}") for key in keys)]
    table += [_cells(one, words) for one in verdicts]
    counts = [(name, " / ".join(str(n) for n in pair.values())) for name, pair in total.items()]
    data: dict[str, Json] = {
        "targets": [*rows],
        "summary": {name: dict(pair.items()) for name, pair in total.items()},
    }
    notes = tuple(f"validate: {name}: missed without a reason" for name in silent)
    text = f"{columns(table)}\n{columns(counts)}"
    return Answer(data, text, FINDING if silent else FINE, notes)


def _row(one: Verdict, words: Catalogue) -> dict[str, Json]:
    target, figure = one.target, one.target.figure
    published: Json = None
    if one.published is not None:
        low, high = one.published
        published = low if low == high else [low, high]
    params: dict[str, Json] = dict(target.params.items())
    return {
        "id": target.id,
        "workload": target.workload,
        "technique": target.technique,
        "rival": target.rival,
        "era": target.era,
        "params": params,
        "scale": target.scale,
        "measure": target.measure,
        "published": published,
        "predicted": one.predicted.median if one.predicted else None,
        "spread": spread_json(one.predicted) if one.predicted else None,
        "ratio": one.ratio,
        "gate": one.gate,
        "met": one.met,
        "sign_met": one.sign_met,
        "fitted": one.fitted,
        "why": words.text(f"why.{one.why}") if one.why else "",
        "error": one.error,
        "source": figure.source,
        "locator": figure.locator,
        "status": figure.status,
    }


def _cells(one: Verdict, words: Catalogue) -> tuple[str, ...]:
    published = "–".join(f"{x:.4g}" for x in dict.fromkeys(one.published or ()))
    missed = not one.met or one.sign_met is False
    verdict = "fitted" if one.fitted else "miss" if missed else "hit"
    why = f": {words.text(f'why.{one.why}')}" if one.why else ""
    return (
        f"{one.target.id} {one.target.technique}",
        published,
        f"{one.predicted.median:.4g}" if one.predicted else words.text("absent"),
        f"{one.ratio:.2f}" if one.ratio is not None else words.text("absent"),
        words.text(f"cli.{verdict}") + why,
    )
