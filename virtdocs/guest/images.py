"""Kinds of guest software, by what can be done to them: which builds there are, which drivers.

Which of them runs under which technique is not written here: it is found by booting
each build that exists (a PV hypervisor needs one made for it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.guest.workloads import ALL_BUILDS


@dataclass(frozen=True, slots=True)
class Image:
    """One kind. ``rebuildable``: its source may be changed. ``pv_drivers``: it can have drivers
    for a hypervisor's devices, be it in the kernel or installed later."""

    name: str
    builds: tuple[str, ...]
    rebuildable: bool
    pv_drivers: bool


IMAGES: Final[Mapping[str, Image]] = MappingProxyType(
    {
        image.name: image
        for image in (
            # A kernel with source, like Linux or a BSD: ported, and with drivers for everything.
            Image("open", ALL_BUILDS, rebuildable=True, pv_drivers=True),
            # A kernel without source that takes drivers made later, like Windows.
            Image("closed", ("native",), rebuildable=False, pv_drivers=True),
            # A kernel older than the hypervisor, for which nobody writes drivers any more.
            Image("legacy", ("native",), rebuildable=False, pv_drivers=False),
        )
    }
)
