"""`virtdocs run WORKLOAD|FILE.s`: one guest under one technique, counted."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from virtdocs.commands.answer import FINDING, FINE, Answer, Json, columns, number
from virtdocs.commands.arguments import add_params, count, one_of, params
from virtdocs.commands.progress import Progress
from virtdocs.errors import BadValue, UnknownName, nearest

if TYPE_CHECKING:
    from virtdocs.experiments.results import ResultSet
    from virtdocs.render.catalogue import Catalogue


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `run`."""
    from virtdocs.experiments.eras import ERAS

    parser.add_argument("workload", metavar="WORKLOAD|FILE.s", help="see `virtdocs list workloads`")
    parser.add_argument(
        "--technique", type=known_technique, default="hw_nested", help="default hw_nested"
    )
    parser.add_argument(
        "--era",
        type=one_of("--era", "era", ERAS),
        metavar="|".join(ERAS),
        help="the technique as it was then; default today's",
    )
    add_machine(parser)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """What `run` and `compare` have in common."""
    from virtdocs.experiments.run import CORES, DEFAULT_STEPS
    from virtdocs.experiments.techniques import VENDORS

    parser.add_argument(
        "--vendor",
        type=one_of("--vendor", "vendor", VENDORS),
        default="intel",
        metavar="|".join(VENDORS),
    )
    parser.add_argument("--io", help="device, see `virtdocs list devices`")
    add_params(parser)
    parser.add_argument(
        "--core", type=one_of("--core", "core", CORES), default=CORES[0], metavar="|".join(CORES)
    )
    parser.add_argument(
        "--steps",
        type=count,
        default=DEFAULT_STEPS,
        metavar="N",
        help="retired instructions at most",
    )


def run(args: argparse.Namespace) -> Answer:
    """One run; status 0 when the guest halted, 1 for every other outcome."""
    from virtdocs.render.catalogue import load

    began = time.perf_counter()
    with Progress(f"run {args.workload}"):
        result = one_run(args, args.technique, args.era)
    data = answer_of(result)
    data["seconds"] = round(time.perf_counter() - began, 3)
    halted = result.outcome == "halted"
    notes = () if halted else (f"{result.outcome}: {result.outcome_detail}".rstrip(": "),)
    text = _text(result, data, load(args.lang))
    return Answer(data, text, FINE if halted else FINDING, notes)


def known_technique(name: str) -> str:
    """The name itself, or UnknownName."""
    from virtdocs.experiments.techniques import known_names

    if name not in known_names():
        raise UnknownName("--technique", "technique", name, known_names())
    return name


def one_run(args: argparse.Namespace, technique: str, era: str | None = None) -> ResultSet:
    """The run that the arguments ask for, under this technique as it was in this era."""
    from virtdocs.experiments.run import run as run_workload

    return run_workload(
        _workload(args.workload),
        technique,
        vendor=args.vendor,
        io=args.io,
        params=dict(params(args.param)),
        core=args.core,
        steps=args.steps,
        era=era,
    )


def answer_of(result: ResultSet) -> dict[str, Json]:
    """The JSON keys of interface.md for one result, without ``seconds``."""
    from virtdocs.experiments.identity import engine_hash
    from virtdocs.views.answer import answer_hash

    data: dict[str, Json] = {
        "workload": result.workload,
        "technique": {"name": result.technique, **result.axes},
        "device": result.device,
        "params": number(dict(result.params)),
        "ops": result.ops,
        "instructions": result.instructions,
        "virtual_time": result.virtual_time,
        "counts": number(dict(result.counts)),
        "counts_per_op": number(dict(result.counts_per_op)),
        "monitor_free_share": number(result.monitor_free_share),
        "translated_share": number(result.translated_share),
        "state_hash": result.state_hash,
        "result_hash": result.result_hash,
        "outcome": result.outcome,
        "outcome_detail": result.outcome_detail,
        "console": result.console,
    }
    data["answer_hash"] = answer_hash(data)
    data["engine_hash"] = engine_hash()
    return data


def _workload(name: str) -> str:
    """A workload's name, or the path of a program that can be read."""
    from virtdocs.guest.workloads import WORKLOADS

    if name in WORKLOADS:
        return name
    if not name.endswith(".s"):
        raise UnknownName("run", "workload", name, WORKLOADS)
    try:
        Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a null byte, or text that is not UTF-8
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadValue(name, f"can't be read: {reason}", _beside(name)) from error
    return name


def _beside(name: str) -> str | None:
    """The nearest program in the folder that was meant."""
    try:
        found = [str(path) for path in Path(name).parent.glob("*.s")]
    except (OSError, ValueError):
        return None
    return nearest(name, found)


def flat_counts(counts: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """``trap.gp`` with its count for ``{"trap": {"gp": …}}``; zeros left out."""
    for key, value in counts.items():
        if isinstance(value, dict):
            yield from flat_counts(value, f"{above}{key}.")
        elif value:
            yield f"{above}{key}", value


def _text(result: ResultSet, data: dict[str, Json], words: Catalogue) -> str:
    head = [
        (words.text("cli.workload"), result.workload),
        (
            words.text("column.technique"),
            f"{words.text(f'technique.{result.technique}')} ({result.technique})",
        ),
        (words.text("column.outcome"), words.text(f"outcome.{result.outcome}")),
        (words.text("cli.ops"), words.text("absent") if result.ops is None else str(result.ops)),
        (words.text("column.instructions"), str(result.instructions)),
        (words.text("cli.virtual_time"), str(result.virtual_time)),
        (words.text("cli.monitor_free_share"), f"{float(result.monitor_free_share):.6f}"),
        ("state_hash", result.state_hash),
        ("result_hash", result.result_hash),
        ("answer_hash", str(data["answer_hash"])),
        ("engine_hash", str(data["engine_hash"])),
    ]
    head += [(f"--param {key}", f"{value}") for key, value in result.params.items()]
    per_op = dict(flat_counts(dict(result.counts_per_op)))
    rows = [(words.text("cli.event"), words.text("cli.count"), words.text("cli.per_op"))]
    rows += [
        (key, str(value), str(number(per_op.get(key, 0))))
        for key, value in flat_counts(dict(result.counts))
    ]
    console = f"\n{result.console.rstrip()}\n" if result.console else ""
    return f"{columns(head)}\n{columns(rows)}{console}"
