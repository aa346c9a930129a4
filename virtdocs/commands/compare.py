"""`virtdocs compare WORKLOAD`: the same work under several techniques, counts side by side."""

from __future__ import annotations

import argparse

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.arguments import names, one_of
from virtdocs.commands.progress import Progress
from virtdocs.commands.run import add_machine, answer_of, flat_counts, known_technique, one_run

_ROW_KEYS = (
    "counts",
    "counts_per_op",
    "instructions",
    "outcome",
    "outcome_detail",
    "result_hash",
    "state_hash",
)


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `compare`."""
    from virtdocs.experiments.eras import ERAS

    parser.add_argument("workload", metavar="WORKLOAD|FILE.s", help="see `virtdocs list workloads`")
    parser.add_argument(
        "--techniques", type=_techniques, metavar="A,B", help="default all of the era"
    )
    parser.add_argument(
        "--era", type=one_of("--era", "era", ERAS), metavar="|".join(ERAS), help="default today's"
    )
    add_machine(parser)


def _techniques(text: str) -> tuple[str, ...]:
    """All names are looked up before the first run."""
    return tuple(known_technique(name) for name in names(text))


def compare(args: argparse.Namespace) -> Answer:
    """One row for each technique; any outcome is an answer."""
    from virtdocs.experiments.techniques import in_era
    from virtdocs.render.catalogue import load

    wanted = args.techniques or in_era(args.era)
    with Progress(f"compare {args.workload}"):
        results = [one_run(args, technique, args.era) for technique in wanted]
    rows: list[Json] = []
    for result in results:
        answer = answer_of(result)
        rows.append({"technique": result.technique, **{key: answer[key] for key in _ROW_KEYS}})
    words = load(args.lang)
    heads = [words.text(f"technique.{result.technique}") for result in results]
    flat = [dict(flat_counts(dict(result.counts))) for result in results]
    events = sorted({key for counts in flat for key in counts})
    table = [("", *heads)]
    table.append(
        (words.text("column.outcome"), *(words.text(f"outcome.{r.outcome}") for r in results))
    )
    table.append((words.text("column.instructions"), *(str(r.instructions) for r in results)))
    table += [(event, *(str(counts.get(event, 0)) for counts in flat)) for event in events]
    return Answer({"workload": args.workload, "era": args.era, "rows": rows}, columns(table))
