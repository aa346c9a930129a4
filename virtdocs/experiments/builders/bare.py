"""Bare hardware."""

from __future__ import annotations

from virtdocs.experiments.builders.assembled import Assembled, Order, boot_cpus
from virtdocs.machine.board import RAM_FRAMES, Board, bare_identity
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.tlb import Tlb
from virtdocs.vmm.native import NativeEngine


def build(order: Order) -> Assembled:
    """The board itself: its memory is the guest's, its CPUs are nobody else's."""
    levels = order.technique.levels
    memory = PhysicalMemory(RAM_FRAMES)
    board = Board(memory, levels, order.trace, order.vendor)
    for cpu in boot_cpus(board, order, bare_identity(order.vendor)):
        cpu.mmu = HardwareMmu(memory, levels, Tlb(), order.trace)
        cpu.load_cr3(cpu.cr3)
    return Assembled(board, [NativeEngine(board, cpu) for cpu in board.cpus], order.trace)
