"""Parameters of the machine, which every workload and every program of one's own takes.

They change what is counted or what the guest reads of time, never what it computes
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.techniques import Technique
from virtdocs.guest.workloads import Choice, Param

BOTH_DIMENSIONS: Final = 16  # entries, where a cache is asked for without a size
PAGE_SIZES: Final = ("4K", "2M")
MACHINE_PARAMS: Final[Mapping[str, Param | Choice]] = MappingProxyType(
    {
        # what rdtsc reads: virtual time, or with it the time that the monitor took
        "tsc": Choice(("virtual", "host")),
        # VPID or ASID in the TLB: without, each exit empties it
        "tlb_tags": Choice(("on", "off")),
        # by its size, or by the literature's name of one for each dimension
        "walk_cache": Param(0, 0, 512, "entries", names=(("2d", BOTH_DIMENSIONS),)),
        # what maps the memory that the guest finds at its start, and what the monitor maps it with
        "guest_page": Choice(PAGE_SIZES),
        "nested_page": Choice(PAGE_SIZES),
    }
)
GUEST_MODE: Final = ("vmx", "svm")


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """How the machine of a run departs from the usual one."""

    host_time: bool = False
    tlb_tags: bool = True
    walk_cache: int = 0  # entries, for each dimension; 0: no cache
    guest_large: bool = False
    nested_large: bool = False


USUAL: Final = MachineOptions()


def taken(params: dict[str, str | int], technique: Technique) -> dict[str, str | int]:
    """Take the machine's parameters out of ``params``; those that differ from the default.

    Raises BadValue and UnknownName for a value that is none, and BadValue where the technique
    has not what the parameter changes.
    """
    found: dict[str, str | int] = {}
    for name, param in MACHINE_PARAMS.items():
        if name in params:
            value = param.checked(name, params.pop(name))
            if value != param.default:
                found[name] = value
    if "tlb_tags" in found and technique.cpu not in GUEST_MODE:
        raise BadValue("tlb_tags", f"{technique.name} has no guest mode, so its TLB has no tags")
    if "nested_page" in found and technique.mmu != "nested":
        raise BadValue("nested_page", f"{technique.name} has no nested tables")
    if "guest_page" in found and technique.cpu == "hypercall":
        raise BadValue("guest_page", f"Xen offers no pages of 2 MiB to {technique.name}")
    return found


def options_of(params: Mapping[str, str | int]) -> MachineOptions:
    """The options for parameters that ``taken`` gave."""
    return MachineOptions(
        host_time=params.get("tsc") == "host",
        tlb_tags=params.get("tlb_tags") != "off",
        walk_cache=int(params.get("walk_cache", 0)),
        guest_large=params.get("guest_page") == "2M",
        nested_large=params.get("nested_page") == "2M",
    )
