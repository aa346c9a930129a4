"""`virtdocs compare WORKLOAD`: the same work under several techniques, counted and priced."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.arguments import names, one_of, params
from virtdocs.commands.predict import spread_json
from virtdocs.commands.progress import Progress
from virtdocs.commands.run import add_machine, answer_of, flat_counts, known_technique, one_run
from virtdocs.errors import BadValue

if TYPE_CHECKING:
    from virtdocs.experiments.cost_model import CostModel, Priced
    from virtdocs.experiments.results import ResultSet

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
    from virtdocs.experiments.cost_model import cost_model
    from virtdocs.experiments.eras import DEFAULT_ERA
    from virtdocs.experiments.switches import switches_of
    from virtdocs.experiments.techniques import in_era
    from virtdocs.experiments.uncertainty import combine, p_less, spread
    from virtdocs.render.catalogue import load

    wanted = args.techniques or in_era(args.era)
    era = args.era or DEFAULT_ERA
    switches, counted = switches_of(params(args.param))
    model = cost_model(era, switches)
    args = argparse.Namespace(**{**vars(args), "param": [*counted.items()]})
    with Progress(f"compare {args.workload}"):
        results = [one_run(args, technique, args.era) for technique in wanted]
        native = _native(args, results)
    priced = [_price(model, result, args) for result in results]
    base = _price(model, native, args).total
    rows: list[Json] = []
    for result, one in zip(results, priced, strict=True):
        answer = answer_of(result)
        ratio = spread(combine(lambda a, b: a / b, one.total, base))
        rows.append(
            {
                "technique": result.technique,
                **{key: answer[key] for key in _ROW_KEYS},
                "cycles": spread_json(spread(one.total)),
                "ratio_to_native": spread_json(ratio),
                "basis": one.basis,
                "unpriced": list(one.unpriced),
                "sources": list(one.sources),
            }
        )
    faster: dict[str, Json] = {
        a.technique: {
            b.technique: p_less(x.total, y.total)
            for b, y in zip(results, priced, strict=True)
            if b is not a
        }
        for a, x in zip(results, priced, strict=True)
    }
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
    medians = [f"{spread(one.total).median:.0f}" for one in priced]
    table.append((words.text("cli.cycles"), *medians))
    data: dict[str, Json] = {
        "workload": args.workload,
        "era": era,
        "native_device": native.device,
        "rows": rows,
        "p_faster": faster,
    }
    return Answer(data, columns(table))


def _native(args: argparse.Namespace, results: list[ResultSet]) -> ResultSet:
    """What the ratios are over: native with the same device, or its own where it can't have it."""
    for result in results:
        if result.technique == "native":
            return result
    try:
        return one_run(args, "native", args.era)
    except BadValue as impossible:
        if impossible.where != "--io":
            raise
        return one_run(argparse.Namespace(**{**vars(args), "io": None}), "native", args.era)


def _price(model: CostModel, result: ResultSet, args: argparse.Namespace) -> Priced:
    from virtdocs.experiments.techniques import technique

    return model.price(result.work, technique(result.technique, args.vendor, args.era))
