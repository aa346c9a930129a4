"""Between which techniques full virtualization and paravirtualization are compared."""

from __future__ import annotations

from typing import Final

TRANSLATION: Final = "bt"
FIRST_ASSIST: Final = "hw_shadow"  # the processor helps with the CPU, not with page tables
NESTED: Final = "hw_nested"
FULL: Final = (TRANSLATION, FIRST_ASSIST, NESTED)
MIXED: Final = "kvm_virtio"  # an unmodified kernel with paravirtual drivers
BEST_PARA: Final = "xen_pv32"  # the quicker of the two by every cost that there is
PARA: Final = (BEST_PARA, "xen_pv64")
COLUMNS: Final = (*FULL, MIXED, *PARA)
