"""Run one guest under several techniques and say what differs; shrink a guest that does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.properties.random_guest import RandomGuest
from virtdocs.experiments.machines import Assembled, assemble
from virtdocs.experiments.techniques import technique
from virtdocs.machine.board import different_state
from virtdocs.machine.cpu import Cpu
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import Engine, Outcome, run

OTHERS: Final = ("bt", "hw_shadow", "hw_nested", "qemu_tcg")
FAST: Final = ("native+fast", "bt+fast", "hw_shadow+fast", "hw_nested+fast")
BUDGET: Final = 3_000


@dataclass(slots=True)
class Observed:
    """An engine that notes which instructions it ran."""

    engine: Engine
    names: set[str] = field(default_factory=set)

    @property
    def cpu(self) -> Cpu:
        """The inner engine's."""
        return self.engine.cpu

    @property
    def position(self) -> int:
        """The inner engine's."""
        return self.engine.position

    def boundary(self) -> None:
        """The inner engine's."""
        self.engine.boundary()

    def settle(self) -> None:
        """The inner engine's."""
        self.engine.settle()

    def run_one(self) -> None:
        """Run one instruction and note its name."""
        self.engine.run_one()
        running = self.engine.cpu.running
        if running is not None:
            self.names.add(running.spec.name)


@dataclass(frozen=True, slots=True)
class Ran:
    """A machine after its run."""

    machine: Assembled
    outcome: Outcome
    names: frozenset[str]

    @property
    def end(self) -> tuple[object, ...]:
        """What must be equal: how it ended, when, what it said, and the whole state."""
        board = self.machine.board
        return self.outcome, board.retired, board.agenda.now, board.console, board.state_hash()

    def faults(self) -> int:
        """How many exceptions the guest's kernel was given."""
        return self.machine.trace.total(EventKind.EXCEPTION)


def run_under(guest: RandomGuest, name: str, budget: int = BUDGET) -> Ran:
    """The guest under a technique, with as many levels of tables as it was made for.

    ``name`` may end in ``+fast``: then the fast core runs what it has translated, which is
    everything that runs twice.
    """
    base, _, core = name.partition("+")
    preset = replace(technique(base, guest.vendor), levels=guest.levels)
    machine = assemble(preset, guest.program, guest.vendor, Trace())
    if core:
        cores = fast_cores(machine.board, machine.engines, hot=2)
        return Ran(machine, run(machine.board, machine.engines, budget, cores), frozenset())
    engines = [Observed(engine) for engine in machine.engines]
    outcome = run(machine.board, engines, budget)
    return Ran(machine, outcome, frozenset().union(*(one.names for one in engines)))


def differences(guest: RandomGuest, native: Ran, name: str) -> list[str]:
    """What differs under a technique from the run on bare hardware; empty when nothing does."""
    other = run_under(guest, name)
    if other.end == native.end:
        return []
    mine, theirs = native.machine.board, other.machine.board
    found = [f"{name}: {native.outcome} / {other.outcome}"] * (native.outcome != other.outcome)
    found += [f"{name}: retired {mine.retired} / {theirs.retired}"]
    return found + [f"{name}: {what}" for what in different_state(mine, theirs)]


def shrink(guest: RandomGuest, wrong: Callable[[RandomGuest], bool]) -> RandomGuest:
    """Leave out as many pieces as can be left out while ``wrong`` still holds."""
    gone: set[int] = set()
    step = max(len(guest.pieces) // 2, 1)
    while step:
        for start in range(0, len(guest.pieces), step):
            tried = gone | set(range(start, min(start + step, len(guest.pieces))))
            if tried != gone and wrong(guest.without(tried)):
                gone = tried
        step //= 2
    return guest.without(gone)


def listing(guest: RandomGuest, addresses: Sequence[int]) -> list[str]:
    """The text of the instructions at these addresses."""
    from virtdocs.guest.disassembler import instruction_at, text_of

    lines = []
    for address in addresses:
        ins = instruction_at(guest.program, address)
        lines.append(f"{address:#x}: {text_of(ins) if ins is not None else '?'}")
    return lines
