"""Run a hostile guest and say what it reached that is not its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tests.properties.hostile_guest import TECHNIQUES, HostileGuest
from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.machines import Assembled, assemble
from virtdocs.experiments.techniques import technique
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.exit_loop import Outcome, run
from virtdocs.vmm.host import NEIGHBOUR, SECRET

BUDGET: Final = 2_000


@dataclass(frozen=True, slots=True)
class Attacked:
    """A machine after a hostile guest."""

    machine: Assembled
    outcome: Outcome

    @property
    def faults(self) -> int:
        """Exceptions that the guest was given."""
        return self.machine.trace.total(EventKind.EXCEPTION)


def attack(guest: HostileGuest, budget: int = BUDGET, options: MachineOptions = USUAL) -> Attacked:
    """Let the guest run. Raises what the oracle raises; a monitor must raise nothing else.

    Every other guest over nested tables finds entries of 2 MiB in them, where they can have them.
    """
    preset = replace(technique(guest.technique, guest.vendor), levels=guest.levels)
    large = preset.mmu == "nested" and guest.seed // len(TECHNIQUES) % 2 == 1
    options = replace(options, nested_large=large and options.depth == 1)
    machine = assemble(preset, guest.program, guest.vendor, Trace(), options)
    return Attacked(machine, run(machine.board, machine.engines, budget))


def damage(machine: Assembled) -> list[str]:
    """What a guest did to its neighbour, or knows of it."""
    host, board = machine.host, machine.board
    assert host is not None
    found = []
    for frame, owner in host.memory.owners.items():
        if owner == NEIGHBOUR and set(host.memory.page(frame) or [SECRET]) != {SECRET}:
            found.append(f"frame {frame:#x} of the neighbour was written")
    for frame in board.memory.touched():
        if SECRET in (board.memory.page(frame) or ()):
            found.append(f"the neighbour's secret is in frame {frame:#x}")
    for number, cpu in enumerate(board.cpus):
        if SECRET in cpu.regs:
            found.append(f"the neighbour's secret is in a register of cpu {number}")
    return found
