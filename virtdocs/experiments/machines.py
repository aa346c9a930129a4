"""Put a machine together: the board, and one engine per CPU for the technique's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.techniques import Technique
from virtdocs.guest.program import Program
from virtdocs.machine.board import RAM_FRAMES, Board, bare_identity
from virtdocs.machine.cpu import Cpu, Identity
from virtdocs.machine.firmware import boot, write_words
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory, write_physical
from virtdocs.machine.mmu import HardwareMmu, SoftwareMmu
from virtdocs.machine.registers import (
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_TSC,
)
from virtdocs.machine.tlb import Tlb
from virtdocs.trace import Trace
from virtdocs.vmm.binary_translation import BinaryTranslationEngine
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.domain_builder import (
    build_tables,
    enter_domain,
    paravirtual_gdt,
    write_hypercall_page,
    write_start_info,
)
from virtdocs.vmm.event_channel import EventChannels
from virtdocs.vmm.exit_loop import Engine
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.host import Host, guest_board, new_host
from virtdocs.vmm.hypercall import XenHypercalls
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.monitor_region import MonitorRegion
from virtdocs.vmm.native import NativeEngine
from virtdocs.vmm.nested_paging import NestedMmu, NestedPaging
from virtdocs.vmm.paravirtual import ParavirtualEngine
from virtdocs.vmm.shadow_paging import ShadowMmu, ShadowPaging
from virtdocs.vmm.trap_emulate import TrapEmulateEngine
from virtdocs.vmm.vmcb import Intercept, Vmcb
from virtdocs.vmm.vmcs import Primary, Vmcs

NESTED_LEVELS: Final = 4
SIGNATURE: Final = b"virtdocs\0\0\0\0"
# MSRs that a guest uses without an exit, as Linux KVM passes them through (vmx.c).
PASSED_MSRS: Final = (MSR_TSC, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE)


@dataclass(frozen=True, slots=True)
class Assembled:
    """A machine ready to run. ``host`` is None on bare hardware."""

    board: Board
    engines: Sequence[Engine]
    trace: Trace
    host: Host | None = None


def assemble(technique: Technique, program: Program, vendor: str, trace: Trace) -> Assembled:
    """The machine of a technique with the program loaded."""
    return BUILDERS[technique.cpu](technique, program, vendor, trace)


def load(board: Board, program: Program) -> None:
    """Copy the program into the guest's memory."""
    for address, data in program.chunks:
        if not write_physical(board.memory, address, data):
            raise ValueError(f"{program.name}: no memory at {address:#x}")


def hypervisor_identity(vendor: str, signature: bytes) -> Identity:
    """cpuid as a hypervisor shows it: the hypervisor bit, and its name in leaf 0x40000000."""
    identity = bare_identity(vendor)
    a, b, c, d = identity[1]
    identity[1] = (a, b, c | 1 << 31, d)
    words = [int.from_bytes(signature[n : n + 4], "little") for n in (0, 4, 8)]
    identity[0x4000_0000] = (0x4000_0001, words[0], words[1], words[2])
    return identity


def _native(technique: Technique, program: Program, vendor: str, trace: Trace) -> Assembled:
    memory = PhysicalMemory(RAM_FRAMES)
    board = Board(memory, technique.levels, trace, vendor)
    cpu = _boot(board, program, bare_identity(vendor))
    cpu.mmu = HardwareMmu(memory, technique.levels, Tlb(), trace)
    cpu.load_cr3(cpu.cr3)
    return Assembled(board, [NativeEngine(board, cpu)], trace)


def _boot(board: Board, program: Program, identity: Identity) -> Cpu:
    """Load the program and put a CPU into the starting state, before any hardware walks."""
    loader = SoftwareMmu(board.memory, board.levels)
    cpu = board.add_cpu(loader, identity)
    load(board, program)
    boot(cpu, board.memory, program.entry, board.levels)
    return cpu


def _virtual_board(
    technique: Technique, program: Program, vendor: str, trace: Trace, signature: bytes
) -> tuple[Host, Board, Cpu]:
    """A host, and the guest's board on it, booted as bare hardware boots."""
    host = new_host()
    board = guest_board(host, technique.levels, trace, vendor)
    return host, board, _boot(board, program, hypervisor_identity(vendor, signature))


def _deprivileged(
    engine: type[DeprivilegedEngine],
) -> Callable[[Technique, Program, str, Trace], Assembled]:
    def build(technique: Technique, program: Program, vendor: str, trace: Trace) -> Assembled:
        host, board, cpu = _virtual_board(technique, program, vendor, trace, SIGNATURE)
        mmu = HardwareMmu(host.memory, technique.levels, Tlb(), trace)
        path = IoPath(trace)
        return Assembled(board, [engine(board, cpu, host, mmu, path)], trace, host)

    return build


def _hardware_assist(
    technique: Technique, program: Program, vendor: str, trace: Trace
) -> Assembled:
    host, board, cpu = _virtual_board(technique, program, vendor, trace, SIGNATURE)
    shadow = technique.mmu == "shadow"
    paging: NestedPaging | ShadowPaging
    if shadow:
        cpu.mmu = mmu = ShadowMmu(host.memory, technique.levels, Tlb(), trace)
        paging = ShadowPaging(
            mmu, host.memory, host.guest_memory, technique.levels, host.monitor_frame, trace
        )
    else:
        cpu.mmu = nested = NestedMmu(host.memory, technique.levels, Tlb(), trace, NESTED_LEVELS)
        paging = NestedPaging(nested, host.guest_memory, host.monitor_frame, trace)
    cpu.guard = host.oracle
    structure = _vmcb(host, shadow) if technique.cpu == "svm" else _vmcs(host, shadow)
    engine = HardwareAssistEngine(board, cpu, structure, paging, IoPath(trace))
    return Assembled(board, [engine], trace, host)


def _paravirtual(technique: Technique, program: Program, vendor: str, trace: Trace) -> Assembled:
    host = new_host()
    memory, levels = host.guest_memory, technique.levels
    long_mode = technique.build == "pv64"
    board = guest_board(host, levels, trace, vendor)
    load(board, program)
    top, table_frames = build_tables(memory, levels)
    write_start_info(memory, top, table_frames)
    if "hypercall_page" in program.labels:
        write_hypercall_page(memory, program.labels["hypercall_page"], long_mode)
    mmu = HardwareMmu(host.memory, levels, Tlb(), trace)
    cpu = board.add_cpu(mmu, bare_identity(vendor))
    region = MonitorRegion(host.memory, levels, host.monitor_frame)
    paging = DirectPaging(host.memory, levels, region.root_entry, mmu.flush, force_user=long_mode)
    root = memory.frame_of[top]
    assert root is not None
    paging.pin(root, levels - 1)
    paging.check_root(root)
    cpu.load_cr3(root << PAGE_SHIFT)
    gdt = host.monitor_frame()
    write_words(host.memory, gdt << PAGE_SHIFT, paravirtual_gdt())
    enter_domain(cpu, region.map(0, gdt), program.entry, long_mode)
    cpu.guard = host.oracle
    channels = EventChannels(memory)
    engine = ParavirtualEngine(
        board, cpu, 0, paging, channels, XenHypercalls(), long_mode=long_mode
    )
    return Assembled(board, [engine], trace, host)


def _vmcs(host: Host, shadow: bool) -> Vmcs:
    controls = Primary.HLT_EXITING | Primary.USE_IO_BITMAPS | Primary.USE_MSR_BITMAPS
    controls |= Primary.ENABLE_VPID
    if shadow:
        controls |= Primary.CR3_LOAD_EXITING | Primary.INVLPG_EXITING
    else:
        controls |= Primary.ENABLE_EPT
    structure = Vmcs(host.memory, host.monitor_frame, controls)
    for msr in PASSED_MSRS:
        structure.msrs.pass_through(msr)
    return structure


def _vmcb(host: Host, shadow: bool) -> Vmcb:
    intercepts = (
        Intercept.CPUID | Intercept.HLT | Intercept.IOIO_PROT | Intercept.MSR_PROT
        | Intercept.VMMCALL | Intercept.INVD | Intercept.XSETBV | Intercept.VIRTUALIZATION
    )  # fmt: skip
    if shadow:
        intercepts |= Intercept.INVLPG
    else:
        intercepts |= Intercept.NESTED_PAGING
    structure = Vmcb(host.memory, host.monitor_frame, intercepts)
    for msr in PASSED_MSRS:
        structure.msrs.pass_through(msr)
    for number in (0, 4):
        structure.intercept_control_register(number, write=True)
    if shadow:
        structure.intercept_control_register(3, write=True)
    return structure


BUILDERS: Final[Mapping[str, Callable[[Technique, Program, str, Trace], Assembled]]] = (
    MappingProxyType(
        {
            "native": _native,
            "trap_emulate": _deprivileged(TrapEmulateEngine),
            "binary_translation": _deprivileged(BinaryTranslationEngine),
            "vmx": _hardware_assist,
            "svm": _hardware_assist,
            "hypercall": _paravirtual,
        }
    )
)
