"""Shadow, nested and direct paging by what they cost: entries into the monitor, and references."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Label,
    Panels,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_label,
    technique_value,
    term,
    tied,
    trimmed,
)
from virtdocs.views.outcomes import entries_per_op, run_commands, total

if TYPE_CHECKING:
    from virtdocs.experiments.results import ResultSet

    # workload -> technique -> run
    Runs = Mapping[str, Mapping[str, ResultSet]]


def costs(runs: Runs, ops: Mapping[str, int], mmus: Mapping[str, str]) -> ViewBundle:
    """Per workload and technique: entries, TLB misses, references, filled entries, per operation.

    ``mmus`` names each technique's kind of paging.
    """
    columns = ("paging", "entries", "tlb_misses", "walk_refs", "refs_per_miss")
    values: dict[str, Value] = {}
    rows = []
    for workload, by_technique in runs.items():
        for technique, run in by_technique.items():
            cells = _cells(run)
            values |= {f"{technique}.{workload}.{key}": one for key, one in cells.items()}
            rows.append(
                Row(
                    technique_label(technique),
                    (term(f"mmu.{mmus[technique]}", Basis.RUN), *cells.values()),
                    technique,
                    Label("group.workload", (("workload", code(workload, Basis.RUN)),)),
                )
            )
    summary = _extremes(runs)
    return ViewBundle(
        caption=Label("caption.translation_costs"),
        alt=Label("alt.translation_costs", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(rows),
            (Label("note.per_op"),),
            Label("column.workload"),
        ),
        values=values | summary,
        commands=_commands(runs, ops),
    )


def order(runs: Runs, ops: Mapping[str, int], churn: str, miss: str) -> ViewBundle:
    """Entries per change of a page-table entry beside references per TLB miss."""
    entries = {name: _entries(run) for name, run in runs[churn].items()}
    references = {name: _per_miss(run) for name, run in runs[miss].items()}
    charts = tuple(
        Chart(
            Label(f"axis.{axis}", (("workload", code(workload, Basis.RUN)),)),
            tuple(Bar(technique_label(name), one, name) for name, one in found.items()),
        )
        for axis, workload, found in (
            ("entries_per_op", churn, entries),
            ("refs_per_miss", miss, references),
        )
    )
    summary = _extremes({churn: runs[churn], miss: runs[miss]})
    per = {f"{name}.entries": one for name, one in entries.items()}
    per |= {f"{name}.refs_per_miss": one for name, one in references.items()}
    return ViewBundle(
        caption=Label("caption.three_pagings"),
        alt=Label("alt.three_pagings", tuple(summary.items())),
        view=Panels(charts, (Label("note.counts_no_time"),)),
        values=per | summary,
        commands=_commands(runs, ops),
    )


def cached(
    plain: Mapping[str, ResultSet], with_cache: Mapping[str, ResultSet], workload: str, ops: int
) -> ViewBundle:
    """Entries read per TLB miss, without a cache of upper levels and with one."""
    cells = {
        name: {"uncached": _per_miss(plain[name]), "cached": _per_miss(with_cache[name])}
        for name in plain
    }
    entries = next(iter(with_cache.values())).params["walk_cache"]
    size = number(int(entries), Basis.DERIVED)
    worst = max(cells, key=lambda name: Fraction(cells[name]["uncached"].raw))
    summary = {
        "entries": size,
        "worst": technique_value(worst),
        "without": cells[worst]["uncached"],
        "with": cells[worst]["cached"],
    }
    return ViewBundle(
        caption=Label("caption.walk_cache"),
        alt=Label("alt.walk_cache", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            (Label("column.uncached"), Label("column.cached", (("entries", size),))),
            tuple(
                Row(technique_label(name), tuple(found.values()), name)
                for name, found in cells.items()
            ),
            (Label("note.walk_cache"),),
        ),
        values=summary
        | {f"{name}.{key}": one for name, found in cells.items() for key, one in found.items()},
        commands=(
            *run_commands(workload, plain, ops),
            *run_commands(workload, with_cache, ops, walk_cache=entries),
        ),
    )


def _cells(run: ResultSet) -> dict[str, Value]:
    return {
        "entries": _entries(run),
        "tlb_misses": trimmed(total(run.counts_per_op, "tlb_miss"), Basis.RUN, "per_op"),
        "walk_refs": trimmed(total(run.counts_per_op, "walk_refs"), Basis.RUN, "per_op"),
        "refs_per_miss": _per_miss(run),
    }


def _entries(run: ResultSet) -> Value:
    found = sum(entries_per_op(run).values(), Fraction(0))
    return trimmed(found, Basis.RUN, "per_op")


def _per_miss(run: ResultSet) -> Value:
    misses = Fraction(total(run.counts_per_op, "tlb_miss"))
    if not misses:
        return term("absent", Basis.DERIVED)
    return trimmed(Fraction(total(run.counts_per_op, "walk_refs")) / misses, Basis.DERIVED)


def _extremes(runs: Runs) -> dict[str, Value]:
    """In the first workload by entries, in the last by references: who needs most, who least."""
    first, last = next(iter(runs)), list(runs)[-1]
    entries = {name: _entries(run) for name, run in runs[first].items() if name != "native"}
    references = {name: _per_miss(run) for name, run in runs[last].items() if name != "native"}
    found: dict[str, Value] = {}
    for what, cells in (("entries", entries), ("refs", references)):
        counted = {name: one for name, one in cells.items() if not isinstance(one.raw, str)}
        raw = {name: Fraction(one.raw) for name, one in counted.items()}
        for edge, end in (("least", min(raw.values())), ("most", max(raw.values()))):
            first = next(name for name, one in raw.items() if one == end)
            found |= {f"{edge}_{what}": tied(raw, end), f"{edge}_{what}_value": counted[first]}
    return found


def _commands(runs: Runs, ops: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        line
        for workload, found in runs.items()
        for line in run_commands(workload, found, ops[workload])
    )
