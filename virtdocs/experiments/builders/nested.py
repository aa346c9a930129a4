"""A hypervisor in a guest: VMX with nested paging on both levels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.builders.assembled import Assembled, Order, owned, virtual_board
from virtdocs.experiments.builders.hardware_assist import NESTED_LEVELS, PASSED_MSRS, new_vmcs
from virtdocs.experiments.eras import era
from virtdocs.machine.tlb import Tlb
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.identity import KVM
from virtdocs.vmm.kvm import KvmInterface
from virtdocs.vmm.nested.engine import LevelOneIoPath, NestedEngine
from virtdocs.vmm.nested.kvm_3_4 import Kvm34
from virtdocs.vmm.nested.kvm_5_10 import Kvm510
from virtdocs.vmm.nested.kvm_vcpu import KvmVcpu
from virtdocs.vmm.nested.level_one import LevelOneMemory
from virtdocs.vmm.nested.level_zero import LevelZero
from virtdocs.vmm.nested.merged_paging import LevelOnePaging, MergedPaging
from virtdocs.vmm.nested_paging import NestedMmu
from virtdocs.vmm.vmcs import Field

VERSIONS: Final[Mapping[str, type[KvmVcpu]]] = MappingProxyType({"3.4": Kvm34, "5.10": Kvm510})


def build(order: Order) -> Assembled:
    """Each virtual CPU with the control structures of both levels."""
    host, board, cpus = virtual_board(order)
    trace = order.trace
    when = era(order.options.era)
    memory = LevelOneMemory(host)
    level_one = LevelOnePaging(memory, NESTED_LEVELS, trace)
    root = host.monitor_frame()
    for msr in PASSED_MSRS:
        host.pass_through("msr", msr)
    engines = []
    for cpu in cpus:
        cpu.mmu = mmu = NestedMmu(host.memory, board.levels, Tlb(), trace, NESTED_LEVELS)
        paging = MergedPaging(mmu, host, trace, level_one, root)
        vmcs01 = new_vmcs(host.memory, host.monitor_frame, shadow=False)
        vmcs02 = new_vmcs(host.memory, host.monitor_frame, shadow=False)
        vmcs12 = new_vmcs(memory, memory.allocate, shadow=False)
        vmcs12.nested_root = level_one.tables.root
        vmcs01.tagged_tlb = vmcs12.tagged_tlb = order.options.tlb_tags
        shadowing = when.vmcs_shadowing and order.options.vmcs_shadowing
        shadow = new_vmcs(host.memory, host.monitor_frame, shadow=False) if shadowing else None
        below = LevelZero(board, cpu, vmcs01, vmcs12, vmcs02, shadow, paging)
        kvm = VERSIONS[when.kvm](below, cpu, vmcs12.read(Field.PRIMARY_CONTROLS))
        path = LevelOneIoPath(trace, order.technique.device_model, kvm=kvm)
        signed = order.technique.signature == KVM
        interface = KvmInterface(board, cpu) if signed else GuestInterface()
        cpu.guard, cpu.resource_guard = host.oracle, host.resource_oracle
        engines.append(NestedEngine(board, cpu, below, kvm, paging, path, interface))
    return owned(board, engines, trace, host)
