"""The dirty log names every frame that was written, and costs one exit a frame and round."""

from __future__ import annotations

import pytest

from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import build
from virtdocs.machine.memory import GuestMemory
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.dirty_log import DirtyLog
from virtdocs.vmm.exit_loop import OutcomeKind, run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.nested_paging import NestedPaging

ROUND = 500  # instructions between two harvests
OPS = {"memory": 64, "fork": 8, "page_fault": 64, "context_switch": 8, "ipi": 10}


def machine(workload: str, vendor: str = "intel") -> Assembled:
    preset = technique("hw_nested", vendor)
    program = build(workload, preset.build, {}, OPS[workload], preset.levels)
    return assemble(preset, program, vendor, Trace())


def log_of(made: Assembled) -> DirtyLog:
    assert made.host is not None
    pagings = []
    for engine in made.engines:
        assert isinstance(engine, HardwareAssistEngine)
        assert isinstance(engine.paging, NestedPaging)
        pagings.append(engine.paging)
    return DirtyLog(made.host, pagings)


def frames_of(made: Assembled) -> list[tuple[int, ...]]:
    memory = made.board.memory
    assert isinstance(memory, GuestMemory)
    return [tuple(memory.page(frame) or ()) for frame in range(memory.frames)]


def rounds(made: Assembled, log: DirtyLog, fast: bool) -> list[tuple[set[int], set[int]]]:
    """Per round: frames whose contents changed, and frames that the log names."""
    found, before = [], frames_of(made)
    cores = fast_cores(made.board, made.engines) if fast else ()
    while True:
        outcome = run(made.board, made.engines, made.board.retired + ROUND, cores)
        after = frames_of(made)
        changed = {n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
        found.append((changed, set(log.harvest())))
        before = after
        if outcome.kind is not OutcomeKind.BUDGET:
            assert outcome.kind is OutcomeKind.HALTED
            return found


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "reference"])
@pytest.mark.parametrize("workload", OPS)
def test_whatever_changes_is_in_the_log(workload: str, fast: bool) -> None:
    made = machine(workload)
    log = log_of(made)
    log.start()
    found = rounds(made, log, fast)
    assert len(found) > 1
    for changed, logged in found:
        assert changed <= logged
    everything = set().union(*(logged for _, logged in found))
    assert len(everything) < made.board.memory.frames // 4  # it says which, not "all"


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("workload", ["memory", "fork"])
def test_the_guest_does_not_notice(workload: str, vendor: str) -> None:
    plain, watched = machine(workload, vendor), machine(workload, vendor)
    run(plain.board, plain.engines, 10_000_000)
    log = log_of(watched)
    log.start()
    rounds(watched, log, fast=False)
    assert watched.board.state_hash() == plain.board.state_hash()
    assert watched.board.agenda.now == plain.board.agenda.now


def test_a_frame_costs_one_exit_a_round() -> None:
    made = machine("memory")
    log = log_of(made)
    run(made.board, made.engines, 20_000)  # boot: every frame in use is mapped
    log.start()
    before = made.trace.by_key(EventKind.VM_EXIT).get("nested_fault", 0)
    run(made.board, made.engines, made.board.retired + ROUND)
    exits = made.trace.by_key(EventKind.VM_EXIT)["nested_fault"] - before
    assert exits == len(log.harvest())


def test_what_a_device_writes_is_noted_too() -> None:
    made = machine("memory")
    log = log_of(made)
    made.board.dma.followers.append(log)
    log.start()
    made.board.dma.write(0x700FF8, bytes(16))  # across a border
    assert log.harvest() == [0x700, 0x701]
    assert log.harvest() == []


def test_a_log_that_stopped_notes_nothing() -> None:
    made = machine("memory")
    log = log_of(made)
    log.start()
    log.stop()
    run(made.board, made.engines, 10_000)
    assert log.harvest() == []
