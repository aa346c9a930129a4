"""Where a technique belongs, by axis and not by product: full, paravirtual, or a mix.

An axis is paravirtual when the guest must know an interface that no real hardware has. A
preset without such an axis virtualizes fully; one whose CPU is virtualized by hypercalls
is paravirtual in the old sense; the others let the hardware virtualize the CPU and speak
to the hypervisor where that pays, mostly for devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.image_matrix import PARAVIRTUAL
from virtdocs.experiments.techniques import Technique

# The values of each axis that are an interface of a hypervisor's own.
OWN_INTERFACES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "cpu": frozenset({"hypercall"}),
        "mmu": frozenset({"direct"}),
        "io": PARAVIRTUAL,
        "irq": frozenset({"event_channel"}),
        "boot": frozenset({"pv"}),
    }
)
GROUPS: Final = ("none", "full", "mixed", "para")


def paravirtual_axes(preset: Technique) -> tuple[str, ...]:
    """The axes on which a guest must know the hypervisor."""
    return tuple(axis for axis, value in preset.axes.items() if value in OWN_INTERFACES[axis])


def group(preset: Technique) -> str:
    """none (bare hardware) | full | mixed | para."""
    found = paravirtual_axes(preset)
    if preset.cpu == "native":
        return "none"
    if not found:
        return "full"
    return "para" if "cpu" in found else "mixed"
