"""Full emulation: the guest's memory is a part of the host's, its MMU is software."""

from __future__ import annotations

from virtdocs.experiments.builders.assembled import Assembled, Order, owned, virtual_board
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.tlb import Tlb
from virtdocs.vmm.emulation import EmulationEngine


def build(order: Order) -> Assembled:
    """Each CPU with a TLB in software over the guest's own tables."""
    host, board, cpus = virtual_board(order)
    engines = []
    for cpu in cpus:
        cpu.mmu = HardwareMmu(host.guest_memory, board.levels, Tlb(), order.trace)
        cpu.load_cr3(cpu.cr3)
        engines.append(EmulationEngine(board, cpu))
    return owned(board, engines, order.trace, host)
