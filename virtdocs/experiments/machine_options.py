"""Parameters of the machine, which every workload and every program of one's own takes.

They change what is counted or what the guest reads of time, never what it computes
otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.eras import DEFAULT_ERA
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
        # how many hypervisors are below the guest; a workload's own ``depth`` goes before it
        "depth": Param(1, 1, 2, "hypervisors"),
        # whether the processor shadows a VMCS, where the era's can
        "vmcs_shadowing": Choice(("on", "off")),
    }
)
GUEST_MODE: Final = ("vmx", "svm")
# Whose hypervisor can run one of its own kind: KVM's presets, and the one that is nobody's.
NESTABLE: Final = ("hw_nested", "kvm_virtio", "kvm_emulated")


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """How the machine of a run departs from the usual one."""

    host_time: bool = False
    tlb_tags: bool = True
    walk_cache: int = 0  # entries, for each dimension; 0: no cache
    guest_large: bool = False
    nested_large: bool = False
    depth: int = 1  # 2: the guest's hypervisor is a guest itself
    vmcs_shadowing: bool = True  # where the era's processors have it
    era: str = DEFAULT_ERA  # whose hypervisor and processor depth 2 is


USUAL: Final = MachineOptions()


def taken(
    params: dict[str, str | int], technique: Technique, own: Iterable[str] = ()
) -> dict[str, str | int]:
    """Take the machine's parameters out of ``params``; those that differ from the default.

    ``own`` are the workload's: a name that is both stays there. Raises BadValue and UnknownName
    for a value that is none, and BadValue for what the technique can't have.
    """
    found: dict[str, str | int] = {}
    for name, param in MACHINE_PARAMS.items():
        if name in params and name not in own:
            value = param.checked(name, params.pop(name))
            if value != param.default:
                found[name] = value
    if "tlb_tags" in found and technique.cpu not in GUEST_MODE:
        raise BadValue("tlb_tags", f"{technique.name} has no guest mode, so its TLB has no tags")
    if "nested_page" in found and technique.mmu != "nested":
        raise BadValue("nested_page", f"{technique.name} has no nested tables")
    if "guest_page" in found and technique.cpu == "hypercall":
        raise BadValue("guest_page", f"Xen offers no pages of 2 MiB to {technique.name}")
    if found.get("depth", 1) != 1:
        check_nestable(technique)
        if "nested_page" in found:
            raise BadValue("nested_page", "nested tables of two levels have entries of 4 KiB here")
    elif "vmcs_shadowing" in found:
        raise BadValue("vmcs_shadowing", "a VMCS is shadowed for a guest hypervisor: wants depth=2")
    return found


def check_nestable(technique: Technique) -> None:
    """BadValue for a technique whose hypervisor can't be a guest's."""
    if technique.name not in NESTABLE:
        names = ", ".join(NESTABLE)
        raise BadValue("depth", f"{technique.name} runs no guest hypervisor; {names} do")
    if technique.cpu != "vmx":
        raise BadValue("depth", "a guest hypervisor is one of Intel's VMX here: --vendor intel")


def options_of(params: Mapping[str, str | int], era: str | None = None) -> MachineOptions:
    """The options for parameters that ``taken`` gave, in an era."""
    return MachineOptions(
        host_time=params.get("tsc") == "host",
        tlb_tags=params.get("tlb_tags") != "off",
        walk_cache=int(params.get("walk_cache", 0)),
        guest_large=params.get("guest_page") == "2M",
        nested_large=params.get("nested_page") == "2M",
        depth=int(params.get("depth", 1)),
        vmcs_shadowing=params.get("vmcs_shadowing") != "off",
        era=era or DEFAULT_ERA,
    )
