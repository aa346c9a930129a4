"""A few lines of guest code under a technique, and what its trace says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.machines import assemble as put_together
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.board import Board, different_state
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.exit_loop import Outcome, run

BUDGET = 20_000
END = "\nend:\n    out 0xf4, al\n"
EQUAL = ("bt", "hw_shadow", "hw_nested", "qemu_tcg")


@dataclass(frozen=True, slots=True)
class Done:
    """A machine after its run."""

    machine: Assembled
    outcome: Outcome
    labels: Mapping[str, int]

    @property
    def board(self) -> Board:
        """The guest's board."""
        return self.machine.board

    @property
    def regs(self) -> list[int]:
        """The first CPU's registers."""
        return self.board.cpus[0].regs

    def counts(self, kind: EventKind) -> dict[str, int]:
        """Counts of one kind, by key."""
        return self.machine.trace.by_key(kind)

    def total(self, kind: EventKind) -> int:
        """How many events of a kind."""
        return self.machine.trace.total(kind)

    def word(self, label: str) -> int:
        """The guest's word at a label."""
        raw = read_physical(self.board.memory, self.labels[label], 8)
        assert raw is not None
        return int.from_bytes(raw, "little")


# Into ring 3 with interrupts on; the code that follows stands at ``user``.
TO_USER = """
    push 0x2b
    push 0x8c0000
    push 0x202
    push 0x33
    push user
    iret
.org 0x800000
user:
"""


def ready(
    text: str,
    name: str,
    *,
    levels: int | None = None,
    vendor: str = "intel",
    record: bool = False,
    options: MachineOptions = USUAL,
) -> tuple[Assembled, Mapping[str, int]]:
    """A machine with the program loaded, and the program's labels."""
    preset = technique(name, vendor)
    if levels is not None:
        preset = replace(preset, levels=levels)
    constants = {**BUILDS[preset.build].constants, "LEVELS": preset.levels}
    program = assemble(text + END, constants=constants)
    machine = put_together(preset, program, vendor, Trace(recording=record), options)
    return machine, program.labels


def go(
    text: str,
    name: str,
    *,
    levels: int | None = None,
    vendor: str = "intel",
    record: bool = False,
    budget: int = BUDGET,
    options: MachineOptions = USUAL,
) -> Done:
    """Run the program to its end."""
    machine, labels = ready(
        text, name, levels=levels, vendor=vendor, record=record, options=options
    )
    return Done(machine, run(machine.board, machine.engines, budget), labels)


def differences(
    text: str, name: str, *, levels: int | None = None, vendor: str = "intel", budget: int = BUDGET
) -> list[str]:
    """What differs from bare hardware at the end."""
    native, other = (
        go(text, one, levels=levels, vendor=vendor, budget=budget) for one in ("native", name)
    )
    found = list(different_state(native.board, other.board))
    if (native.outcome, native.board.agenda.now) != (other.outcome, other.board.agenda.now):
        found.append(f"{native.outcome} at {native.board.agenda.now} / {other.outcome}")
    return found
