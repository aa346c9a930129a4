"""Exhibits of memory that goes back to the host."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.balloon import timeline
from virtdocs.views.balloon import course
from virtdocs.views.model import ViewBundle

# Each with a balloon of its own kind.
TECHNIQUE = Parameter("kvm_virtio", ("kvm_virtio", "esxi", "xen_pv64", "xen_pvh"))
PAGES = Parameter("1024", ("64", "256", "512", "1024"))


def balloon(technique: str, pages: str) -> ViewBundle:
    """One inflation and one deflation."""
    return course(timeline(technique, int(pages)))


EXHIBITS = (Exhibit("balloon", balloon, (("technique", TECHNIQUE), ("pages", PAGES))),)
