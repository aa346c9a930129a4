"""VMX and SVM, with shadow or nested paging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from virtdocs.experiments.builders.assembled import Assembled, Order, owned, virtual_board
from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import Memory
from virtdocs.machine.registers import (
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_TSC,
)
from virtdocs.machine.tlb import Tlb
from virtdocs.trace import Trace
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.host import Host
from virtdocs.vmm.hyperv import HypervInterface
from virtdocs.vmm.identity import HYPERV, KVM, XEN
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.kvm import KvmInterface
from virtdocs.vmm.nested_paging import NestedMmu, NestedPaging
from virtdocs.vmm.shadow_paging import ShadowMmu, ShadowPaging, ShadowView
from virtdocs.vmm.vmcb import Intercept, Vmcb
from virtdocs.vmm.vmcs import Primary, Vmcs
from virtdocs.vmm.xen_hvm import HvmDomain, XenHvmInterface

NESTED_LEVELS: Final = 4
# MSRs that a guest uses without an exit, as Linux KVM passes them through (vmx.c).
PASSED_MSRS: Final = (MSR_TSC, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE)

Paging = NestedPaging | ShadowView


def build(order: Order) -> Assembled:
    """Each virtual CPU in guest mode, with a control structure of its own."""
    host, board, cpus = virtual_board(order)
    shadow = order.technique.mmu == "shadow"
    paging = (
        _shadow(host, board.levels, order.trace)
        if shadow
        else _nested(host, board.levels, order.trace, order.options.nested_large)
    )
    engines = []
    pagings = [paging(cpu) for cpu in cpus]
    interface = _interfaces(order, host, board, pagings)
    for cpu, own in zip(cpus, pagings, strict=True):
        cpu.guard, cpu.resource_guard = host.oracle, host.resource_oracle
        structure: Vmcb | Vmcs
        if order.technique.cpu == "svm":
            structure = _vmcb(host, shadow)
        else:
            structure = new_vmcs(host.memory, host.monitor_frame, shadow)
        for msr in PASSED_MSRS:
            host.pass_through("msr", msr)
        structure.tagged_tlb = order.options.tlb_tags
        if isinstance(own, NestedPaging):
            structure.nested_root = own.root
        engines.append(
            HardwareAssistEngine(
                board,
                cpu,
                structure,
                own,
                IoPath(order.trace, order.technique.device_model),
                posted_interrupts=order.technique.posted_interrupts,
                interface=interface(cpu),
            )
        )
    return owned(board, engines, order.trace, host)


def _interfaces(
    order: Order, host: Host, board: Board, pagings: Sequence[Paging]
) -> Callable[[Cpu], GuestInterface]:
    """What the hypervisor that signs cpuid offers to each virtual CPU."""
    signature = order.technique.signature
    if signature == KVM:
        return lambda cpu: KvmInterface(board, cpu)
    if signature == HYPERV:
        return lambda cpu: HypervInterface(board, cpu)
    if signature == XEN:
        domain = HvmDomain(host, board, [own for own in pagings if isinstance(own, NestedPaging)])
        return lambda cpu: XenHvmInterface(domain, cpu)
    return lambda _cpu: GuestInterface()


def _shadow(host: Host, levels: int, trace: Trace) -> Callable[[Cpu], Paging]:
    shared = ShadowPaging(host.memory, host.guest_memory, levels, host.monitor_frame, trace)

    def paging(cpu: Cpu) -> Paging:
        cpu.mmu = mmu = ShadowMmu(host.memory, levels, Tlb(), trace)
        return shared.view(mmu)

    return paging


def _nested(host: Host, levels: int, trace: Trace, large: bool) -> Callable[[Cpu], Paging]:
    root = host.monitor_frame()

    def paging(cpu: Cpu) -> Paging:
        cpu.mmu = mmu = NestedMmu(host.memory, levels, Tlb(), trace, NESTED_LEVELS)
        return NestedPaging(mmu, host.guest_memory, host.monitor_frame, trace, root, large=large)

    return paging


def new_vmcs(memory: Memory, allocate: Callable[[], int], shadow: bool) -> Vmcs:
    """A control structure as these hypervisors set one up."""
    controls = Primary.HLT_EXITING | Primary.USE_IO_BITMAPS | Primary.USE_MSR_BITMAPS
    if shadow:
        controls |= Primary.CR3_LOAD_EXITING | Primary.INVLPG_EXITING
    else:
        controls |= Primary.ENABLE_EPT
    structure = Vmcs(memory, allocate, controls)
    for msr in PASSED_MSRS:
        structure.msrs.pass_through(msr)
    return structure


def _vmcb(host: Host, shadow: bool) -> Vmcb:
    intercepts = (
        Intercept.CPUID | Intercept.HLT | Intercept.IOIO_PROT | Intercept.MSR_PROT
        | Intercept.VMMCALL | Intercept.INVD | Intercept.XSETBV | Intercept.VIRTUALIZATION
    )  # fmt: skip
    intercepts |= Intercept.INVLPG if shadow else Intercept.NESTED_PAGING
    structure = Vmcb(host.memory, host.monitor_frame, intercepts)
    for msr in PASSED_MSRS:
        structure.msrs.pass_through(msr)
    for number in (0, 4):
        structure.intercept_control_register(number, write=True)
    if shadow:
        structure.intercept_control_register(3, write=True)
    return structure
