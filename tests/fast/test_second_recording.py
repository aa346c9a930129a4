"""A trace that does not fit what runs is recorded once more."""

from __future__ import annotations

from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble as assemble_text
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.registers import RBX
from virtdocs.machine.translate.dispatcher import HOT, TRIAL, FastCore
from virtdocs.trace import Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import run

ROUNDS = 8 * TRIAL * HOT
# Every second round goes the other way.
PATHS = f"""
start:
    mov rcx, {ROUNDS}
again:
    test rcx, 1
    je even
    add rbx, 3
    jmp next
even:
    inc rbx
next:
    dec rcx
    jne again
    out 0xf4, eax
"""


def _ran(text: str) -> tuple[FastCore, int]:
    program = assemble_text(text, "paths.s", constants=BUILDS["native"].constants)
    machine = assemble(technique("native"), program, "intel", Trace())
    (core,) = fast_cores(machine.board, machine.engines)
    assert core is not None
    run(machine.board, machine.engines, 1_000_000, [core])
    return core, machine.board.cpus[0].regs[RBX]


def _traces(core: FastCore) -> list[list[str]]:
    """The instructions of each trace."""
    return [
        [step.ins.mnemonic for step in trace.code.steps]
        for traces in core.traces.values() for trace in traces.values()
    ]  # fmt: skip


def test_a_trace_that_only_led_to_the_next_goes_through_it_the_second_time() -> None:
    core, sum_ = _ran(PATHS)
    assert sum_ == 2 * ROUNDS
    assert core.recorded_again
    assert any({"add", "inc"} <= set(trace) for trace in _traces(core))


def test_a_trace_that_fits_is_recorded_once() -> None:
    core, sum_ = _ran(PATHS.replace("je even", "jmp even"))
    assert sum_ == ROUNDS
    assert not core.recorded_again
    assert _traces(core) == [["inc", "dec", "jne", "test", "jmp"]]
