"""cpuid as a hypervisor shows it: the hypervisor bit, its name, and what it offers.

Leaves from 0x40000000 on are never the processor's: leaf 1, ecx bit 31 says that
they mean something (SDM and APM leave both to hypervisors). Numbers as the
hypervisors' own interface files have them: Linux' uapi/asm/kvm_para.h, Xen's
public/arch-x86/cpuid.h, Microsoft's TLFS chapter 2, Linux' cpu/vmware.c, QEMU's
target/i386/cpu.c.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.board import bare_identity
from virtdocs.machine.cpu import Identity

HYPERVISOR_BIT: Final = 1 << 31
BASE: Final = 0x4000_0000

KVM: Final = "KVMKVMKVM"
XEN: Final = "XenVMMXenVMM"
HYPERV: Final = "Microsoft Hv"
VMWARE: Final = "VMwareVMware"
TCG: Final = "TCGTCGTCGTCG"

# KVM, leaf 0x40000001 eax: what the guest may use.
KVM_CLOCK: Final = 1 << 3  # KVM_FEATURE_CLOCKSOURCE2
KVM_PV_EOI: Final = 1 << 6
KVM_PV_UNHALT: Final = 1 << 7
KVM_PV_SEND_IPI: Final = 1 << 11
KVM_PV_SCHED_YIELD: Final = 1 << 13
KVM_FEATURES: Final = KVM_CLOCK | KVM_PV_EOI | KVM_PV_UNHALT | KVM_PV_SEND_IPI | KVM_PV_SCHED_YIELD

XEN_VERSION: Final = 4 << 16 | 17
XEN_HYPERCALL_MSR: Final = 0x4000_0000

# Hyper-V, leaf 0x40000003 eax: the partition's privileges.
HYPERV_TIME_COUNT: Final = 1 << 1
HYPERV_SYNIC_MSRS: Final = 1 << 2
HYPERV_APIC_MSRS: Final = 1 << 4
HYPERV_HYPERCALL_MSRS: Final = 1 << 5
HYPERV_VP_INDEX: Final = 1 << 6
HYPERV_REFERENCE_TSC: Final = 1 << 9
HYPERV_PRIVILEGES: Final = (
    HYPERV_TIME_COUNT
    | HYPERV_SYNIC_MSRS
    | HYPERV_APIC_MSRS
    | HYPERV_HYPERCALL_MSRS
    | HYPERV_VP_INDEX
    | HYPERV_REFERENCE_TSC
)
# The same leaf, ebx: what the partition may do by hypercall.
HYPERV_POST_MESSAGES: Final = 1 << 4
HYPERV_SIGNAL_EVENTS: Final = 1 << 5
HYPERV_INTERFACE: Final = 0x3123_7648  # "Hv#1"
HYPERV_USE_APIC_MSRS: Final = 1 << 3  # leaf 0x40000004 eax: recommended

TSC_KILOHERTZ: Final = 1_000_000  # one instruction a nanosecond
Leaf = tuple[int, int, int, int]

# eax to edx of the leaves after the first, by signature.
_FURTHER: Final[dict[str, dict[int, Leaf]]] = {
    KVM: {0x4000_0001: (KVM_FEATURES, 0, 0, 0)},
    XEN: {
        0x4000_0001: (XEN_VERSION, 0, 0, 0),
        0x4000_0002: (1, XEN_HYPERCALL_MSR, 0, 0),  # pages of hypercall stubs, and their MSR
    },
    HYPERV: {
        0x4000_0001: (HYPERV_INTERFACE, 0, 0, 0),
        0x4000_0003: (
            HYPERV_PRIVILEGES,
            HYPERV_POST_MESSAGES | HYPERV_SIGNAL_EVENTS,
            0,
            0,
        ),
        0x4000_0004: (HYPERV_USE_APIC_MSRS, 0, 0, 0),
    },
    VMWARE: {0x4000_0010: (TSC_KILOHERTZ, TSC_KILOHERTZ, 0, 0)},  # of the TSC, and of the APIC
    TCG: {0x4000_0001: (0, 0, 0, 0)},
}


def signature_words(signature: str) -> tuple[int, int, int]:
    """The twelve letters as ebx, ecx, edx."""
    name = signature.encode().ljust(12, b"\0")
    b, c, d = (int.from_bytes(name[n : n + 4], "little") for n in (0, 4, 8))
    return b, c, d


def hypervisor_identity(vendor: str, signature: str) -> Identity:
    """All leaves of a virtual CPU; without a signature, those of the processor itself."""
    identity = bare_identity(vendor)
    if not signature:
        return identity
    a, b, c, d = identity[1]
    identity[1] = (a, b, c | HYPERVISOR_BIT, d)
    further = _FURTHER.get(signature, {0x4000_0001: (0, 0, 0, 0)})
    identity[BASE] = (max(further), *signature_words(signature))
    identity.update(further)
    return identity
