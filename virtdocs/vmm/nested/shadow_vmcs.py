"""VMCS shadowing: which fields a guest hypervisor reads and writes without an exit.

With the control "VMCS shadowing", VMREAD and VMWRITE in a guest go to a shadow VMCS that the
hypervisor below linked, for each field whose bit in the VMREAD or the VMWRITE bitmap is
clear (SDM vol. 3C §25.10 and §25.6.15); all others exit. Which fields KVM clears is the list
in Linux' arch/x86/kvm/vmx/vmcs_shadow_fields.h, read as of Linux 5.10; of those fields of
its list that this structure has, the first set is read only.
"""

from __future__ import annotations

from typing import Final

from virtdocs.vmm.vmcs import Field

READ_ONLY: Final = frozenset(
    {
        Field.EXIT_REASON,
        Field.EXIT_INTERRUPTION_INFO,
        Field.EXIT_INSTRUCTION_LENGTH,
        Field.IDT_VECTORING_INFO,
        Field.GUEST_CS_ACCESS_RIGHTS,
        Field.GUEST_SS_ACCESS_RIGHTS,
        Field.EXIT_QUALIFICATION,
        Field.GUEST_PHYSICAL_ADDRESS,
    }
)
WRITTEN: Final = frozenset(
    {
        Field.HOST_FS_SELECTOR,
        Field.HOST_GS_SELECTOR,
        Field.PRIMARY_CONTROLS,
        Field.ENTRY_EXCEPTION_ERROR_CODE,
        Field.ENTRY_INTERRUPTION_INFO,
        Field.TPR_THRESHOLD,
        Field.GUEST_INTERRUPTIBILITY,
        Field.GUEST_RIP,
        Field.GUEST_RSP,
        Field.GUEST_CR0,
        Field.GUEST_CR3,
        Field.GUEST_CR4,
        Field.GUEST_RFLAGS,
        Field.CR0_READ_SHADOW,
        Field.CR4_READ_SHADOW,
        Field.HOST_FS_BASE,
        Field.HOST_GS_BASE,
    }
)
SHADOWED: Final = READ_ONLY | WRITTEN
