"""Virtualization techniques as presets over axes: a technique is a row, not a class.

The axes are cpu, mmu, io, irq and boot (design.md section 3). Readers see the first
three; irq and boot are what tells PV-on-HVM and PVH apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from virtdocs.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Technique:
    """One preset. ``build`` is the kernel image it boots, ``levels`` the depth of its tables,
    ``signature`` what cpuid leaf 0x40000000 says."""

    name: str
    cpu: str  # native | trap_emulate | binary_translation | vmx | svm | hypercall | emulation
    mmu: str  # native | shadow | nested | direct
    io: str
    irq: str = "apic"
    boot: str = "bios"
    build: str = "native"
    levels: int = 4
    signature: str = "virtdocs"
    posted_interrupts: bool = False

    @property
    def axes(self) -> dict[str, str]:
        """The five values, as the command line prints them."""
        return {
            "cpu": self.cpu, "mmu": self.mmu, "io": self.io, "irq": self.irq, "boot": self.boot
        }  # fmt: skip


_PRESETS: Final = (
    Technique("native", "native", "native", "native"),
    Technique("trap_emulate", "trap_emulate", "shadow", "emulated"),
    Technique("bt", "binary_translation", "shadow", "emulated"),
    Technique("hw_shadow", "vmx", "shadow", "emulated"),
    Technique("hw_nested", "vmx", "nested", "emulated"),
    Technique("xen_pv32", "hypercall", "direct", "xen_ring", "event_channel", "pv", "pv32", 2),
    Technique("xen_pv64", "hypercall", "direct", "xen_ring", "event_channel", "pv", "pv64", 4),
)
TECHNIQUES: Final[Mapping[str, Technique]] = MappingProxyType({t.name: t for t in _PRESETS})
VENDORS: Final = ("intel", "amd")


def technique(name: str, vendor: str = "intel") -> Technique:
    """The preset of that name; on AMD the hardware-assisted ones use SVM."""
    if name not in TECHNIQUES:
        raise UnknownName("", "technique", name, TECHNIQUES)
    if vendor not in VENDORS:
        raise UnknownName("", "vendor", vendor, VENDORS)
    found = TECHNIQUES[name]
    if found.cpu == "vmx" and vendor == "amd":
        return replace(found, cpu="svm")
    return found
