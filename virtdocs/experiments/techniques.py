"""Virtualization techniques as presets over axes: a technique is a row, not a class.

The axes are cpu, mmu, io, irq and boot (design.md section 3). Readers see the first
three; irq and boot are what tells PV-on-HVM and PVH apart. A product is an alias of a
preset (data/products.toml); why a preset has its values is in reasons.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.eras import Era, era
from virtdocs.experiments.products import aliases
from virtdocs.guest.workloads import BUILDS
from virtdocs.trace import Party
from virtdocs.vmm.identity import HYPERV, KVM, TCG, VMWARE, XEN

NOBODYS: Final = "virtdocs"  # the signature of a monitor that is no product
HARDWARE_ASSIST: Final = ("vmx", "svm")


@dataclass(frozen=True, slots=True)
class Technique:
    """One preset. ``build`` is the kernel image it boots, ``levels`` the depth of its tables,
    ``signature`` what cpuid leaf 0x40000000 says ("" where it says nothing), ``device_model``
    who answers for an emulated device, ``variant`` tells two eras of one preset apart."""

    name: str
    cpu: str  # native | trap_emulate | binary_translation | vmx | svm | hypercall | emulation
    mmu: str  # native | shadow | nested | direct | software
    # native | emulated | virtio | vmware_pv | xen_ring | xen_internal | vmbus | passthrough
    io: str
    irq: str = "apic"  # apic | event_channel
    boot: str = "bios"  # bios | pv
    build: str = "native"
    levels: int = 4
    signature: str = NOBODYS
    posted_interrupts: bool = False
    device_model: Party = Party.DEVICE_MODEL
    variant: str = ""

    @property
    def axes(self) -> dict[str, str]:
        """The five values, as the command line prints them."""
        return {
            "cpu": self.cpu, "mmu": self.mmu, "io": self.io, "irq": self.irq, "boot": self.boot
        }  # fmt: skip

    @property
    def hardware_assist(self) -> bool:
        """Whether the CPU has a mode of its own for the hypervisor."""
        return self.cpu in HARDWARE_ASSIST


_PRESETS: Final = (
    Technique("native", "native", "native", "native", signature=""),
    Technique("trap_emulate", "trap_emulate", "shadow", "emulated"),
    Technique("bt", "binary_translation", "shadow", "emulated"),
    Technique("hw_shadow", "vmx", "shadow", "emulated"),
    Technique("hw_nested", "vmx", "nested", "emulated"),
    # A PV guest's cpuid is the processor's own: the instruction does not trap (Xen gives its
    # guests another way to ask, with a prefix that traps; no program here uses it).
    Technique("xen_pv32", "hypercall", "direct", "xen_ring", "event_channel", "pv", "pv32", 2, ""),
    Technique("xen_pv64", "hypercall", "direct", "xen_ring", "event_channel", "pv", "pv64", 4, ""),
    Technique("xen_hvm", "vmx", "nested", "emulated", signature=XEN, device_model=Party.DOM0),
    Technique(
        "xen_pvhvm", "vmx", "nested", "xen_ring", "event_channel",
        build="pvhvm", signature=XEN, device_model=Party.DOM0,
    ),
    Technique(
        "xen_pvh", "vmx", "nested", "xen_ring", "event_channel", "pv",
        build="pvh", signature=XEN, device_model=Party.DOM0,
    ),
    Technique("kvm_virtio", "vmx", "nested", "virtio", signature=KVM),
    Technique("kvm_emulated", "vmx", "nested", "emulated", signature=KVM),
    Technique(
        "esxi", "vmx", "nested", "vmware_pv", signature=VMWARE, device_model=Party.HYPERVISOR
    ),
    Technique(
        "hyperv", "vmx", "nested", "vmbus", signature=HYPERV, device_model=Party.ROOT_PARTITION
    ),
    Technique("workstation", "vmx", "nested", "emulated", signature=VMWARE),
    Technique("qemu_tcg", "emulation", "software", "emulated", signature=TCG),
    Technique("passthrough", "vmx", "nested", "passthrough", signature=KVM),
)  # fmt: skip
# Before the processors could help, and while they helped less than translation did.
_WORKSTATION_THEN: Final = Technique(
    "workstation", "binary_translation", "shadow", "emulated", signature="", variant="then"
)
# Split drivers came with Xen 2.0 (Fraser et al. 2004); before, the hypervisor had the drivers.
_XEN_THEN: Final = Technique(
    "xen_pv32", "hypercall", "direct", "xen_internal", "event_channel", "pv", "pv32", 2, "",
    variant="then",
)  # fmt: skip
TECHNIQUES: Final[Mapping[str, Technique]] = MappingProxyType({t.name: t for t in _PRESETS})
VENDORS: Final = ("intel", "amd")


def known_names() -> Iterable[str]:
    """Presets and aliases."""
    return (*TECHNIQUES, *aliases())


def in_era(era_name: str | None) -> tuple[str, ...]:
    """Names of the presets that the era's machines could run; all of them for None."""
    found = []
    for name in TECHNIQUES:
        try:
            technique(name, era_name=era_name)
        except BadValue:
            continue
        found.append(name)
    return tuple(found)


def technique(name: str, vendor: str = "intel", era_name: str | None = None) -> Technique:
    """The preset of a name or alias; on AMD the hardware-assisted ones use SVM.

    With an era: as it was then. BadValue for what the era's machines could not do.
    """
    name = aliases().get(name, name)
    if name not in TECHNIQUES:
        raise UnknownName("", "technique", name, known_names())
    if vendor not in VENDORS:
        raise UnknownName("", "vendor", vendor, VENDORS)
    found = TECHNIQUES[name]
    if era_name is not None:
        found = _in_era(found, era(era_name))
    if found.cpu == "vmx" and vendor == "amd":
        return replace(found, cpu="svm")
    return found


def _in_era(preset: Technique, when: Era) -> Technique:
    if preset.name == "workstation" and not when.nested_paging:
        preset = _WORKSTATION_THEN
    if preset.name == "xen_pv32" and when.xen_io == "xen_internal":
        preset = _XEN_THEN
    if preset.hardware_assist and not when.hardware_assist:
        raise BadValue("--era", f"{when.name} has no VT-x or SVM for {preset.name}")
    if preset.mmu == "nested" and not when.nested_paging:
        raise BadValue("--era", f"{when.name} has no nested paging for {preset.name}")
    possible = BUILDS[preset.build].levels
    if when.levels in possible:
        return replace(preset, levels=when.levels)
    if min(possible) > when.levels:
        need = f"{preset.name} needs {min(possible)} levels of page tables"
        raise BadValue("--era", f"{need}, {when.name} has {when.levels}")
    return preset
