"""`virtdocs predict WORKLOAD`: a mix under a technique of an era, with its spread."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.arguments import add_params, one_of, params
from virtdocs.commands.progress import Progress
from virtdocs.commands.run import known_technique

if TYPE_CHECKING:
    from virtdocs.experiments.uncertainty import Spread


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `predict`."""
    from virtdocs.experiments.eras import DEFAULT_ERA, ERAS

    parser.add_argument("workload", metavar="WORKLOAD", help="a mix")
    parser.add_argument("--technique", type=known_technique, required=True)
    parser.add_argument(
        "--era", type=one_of("--era", "era", ERAS), default=DEFAULT_ERA, metavar="|".join(ERAS)
    )
    add_params(parser)


def predict(args: argparse.Namespace) -> Answer:
    """Ratio to native and value, median with 5–95 %."""
    from virtdocs.experiments.predict import predict as ask
    from virtdocs.experiments.uncertainty import spread
    from virtdocs.render.catalogue import load

    given = dict(params(args.param))
    with Progress(f"predict {args.workload}"):
        found = ask(args.workload, args.technique, args.era, given)
    words = load(args.lang)
    limits = [words.text(f"limit.{key}") for key in found.limits]
    value = spread(found.value)
    ratio = spread(found.ratio) if found.ratio is not None else None
    shown: dict[str, Json] = dict(given.items())
    data: dict[str, Json] = {
        "workload": args.workload,
        "technique": args.technique,
        "era": args.era,
        "params": shown,
        "ratio_to_native": spread_json(ratio) if ratio else None,
        "value": value.median,
        "value_range": [value.p5, value.p95],
        "unit": found.unit,
        "basis": found.basis,
        "limits": list(limits),
        "unpriced": list(found.unpriced),
        "sources": list(found.sources),
    }
    rows = [("", words.text("cli.median"), "5–95 %")]
    if ratio:
        rows.append((words.text("cli.ratio"), *_cells(ratio)))
    rows.append((found.unit, *_cells(value)))
    notes = (
        f"{words.text('cli.leaves_out')}: {'; '.join(limits)}\n"
        f"{words.text('cli.sources')}: {', '.join(found.sources)}\n"
    )
    return Answer(data, columns(rows) + notes)


def spread_json(found: Spread) -> dict[str, Json]:
    """Median and range as the contract names them."""
    return {"median": found.median, "p5": found.p5, "p95": found.p95}


def _cells(found: Spread) -> tuple[str, str]:
    return f"{found.median:.4g}", f"{found.p5:.4g}–{found.p95:.4g}"
