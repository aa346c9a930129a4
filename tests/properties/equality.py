"""Run one guest under several techniques and say what differs; shrink a guest that does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tests.properties.random_guest import RandomGuest
from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.machines import Assembled, assemble
from virtdocs.experiments.techniques import technique
from virtdocs.guest.disassembler import text_of
from virtdocs.machine.board import different_state
from virtdocs.machine.isa import INSTRUCTION_BYTES, Undecodable, decode
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import Engine, Outcome, run
from virtdocs.vmm.wrapped import WrappedEngine

MONITORS: Final = ("bt", "hw_shadow", "hw_nested", "hw_nested+2M")
FAST: Final = ("native+fast", "bt+fast", "hw_shadow+fast", "hw_nested+fast", "hw_nested+2M+fast")
BUDGET: Final = 3_000
Wrong = Callable[[RandomGuest], bool]


class Observed(WrappedEngine):
    """An engine that notes which instructions it ran."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.names: set[str] = set()

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


def run_under(
    guest: RandomGuest, name: str, budget: int = BUDGET, options: MachineOptions = USUAL
) -> Ran:
    """The guest under a technique, with as many levels of tables as it was made for.

    ``name`` may end in ``+2M``: then the monitor maps with nested entries of 2 MiB; and in
    ``+fast``: then the fast core runs what it has translated, which is everything that runs twice.
    """
    base, *how = name.split("+")
    preset = replace(technique(base, guest.vendor), levels=guest.levels)
    options = replace(options, nested_large="2M" in how)
    machine = assemble(preset, guest.program, guest.vendor, Trace(), options)
    if "fast" in how:
        cores = fast_cores(machine.board, machine.engines, hot=2)
        return Ran(machine, run(machine.board, machine.engines, budget, cores), frozenset())
    engines = [Observed(engine) for engine in machine.engines]
    outcome = run(machine.board, engines, budget)
    return Ran(machine, outcome, frozenset().union(*(one.names for one in engines)))


def differences(
    guest: RandomGuest, native: Ran, name: str, options: MachineOptions = USUAL
) -> list[str]:
    """What differs under a technique from the run on bare hardware; empty when nothing does."""
    other = run_under(guest, name, options=options)
    if other.end == native.end:
        return []
    mine, theirs = native.machine.board, other.machine.board
    found = [f"{name}: {native.outcome} / {other.outcome}"] * (native.outcome != other.outcome)
    found += [f"{name}: retired {mine.retired} / {theirs.retired}"]
    return found + [f"{name}: {what}" for what in different_state(mine, theirs)]


def shrink(guest: RandomGuest, wrong: Wrong) -> set[int]:
    """Numbers of the pieces that are still needed for ``wrong`` to hold."""
    gone: set[int] = set()
    step = max(len(guest.pieces) // 2, 1)
    while step:
        for start in range(0, len(guest.pieces), step):
            tried = gone | set(range(start, min(start + step, len(guest.pieces))))
            if tried != gone and wrong(guest.without(tried)):
                gone = tried
        step //= 2
    return set(range(len(guest.pieces))) - gone


def differs(guest: RandomGuest) -> bool:
    """Whether any technique differs from bare hardware."""
    native = run_under(guest, "native")
    return any(differences(guest, native, name) for name in MONITORS)


def explain(guest: RandomGuest, found: list[str], wrong: Wrong = differs) -> str:
    """What was found, and the pieces of the guest that matter, as text."""
    lines = [f"{guest.levels} levels, {guest.vendor}", *found]
    for number in sorted(shrink(guest, wrong)):
        lines.append("")
        for address in range(*guest.pieces[number], INSTRUCTION_BYTES):
            words = struct.unpack("<QQ", guest.program.bytes_at(address, INSTRUCTION_BYTES))
            try:
                text = text_of(decode(*words))
            except Undecodable:
                text = f".quad {words[0]:#x}, {words[1]:#x}"
            lines.append(f"{address:#x}  {text}")
    return "\n".join(lines)
