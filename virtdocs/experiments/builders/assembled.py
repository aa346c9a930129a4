"""What every builder returns, and the parts that several share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.techniques import Technique
from virtdocs.guest.program import Program
from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu, Identity
from virtdocs.machine.firmware import boot
from virtdocs.machine.memory import Memory, write_physical
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.trace import Trace
from virtdocs.vmm.acceleration import hardware_mmu
from virtdocs.vmm.exit_loop import Engine
from virtdocs.vmm.frame_reclaim import FrameReclaim
from virtdocs.vmm.host import Host, guest_board, new_host
from virtdocs.vmm.identity import hypervisor_identity
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.pvh_boot import enter_pvh
from virtdocs.vmm.shadow_paging import ShadowPaging, ShadowView

SECOND_CPU: Final = "start_ap"  # a program that has this label runs on two CPUs


@dataclass(frozen=True, slots=True)
class Assembled:
    """A machine ready to run. ``host`` is None on bare hardware."""

    board: Board
    engines: Sequence[Engine]
    trace: Trace
    host: Host | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be put together."""

    technique: Technique
    program: Program
    vendor: str
    trace: Trace
    options: MachineOptions = USUAL

    @property
    def entries(self) -> tuple[int, ...]:
        """Where each CPU starts."""
        labels = self.program.labels
        second = (labels[SECOND_CPU],) if SECOND_CPU in labels else ()
        return (self.program.entry, *second)


Builder = Callable[[Order], Assembled]


def owned(board: Board, engines: Sequence[Engine], trace: Trace, host: Host) -> Assembled:
    """A machine whose memory is a host's, who may take single frames back."""
    pagings: list[NestedPaging | ShadowPaging] = []
    for engine in engines:
        paging = getattr(engine, "paging", None)
        if isinstance(paging, ShadowView):
            pagings.append(paging.shared)
        elif isinstance(paging, NestedPaging):
            pagings.append(paging)
    board.reclaim = FrameReclaim(host, board, pagings, [hardware_mmu(one) for one in engines])
    return Assembled(board, engines, trace, host)


def load(board: Board, program: Program) -> None:
    """Copy the program into the guest's memory."""
    for address, data in program.chunks:
        if not write_physical(board.memory, address, data):
            raise ValueError(f"{program.name}: no memory at {address:#x}")


Start = Callable[[Cpu, Memory, int, int, bool], None]
# By the boot axis: firmware, or a domain builder that enters the kernel directly.
STARTS: Final[Mapping[str, Start]] = MappingProxyType({"bios": boot, "pv": enter_pvh})


def boot_cpus(board: Board, order: Order, identity: Identity) -> list[Cpu]:
    """Load the program and put each CPU into the starting state, before any hardware walks."""
    load(board, order.program)
    cpus = []
    for entry in order.entries:
        cpu = board.add_cpu(SoftwareMmu(board.memory, board.levels), identity)
        start = STARTS[order.technique.boot]
        start(cpu, board.memory, entry, board.levels, order.options.guest_large)
        cpus.append(cpu)
    return cpus


def virtual_board(order: Order) -> tuple[Host, Board, list[Cpu]]:
    """A host, and the guest's board on it, started as the technique starts it."""
    host = new_host(in_a_row=order.options.nested_large)
    board = guest_board(host, order.technique.levels, order.trace, order.vendor)
    identity = hypervisor_identity(order.vendor, order.technique.signature)
    return host, board, boot_cpus(board, order, identity)
