"""Exhibits of whole runs: the same workload under every technique."""

from __future__ import annotations

from virtdocs.exhibits.chosen import TECHNIQUES_SHOWN, chosen, with_native
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.interrupt_flag import interrupt_flag
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.ring_levels import ring_levels
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.guest.workloads import WORKLOADS
from virtdocs.views import outcomes, rings
from virtdocs.views.model import ViewBundle

WORKLOAD = tuple(WORKLOADS)
SHOWN = ("techniques", TECHNIQUES_SHOWN)
# Counts per operation are exact for any N, and equal states stay equal: a page needs no more.
OPS = 64
CORE = "fast"  # counts and states are the reference core's, by test


def popf_wait(techniques: str) -> ViewBundle:
    """A guest that waits with interrupts restored by popf: who wakes up?"""
    runs = {name: run("popf_wait", name, core=CORE) for name in chosen(techniques)}
    flags = {name: interrupt_flag("popf_wait", name) for name in runs}
    return outcomes.endings("popf_wait", runs, flags)


def equivalence(workload: str, techniques: str) -> ViewBundle:
    """Final state and result of every technique against native's."""
    return outcomes.equivalence(workload, _runs(workload, with_native(techniques)), OPS)


def transitions(workload: str, techniques: str) -> ViewBundle:
    """Entries into the monitor per operation, per technique."""
    return outcomes.transitions(workload, _runs(workload, chosen(techniques)), OPS)


def guest_rings(techniques: str) -> ViewBundle:
    """The ring a guest is in and the ring it reads, per technique."""
    return rings.guest_rings([ring_levels(name) for name in chosen(techniques)])


def ring_map(technique: str) -> ViewBundle:
    """Who runs in which ring under one technique."""
    return rings.ring_map(ring_levels(technique))


def _runs(workload: str, names: tuple[str, ...]) -> dict[str, ResultSet]:
    return {name: run(workload, name, params={"ops": OPS}, core=CORE) for name in names}


EXHIBITS = (
    Exhibit("popf_wait", popf_wait, (SHOWN,)),
    Exhibit("equivalence", equivalence, (("workload", Parameter("memory", WORKLOAD)), SHOWN)),
    Exhibit("transitions", transitions, (("workload", Parameter("syscall", WORKLOAD)), SHOWN)),
    Exhibit("guest_rings", guest_rings, (SHOWN,)),
    Exhibit("ring_map", ring_map, (("technique", Parameter("hw_nested", tuple(TECHNIQUES))),)),
)
