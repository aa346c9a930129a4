"""Eras: what a machine of its time could do (interface.md, "Eras")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Era:
    """``levels``: depth of the page tables that its kernels use."""

    name: str
    levels: int
    hardware_assist: bool
    nested_paging: bool
    xen_io: str = "xen_ring"  # xen_internal: the hypervisor has the drivers (Xen 1.x)
    # Kernels hand over several TCP segments in one buffer, where a driver takes them. No source
    # of an era before KVM names it (data/costs/RULES.md, T1).
    segmentation: bool = False
    # The Linux whose KVM runs in a guest, for eras that nest; VMCS shadowing came with Haswell,
    # and Linux has used it since 3.10.
    kvm: str = ""
    vmcs_shadowing: bool = False


ERAS: Final[Mapping[str, Era]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Era("ws-2001", 2, hardware_assist=False, nested_paging=False),
            Era("xen-2003", 2, hardware_assist=False, nested_paging=False, xen_io="xen_internal"),
            # The first VT-x left the page tables to software.
            Era("p4-2006", 2, hardware_assist=True, nested_paging=False),
            Era(
                "kvm-2012",
                4,
                hardware_assist=True,
                nested_paging=True,
                segmentation=True,
                kvm="3.4",
            ),
            Era(
                "kvm-2020",
                4,
                hardware_assist=True,
                nested_paging=True,
                segmentation=True,
                kvm="5.10",
                vmcs_shadowing=True,
            ),
        )
    }
)
DEFAULT_ERA: Final = "kvm-2020"


def era(name: str) -> Era:
    """The era of that name; UnknownName with the nearest otherwise."""
    if name not in ERAS:
        raise UnknownName("--era", "era", name, ERAS)
    return ERAS[name]
