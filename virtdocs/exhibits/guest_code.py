"""Exhibits of code: what binary translation makes of it, what a port changes in it."""

from __future__ import annotations

from pathlib import PurePosixPath

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.hypercall_stubs import stub, techniques_with_hypercalls
from virtdocs.experiments.translated_code import ROUTINES, translated_routine
from virtdocs.guest.ports import port_diff
from virtdocs.guest.workloads import KERNEL
from virtdocs.views import hypercalls, translated
from virtdocs.views import port as port_view
from virtdocs.views.model import ViewBundle

PORT = Parameter("pv32", ("pv32", "pv64"))
FILES = {PurePosixPath(file).stem: file for file in KERNEL}
HUNKS = tuple(map(str, range(1, 21)))


def bt_listing(routine: str) -> ViewBundle:
    """A routine of the kernel beside its translation."""
    return translated.translation(routine, translated_routine(routine))


def pv_port(port: str) -> ViewBundle:
    """What a paravirtual port changes, counted."""
    return port_view.port(port, port_diff(port).files)


def pv_port_excerpt(port: str, file: str, hunk: str) -> ViewBundle:
    """What it changes, in the kernel's own lines."""
    changed = {one.file: one for one in port_diff(port).files}
    return port_view.excerpt(port, changed[FILES[file]], hunk)


def hypercall_abi() -> ViewBundle:
    """How a guest's kernel enters the hypervisor on purpose."""
    names = techniques_with_hypercalls()
    found = [stub(name, vendor) for name in names for vendor in hypercalls.VENDORS]
    return hypercalls.hypercalls([one for one in found if one is not None])


EXHIBITS = (
    Exhibit(
        "bt_listing",
        bt_listing,
        (("routine", Parameter("wait_for_tick", tuple(ROUTINES))),),
    ),
    Exhibit("pv_port", pv_port, (("port", PORT),)),
    Exhibit(
        "pv_port_excerpt",
        pv_port_excerpt,
        (
            ("port", PORT),
            ("file", Parameter("calls", tuple(FILES))),
            ("hunk", Parameter("1", (port_view.ALL, *HUNKS))),
        ),
    ),
    Exhibit("hypercall_abi", hypercall_abi),
)
