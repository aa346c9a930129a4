"""Exhibits of address translation: walks, and what the three pagings cost."""

from __future__ import annotations

from collections.abc import Iterable

from virtdocs.exhibits.chosen import ALL_WORD, MAIN_WORD, chosen
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.page_sizes import page_sizes
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.experiments.walk_grid import DEPTHS, native_walk, nested_walk
from virtdocs.views import page_sizes as sizes
from virtdocs.views import pagings, walks
from virtdocs.views.model import ViewBundle

# As many operations as counts need to be linear, and no more.
OPS = {"pte_churn": 64, "page_fault": 64, "context_switch": 8, "tlb_miss": 256}
CORE = "fast"  # counts are the reference core's, by test
CHURN, MISS = "pte_churn", "tlb_miss"
# Shadow, nested and direct paging of the same depth, beside bare hardware.
PAGINGS = Parameter(
    "native+hw_shadow+hw_nested+xen_pv64", (MAIN_WORD, ALL_WORD, *TECHNIQUES), several=True
)
CACHE_ENTRIES = Parameter("16", ("2", "4", "8", "16", "32", "64"))
LEVELS = Parameter("4", tuple(map(str, DEPTHS)))


def walk_grid() -> ViewBundle:
    """Entries that one cold walk reads, for every depth of both tables."""
    pairs = [(n, m) for n in DEPTHS for m in DEPTHS]
    return walks.grid([nested_walk(n, m) for n, m in pairs], {n: native_walk(n) for n in DEPTHS})


def walk_2d(guest_levels: str, nested_levels: str) -> ViewBundle:
    """One cold walk, each entry that it reads in order."""
    walk = nested_walk(int(guest_levels), int(nested_levels))
    return walks.drawn(walk, native_walk(int(guest_levels)))


def translation_costs(techniques: str) -> ViewBundle:
    """Entries into the monitor and references, per workload and technique."""
    mmus = {name: TECHNIQUES[name].mmu for name in chosen(techniques)}
    return pagings.costs(_runs(OPS, techniques), OPS, mmus)


def three_pagings(techniques: str) -> ViewBundle:
    """The two figures in which shadow and nested paging change places."""
    return pagings.order(_runs((CHURN, MISS), techniques), OPS, CHURN, MISS)


def walk_cache(techniques: str, entries: str) -> ViewBundle:
    """The workload that misses the TLB most, with and without a cache of upper levels."""
    plain, with_cache = (
        {
            name: run(MISS, name, params={"ops": OPS[MISS], "walk_cache": size}, core=CORE)
            for name in chosen(techniques)
        }
        for size in ("0", entries)
    )
    return pagings.cached(plain, with_cache, MISS, OPS[MISS])


def large_pages() -> ViewBundle:
    """The same program with pages of 4 KiB and 2 MiB, of the guest and of the monitor."""
    found = page_sizes(("native", "hw_shadow", "xen_pv64", "hw_nested"), OPS[MISS])
    return sizes.table(found, MISS, OPS[MISS], nested="hw_nested")


def _runs(workloads: Iterable[str], techniques: str) -> dict[str, dict[str, ResultSet]]:
    return {
        workload: {
            name: run(workload, name, params={"ops": OPS[workload]}, core=CORE)
            for name in chosen(techniques)
        }
        for workload in workloads
    }


EXHIBITS = (
    Exhibit("translation_costs", translation_costs, (("techniques", PAGINGS),)),
    Exhibit("three_pagings", three_pagings, (("techniques", PAGINGS),)),
    Exhibit("walk_grid", walk_grid),
    Exhibit("walk_cache", walk_cache, (("techniques", PAGINGS), ("entries", CACHE_ENTRIES))),
    Exhibit("large_pages", large_pages),
    Exhibit("walk_2d", walk_2d, (("guest_levels", LEVELS), ("nested_levels", LEVELS))),
)
