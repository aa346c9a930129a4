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

MACHINE_PARAMS: Final[Mapping[str, Param | Choice]] = MappingProxyType(
    {
        # what rdtsc reads: virtual time, or with it the time that the monitor took
        "tsc": Choice(("virtual", "host")),
        # VPID or ASID in the TLB: without, each exit empties it
        "tlb_tags": Choice(("on", "off")),
        "walk_cache": Param(0, 0, 512, "entries"),
    }
)
GUEST_MODE: Final = ("vmx", "svm")


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """How the machine of a run departs from the usual one."""

    host_time: bool = False
    tlb_tags: bool = True
    walk_cache: int = 0  # entries, for each dimension; 0: no cache


USUAL: Final = MachineOptions()


def taken(params: dict[str, str | int], technique: Technique) -> dict[str, str | int]:
    """Take the machine's parameters out of ``params``; those that differ from the default.

    Raises BadValue and UnknownName for a value that is none, and BadValue for tags where no
    guest mode is.
    """
    found: dict[str, str | int] = {}
    for name, param in MACHINE_PARAMS.items():
        if name in params:
            value = param.checked(name, params.pop(name))
            if value != param.default:
                found[name] = value
    if "tlb_tags" in found and technique.cpu not in GUEST_MODE:
        raise BadValue("tlb_tags", f"{technique.name} has no guest mode, so its TLB has no tags")
    return found


def options_of(params: Mapping[str, str | int]) -> MachineOptions:
    """The options for parameters that ``taken`` gave."""
    return MachineOptions(
        host_time=params.get("tsc") == "host",
        tlb_tags=params.get("tlb_tags") != "off",
        walk_cache=int(params.get("walk_cache", 0)),
    )
