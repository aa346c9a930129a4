"""How much of each workload runs without the monitor, per technique, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_label,
    technique_value,
)
from virtdocs.views.outcomes import run_commands

STRONGEST = Fraction(9, 20)  # tint of the cell with the most interventions
Shares = Mapping[str, Mapping[str, Fraction]]  # technique -> workload -> monitor-free share


def shares(found: Shares, ops: Mapping[str, int], whole_run: bool) -> ViewBundle:
    """A row per technique, a column per workload, the tint growing with the monitor's part.

    ``whole_run``: shares of runs; else those of one operation, made from two runs.
    """
    basis = Basis.RUN if whole_run else Basis.DERIVED
    parts = {
        (technique, workload): 1 - share
        for technique, by_workload in found.items()
        for workload, share in by_workload.items()
    }
    largest = max(parts.values()) or Fraction(1)
    rows = tuple(
        Row(
            technique_label(technique),
            tuple(_share(share, basis) for share in by_workload.values()),
            technique,
            shades=tuple(
                STRONGEST * parts[technique, workload] / largest for workload in by_workload
            ),
        )
        for technique, by_workload in found.items()
    )
    most = max(parts, key=lambda pair: parts[pair])
    monitored = {pair: part for pair, part in parts.items() if pair[0] != "native"}
    summary: dict[str, Value] = {
        "lowest_technique": technique_value(most[0]),
        "lowest_workload": code(most[1], Basis.RUN),
        "lowest": _share(1 - parts[most], basis),
        "monitored": number(len(monitored), Basis.DERIVED),
        "untouched": number(sum(part == 0 for part in monitored.values()), Basis.DERIVED),
    }
    workloads = tuple(next(iter(found.values())))
    return ViewBundle(
        caption=Label("caption.efficiency" if whole_run else "caption.efficiency_op"),
        alt=Label("alt.efficiency", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(
                Label("column.of_workload", (("workload", code(w, Basis.RUN)),)) for w in workloads
            ),
            rows,
            (Label("note.monitor_free"), Label("note.of_run" if whole_run else "note.of_op")),
            dense=True,
        ),
        values=summary
        | {
            f"{t}.{w}": _share(share, basis)
            for t, found_ in found.items()
            for w, share in found_.items()
        },
        commands=tuple(
            line
            for workload in workloads
            for times in ((1,) if whole_run else (1, 2))
            for line in run_commands(workload, found, times * ops[workload])
        ),
    )


def _share(share: Fraction, basis: Basis) -> Value:
    return number(share * 100, basis, "percent", 1 if share < 1 else 0)
