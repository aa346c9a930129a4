"""Give the engines of a machine the fast core: same events, counts and state, sooner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.memory import GuestMemory, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.translate.delivery import Delivery
from virtdocs.machine.translate.dispatcher import HOT, LONGEST, FastCore
from virtdocs.vmm.binary_translation import BinaryTranslationEngine
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.emulation import EmulationEngine
from virtdocs.vmm.exit_loop import Engine
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.native import NativeEngine
from virtdocs.vmm.translated_slots import SlotCore

# With several CPUs a trace has to fit well into a turn.
LONGEST_IN_A_TURN: Final = 24


def fast_cores(board: Board, engines: Sequence[Engine], hot: int = HOT) -> list[FastCore | None]:
    """A fast core for every engine whose CPU can have one; none while events are recorded."""
    longest = LONGEST if len(engines) == 1 else LONGEST_IN_A_TURN
    return [_core(board, engine, longest, hot) for engine in engines]


def hardware_mmu(engine: Engine) -> HardwareMmu:
    """The MMU that the guest's instructions run through."""
    cpu = engine.hardware if isinstance(engine, DeprivilegedEngine) else engine.cpu
    assert isinstance(cpu.mmu, HardwareMmu)
    return cpu.mmu


def _core(board: Board, engine: Engine, longest: int, hot: int) -> FastCore | None:
    if board.trace.recording or isinstance(engine, EmulationEngine):
        return None  # single steps are shown; or each block is the emulator's own business
    cpu = engine.hardware if isinstance(engine, DeprivilegedEngine) else engine.cpu
    mmu = hardware_mmu(engine)
    memory = mmu.memory.host if isinstance(mmu.memory, GuestMemory) else mmu.memory
    assert isinstance(memory, PhysicalMemory)
    if mmu.walk_cache is None:  # with one, no two walks read the same entries
        memory.mirrors.append(mmu.remember().known)
    if isinstance(engine, DeprivilegedEngine | HardwareAssistEngine):
        memory.mirrors.append(engine.monitor_mmu.remember().known)
    if isinstance(engine, BinaryTranslationEngine):
        return SlotCore(board, engine, mmu, memory, longest, hot)
    if not isinstance(engine, NativeEngine):
        return FastCore(board, cpu, mmu, memory, longest, hot, engine.run_one)
    # Where a hypervisor looks at the guest's memory while an interrupt waits, it has to be asked.
    plain = not isinstance(engine, HardwareAssistEngine) or type(engine.interface) is GuestInterface
    core = FastCore(
        board, cpu, mmu, memory, longest, hot, engine.run_one, engine.went_on, under_mask=plain
    )
    cpu.quick_delivery = Delivery(cpu, mmu, core.ring_views())
    return core
