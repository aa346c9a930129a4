"""The oracle below the monitors sees what translated code touches."""

from __future__ import annotations

import pytest

from tests.fast.compare import workload
from virtdocs.experiments.machines import assemble
from virtdocs.machine.registers import RBX
from virtdocs.trace import Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import Outcome, OutcomeKind, run
from virtdocs.vmm.host import NEIGHBOUR, OracleViolation


@pytest.mark.parametrize(
    "technique_name", ["trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32"]
)
def test_a_frame_that_changes_hands_while_it_is_in_use_is_noticed(technique_name: str) -> None:
    preset, program = workload("cpu", technique_name, 20_000)
    machine = assemble(preset, program, "intel", Trace())
    cores = fast_cores(machine.board, machine.engines)
    host = machine.host
    assert host is not None
    outcome = run(machine.board, machine.engines, 40_000, cores)
    assert outcome.kind is OutcomeKind.BUDGET
    assert machine.board.translated > 30_000
    assert machine.engines[0].cpu.regs[RBX]
    # Give every frame of the guest to its neighbour, and tell the memory as allocate does.
    for frame, owner in list(host.memory.owners.items()):
        if owner == "guest":
            host.memory.owners[frame] = NEIGHBOUR
    host.monitor_frame()
    with pytest.raises(OracleViolation):
        raise_or_return(run(machine.board, machine.engines, 90_000, cores))


def raise_or_return(outcome: Outcome) -> Outcome:
    """The run itself is what may raise."""
    return outcome
