"""Xen's PV guests: the domain builder in place of firmware, hypercalls in place of traps."""

from __future__ import annotations

from virtdocs.experiments.builders.assembled import Assembled, Order, load, owned
from virtdocs.machine.board import Board, bare_identity
from virtdocs.machine.firmware import write_words
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.tlb import Tlb
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.domain_builder import (
    SHARED_INFO,
    build_tables,
    enter_domain,
    paravirtual_gdt,
    pv_hypercall_instruction,
    write_hypercall_page,
    write_start_info,
)
from virtdocs.vmm.event_channel import EventChannels
from virtdocs.vmm.host import Host, guest_board, new_host
from virtdocs.vmm.hypercall import XenHypercalls
from virtdocs.vmm.monitor_region import MonitorRegion
from virtdocs.vmm.paravirtual import ParavirtualEngine


def build(order: Order) -> Assembled:
    """A domain whose CPUs share page tables, event channels and the hypervisor's GDT."""
    host = new_host()
    board = guest_board(host, order.technique.levels, order.trace, order.vendor)
    long_mode = order.technique.build == "pv64"
    root = _domain(host, board, order, long_mode)
    region = MonitorRegion(host.memory, board.levels, host.monitor_frame)
    mmus = [HardwareMmu(host.memory, board.levels, Tlb(), order.trace) for _ in order.entries]

    def flush_all() -> None:
        for mmu in mmus:
            mmu.flush()

    paging = DirectPaging(
        host.memory, board.levels, region.root_entry, flush_all, force_user=long_mode
    )
    paging.pin(root, board.levels - 1)
    gdt = host.monitor_frame()
    write_words(host.memory, gdt << PAGE_SHIFT, paravirtual_gdt())
    gdt_address = region.map(0, gdt)
    shared_info = host.guest_memory.frame_of[SHARED_INFO >> PAGE_SHIFT]
    assert shared_info is not None
    host.kept.add(shared_info)
    channels = EventChannels(host.guest_memory)
    engines: list[ParavirtualEngine] = []
    for number, (entry, mmu) in enumerate(zip(order.entries, mmus, strict=True)):
        cpu = board.add_cpu(mmu, bare_identity(order.vendor))
        paging.check_root(root)
        cpu.load_cr3(root << PAGE_SHIFT)
        enter_domain(cpu, gdt_address, entry, long_mode)
        cpu.guard, cpu.resource_guard = host.oracle, host.resource_oracle
        engine = ParavirtualEngine(
            board, cpu, number, paging, channels, XenHypercalls(), long_mode=long_mode
        )
        engine.neighbours = engines
        engines.append(engine)
    return owned(board, engines, order.trace, host)


def _domain(host: Host, board: Board, order: Order, long_mode: bool) -> int:
    """Fill the domain's memory; the machine frame of its top table."""
    memory = host.guest_memory
    load(board, order.program)
    top, table_frames = build_tables(memory, board.levels)
    write_start_info(memory, top, table_frames)
    page = order.program.labels.get("hypercall_page")
    if page is not None:
        write_hypercall_page(memory, page, pv_hypercall_instruction(long_mode))
    root = memory.frame_of[top]
    assert root is not None
    return root
