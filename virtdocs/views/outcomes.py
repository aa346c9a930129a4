"""How runs of one workload end under every technique, and how often the monitor ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from virtdocs.views.flow import ENTRIES
from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    digest,
    number,
    technique_label,
    term,
    tied,
    trimmed,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.results import ResultSet

# From this ratio of the largest to the smallest value on, a linear axis hides the small ones.
LOG_FROM = 30


def total(counts: Mapping[str, Any], kind: str) -> int | Fraction:
    """All events of one kind, whether counted by key or not."""
    found = counts.get(kind, 0)
    if isinstance(found, Mapping):
        return sum((Fraction(one) for one in found.values()), Fraction(0))
    return Fraction(found)


def entries_per_op(run: ResultSet) -> dict[str, Fraction]:
    """Entries into the monitor in one operation, by kind, each counted once.

    A hypercall under VMX or SVM is a VM exit already.
    """
    found = {str(kind): Fraction(total(run.counts_per_op, kind)) for kind in ENTRIES}
    exits = run.counts_per_op.get("vm_exit", {})
    by_exit = Fraction(exits.get("hypercall", 0)) if isinstance(exits, Mapping) else Fraction(0)
    found["hypercall"] = max(found["hypercall"] - by_exit, Fraction(0))
    return found


def endings(
    workload: str, runs: Mapping[str, ResultSet], flags: Mapping[str, bool | None]
) -> ViewBundle:
    """ResultSet, work and the virtual CPU's interrupt flag at the end, per technique.

    A flag of None: the guest keeps an event mask in memory instead.
    """
    per = {
        name: {
            "outcome": term(f"outcome.{run.outcome}", Basis.RUN),
            "instructions": number(run.instructions, Basis.RUN),
            "traps": _count(run, "trap"),
            "vm_exits": _count(run, "vm_exit"),
            "hypercalls": _count(run, "hypercall"),
            "inlined": _count(run, "inline"),
            "if_at_end": _flag(flags[name]),
        }
        for name, run in runs.items()
    }
    summary = {
        "techniques": number(len(runs), Basis.DERIVED),
        "halted": number(sum(run.outcome == "halted" for run in runs.values()), Basis.DERIVED),
        "hung": number(sum(run.outcome == "hung" for run in runs.values()), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.popf_wait"),
        alt=Label("alt.popf_wait", tuple(summary.items())),
        view=_table(per),
        values=_values(per) | summary,
        commands=run_commands(workload, runs),
    )


def equivalence(workload: str, runs: Mapping[str, ResultSet], ops: int | None = None) -> ViewBundle:
    """Final state and declared result of each technique against native's."""
    native = runs["native"]
    per = {
        name: {
            "state_hash": digest(run.state_hash, Basis.RUN),
            "state_equal": yes_no(run.state_hash == native.state_hash, Basis.DERIVED),
            "result_equal": yes_no(run.result_hash == native.result_hash, Basis.DERIVED),
        }
        for name, run in runs.items()
    }
    others = [run for name, run in runs.items() if name != "native"]
    same_state = sum(run.state_hash == native.state_hash for run in others)
    same_result = sum(run.result_hash == native.result_hash for run in others)
    summary = {
        "others": number(len(others), Basis.DERIVED),
        "equal": number(same_state, Basis.DERIVED),
        "result_equal": number(same_result, Basis.DERIVED),
    }
    head = {"workload": code(workload, Basis.RUN)}
    return ViewBundle(
        caption=Label("caption.equivalence", tuple(head.items())),
        alt=Label("alt.equivalence", tuple(summary.items())),
        view=_table(per),
        values=_values(per) | summary | head,
        commands=run_commands(workload, runs, ops),
    )


def transitions(workload: str, runs: Mapping[str, ResultSet], ops: int | None = None) -> ViewBundle:
    """Entries into the monitor per operation: traps, VM exits, hypercalls and callouts."""
    parts = {name: entries_per_op(run) for name, run in runs.items()}
    entries = {name: sum(found.values(), Fraction(0)) for name, found in parts.items()}
    shown = [float(one) for one in entries.values() if one > 0]
    log = bool(shown) and max(shown) / min(shown) >= LOG_FROM
    bars = tuple(
        Bar(
            technique_label(name),
            _per_op(entries[name]),
            name,
            tuple(_per_op(part) for part in parts[name].values()),
        )
        for name in runs
    )
    most, least = max(entries.values()), min(entries.values())
    summary = {
        "max_technique": tied(entries, most),
        "max_value": _per_op(most),
        "min_technique": tied(entries, least),
        "min_value": _per_op(least),
        "without": number(sum(one == 0 for one in entries.values()), Basis.DERIVED),
        "techniques": number(len(runs), Basis.DERIVED),
    }
    per = {
        name: {"per_op": _per_op(entries[name])}
        | {f"per_op_{kind}": _per_op(count) for kind, count in parts[name].items()}
        for name in runs
    }
    head = {"workload": code(workload, Basis.RUN)}
    zero = log and any(one == 0 for one in entries.values())
    return ViewBundle(
        caption=Label("caption.transitions", tuple(head.items())),
        alt=Label("alt.transitions" if least else "alt.transitions_zero", tuple(summary.items())),
        view=Chart(
            axis=Label("axis.transitions_per_op"),
            bars=bars,
            log=log,
            parts=tuple(Label(f"column.{kind}") for kind in PART_HEADS),
            notes=(Label("note.absent_on_log"),) if zero else (),
        ),
        values=_values(per) | summary | head,
        commands=run_commands(workload, runs, ops),
    )


PART_HEADS = ("traps", "vm_exits", "hypercalls", "callouts")


def run_commands(
    workload: str, runs: Iterable[str], ops: int | None = None, **params: object
) -> tuple[str, ...]:
    """The command line of each run, with the parameters that all of them have."""
    every = {"ops": ops, **params} if ops else params
    given = "".join(f" --param {key}={value}" for key, value in every.items())
    return tuple(f"virtdocs run {workload} --technique {name}{given} --json" for name in runs)


def _count(run: ResultSet, kind: str) -> Value:
    return number(total(run.counts, kind), Basis.RUN)


def _flag(flag: bool | None) -> Value:
    return term("absent", Basis.RUN) if flag is None else number(int(flag), Basis.RUN)


def _per_op(count: int | Fraction) -> Value:
    return trimmed(Fraction(count), Basis.RUN, "per_op")


def _table(per: Mapping[str, Mapping[str, Value]]) -> Table:
    columns = tuple(next(iter(per.values())))
    return Table(
        Label("column.technique"),
        tuple(Label(f"column.{key}") for key in columns),
        tuple(
            Row(technique_label(name), tuple(found.values()), name) for name, found in per.items()
        ),
    )


def _values(per: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    return {f"{name}.{key}": value for name, found in per.items() for key, value in found.items()}
