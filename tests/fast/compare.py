"""One guest on both cores: everything that has to be equal, and how much was translated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from virtdocs.devices.registry import DeviceType, Options
from virtdocs.experiments.devices import attach, device_for
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.board import Board
from virtdocs.trace import Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import run

BUDGET = 200_000
SOON = 1  # translate what runs for the second time: most of a short guest


@dataclass(frozen=True, slots=True)
class Plugged:
    """A device on the board, and how it is set up."""

    kind: DeviceType
    options: Options


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished run."""

    board: Board
    equal: dict[str, Any]

    @property
    def share(self) -> float:
        """How much of it was translated code."""
        return self.board.translated / max(self.board.retired, 1)


def ran(preset: Technique, program: Program, *, hot: int | None, vendor: str = "intel",
        budget: int = BUDGET, device: Plugged | None = None) -> Ran:  # fmt: skip
    """Run on the fast core, or on the reference core when ``hot`` is None."""
    trace = Trace()
    machine = assemble(preset, program, vendor, trace)
    board = machine.board
    if device is not None:
        attach(machine, preset, device.kind, device.options)
    cores = fast_cores(board, machine.engines, hot) if hot is not None else ()
    outcome = run(board, machine.engines, budget, cores)
    equal = {
        "outcome": outcome,
        "instructions": board.retired,
        "virtual time": board.agenda.now,
        "disturbed": board.disturbed,
        "faults": board.faults,
        "counts": {key: n for key, n in trace.counts.items() if n},
        "system calls": [cpu.system_calls for cpu in board.cpus],
        "state": board.state_hash(),
        "result": board.result_hash(program.result),
    }
    return Ran(board, equal)


def differences(preset: Technique, program: Program, *, hot: int = SOON, vendor: str = "intel",
                budget: int = BUDGET,
                device: Plugged | None = None) -> dict[str, tuple[Any, Any]]:  # fmt: skip
    """What the fast core has otherwise than the reference core; empty when all is equal."""
    one = ran(preset, program, hot=None, vendor=vendor, budget=budget, device=device)
    return unequal(one, ran(preset, program, hot=hot, vendor=vendor, budget=budget, device=device))


def unequal(one: Ran, other: Ran) -> dict[str, tuple[Any, Any]]:
    """What two runs do not agree on, by name."""
    return {
        key: (value, other.equal[key])
        for key, value in one.equal.items()
        if value != other.equal[key]
    }


def workload(name: str, technique_name: str, ops: int, **params: int) -> tuple[Technique, Program]:
    """A technique, and the image of a workload that it runs."""
    preset = technique(technique_name)
    return preset, build(name, preset.build, params, ops, preset.levels)


def device_workload(
    name: str, technique_name: str, ops: int, io: str | None = None
) -> tuple[Technique, Program, Plugged]:
    """The same for a workload that uses a device: the technique's own, or the one named."""
    preset = technique(technique_name)
    found = WORKLOADS[name]
    kind = device_for(preset, found.device, io)
    program = build(name, preset.build, {}, ops, preset.levels, kind.drivers)
    return preset, program, Plugged(kind, found.constants(found.checked_params({})))
