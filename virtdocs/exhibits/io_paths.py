"""Exhibits of one disk request: who is on its way, path by path."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.io_request import PATHS, one_request
from virtdocs.views import io_paths as view
from virtdocs.views.model import ViewBundle

NAMES = tuple(PATHS)
ALL = "all"


def io_flow(path: str) -> ViewBundle:
    """One write from the application to the device and back."""
    return view.flow(one_request(path))


def io_parties(paths: str) -> ViewBundle:
    """How often each party is given the request, by path."""
    wanted = NAMES if ALL in paths.split("+") else paths.split("+")
    return view.matrix([one_request(path) for path in NAMES if path in wanted])


EXHIBITS = (
    Exhibit("io_flow", io_flow, (("path", Parameter("kvm_virtio", NAMES)),)),
    Exhibit("io_parties", io_parties, (("paths", Parameter(ALL, (ALL, *NAMES), several=True)),)),
)
