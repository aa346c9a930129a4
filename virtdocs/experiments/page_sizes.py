"""Pages of 4 KiB and 2 MiB on either side: what a walk reads, and how often one is needed.

The workload that misses the TLB on every page runs under each kind of paging, with every
size that the guest and the monitor may choose. Where the TLB never misses, what a walk would
have read is counted on one cold walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from virtdocs.experiments.machine_options import PAGE_SIZES
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.experiments.walk_grid import native_walk, nested_walk

WORKLOAD: Final = "tlb_miss"
NESTED_LEVELS: Final = 4
SMALL, LARGE = PAGE_SIZES


@dataclass(frozen=True, slots=True)
class Sizes:
    """One choice of sizes under one technique; ``nested`` is None where there is one table."""

    technique: str
    guest: str
    nested: str | None
    references: Fraction  # entries that a walk reads
    run: ResultSet

    @property
    def params(self) -> dict[str, str | int]:
        """What the run was asked for beside its ops."""
        return {key: one for key, one in self.run.params.items() if key.endswith("_page")}


def page_sizes(techniques: Iterable[str], ops: int) -> tuple[Sizes, ...]:
    """Every choice that the techniques leave: Xen offers PV guests small pages only."""
    found = []
    for preset in map(technique, techniques):
        for guest in PAGE_SIZES if preset.cpu != "hypercall" else (SMALL,):
            for nested in PAGE_SIZES if preset.mmu == "nested" else (None,):
                found.append(_measured(preset, guest, nested, ops))
    return tuple(found)


def _measured(preset: Technique, guest: str, nested: str | None, ops: int) -> Sizes:
    params: dict[str, str | int] = {"ops": ops, "guest_page": guest}
    if nested is not None:
        params["nested_page"] = nested
    result = run(WORKLOAD, preset.name, params=params)
    misses = _count(result.counts_per_op, "tlb_miss")
    if misses:
        references = _count(result.counts_per_op, "walk_refs") / misses
    elif nested is None:
        references = Fraction(native_walk(preset.levels, large=guest == LARGE))
    else:
        walk = nested_walk(
            preset.levels,
            NESTED_LEVELS,
            guest_large=guest == LARGE,
            nested_large=nested == LARGE,
        )
        references = Fraction(walk.count)
    return Sizes(preset.name, guest, nested, references, result)


def _count(counts: Mapping[str, Any], kind: str) -> Fraction:
    return Fraction(counts.get(kind, 0))
