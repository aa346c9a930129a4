"""Ring deprivileging: trap-and-emulate, and binary translation."""

from __future__ import annotations

from virtdocs.experiments.builders.assembled import Assembled, Builder, Order, owned, virtual_board
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.tlb import Tlb
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.monitor_region import MonitorRegion
from virtdocs.vmm.shadow_paging import ShadowPaging


def builder(engine: type[DeprivilegedEngine]) -> Builder:
    """The builder for one of the two engines."""

    def build(order: Order) -> Assembled:
        host, board, cpus = virtual_board(order)
        levels, trace = board.levels, order.trace
        shared = ShadowPaging(host.memory, host.guest_memory, levels, host.monitor_frame, trace)
        region = MonitorRegion(host.memory, levels, host.monitor_frame)
        engines = []
        for cpu in cpus:
            view = shared.view(HardwareMmu(host.memory, levels, Tlb(), trace))
            engines.append(
                engine(board, cpu, host, view, region, IoPath(trace, order.technique.device_model))
            )
        return owned(board, engines, trace, host)

    return build
