"""A guest that tries to reach what is not its own, one try in a run (``images/escape.s``).

Below every monitor an oracle looks at the owner of each frame, port and MSR that a guest's
instruction reaches (`vmm/host.py`). A try that it sees is *out*; so is one that leaves its mark
on the neighbour, or the neighbour's secret with the guest. Everything else was kept in, by a
refusal, by a fault, or because the number that the guest used means something of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.assembler import assemble as assemble_text
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, source
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.machine.firmware import TABLES_ADDRESS
from virtdocs.trace import Trace
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.host import NEIGHBOUR, NEIGHBOUR_FRAMES, SECRET, Host, OracleViolation
from virtdocs.vmm.monitor_region import region_base

IMAGE: Final = "escape.s"
WINDOW: Final = 0x40_0000  # a page of the guest's, in the tables that it starts with
BUDGET: Final = 2_000
NEIGHBOURS: Final = 3  # one of the neighbour's frames
MONITORS: Final = NEIGHBOUR_FRAMES + RAM_FRAMES  # the host's first frame behind the guest's
SWITCHES: Final = ("MAP", "WRITE", "ROOT", "REGION", "PORT")


@dataclass(frozen=True, slots=True)
class Try:
    """What is tried, on which frame of the host's."""

    switches: tuple[str, ...]
    frame: int = NEIGHBOURS


TRIES: Final[Mapping[str, Try]] = MappingProxyType(
    {
        "read_neighbour": Try(("MAP",)),
        "write_neighbour": Try(("MAP", "WRITE")),
        "read_monitor": Try(("MAP",), MONITORS),
        "write_monitor": Try(("MAP", "WRITE"), MONITORS),
        "foreign_root": Try(("ROOT",)),
        "monitor_region": Try(("REGION",)),
        "host_port": Try(("PORT",)),
    }
)


@dataclass(frozen=True, slots=True)
class Tried:
    """How one try ended: ``out`` says what was reached, "" when nothing was."""

    what: str
    ending: str
    out: str


def tries(name: str) -> tuple[Tried, ...]:
    """Every try under a technique that has a host; UnknownName for the technique."""
    preset = technique(name)
    return tuple(_one(what, preset) for what in TRIES)


def program(what: str, preset: Technique) -> Program:
    """The guest of one try, as the technique's kernel would have to do it."""
    chosen = TRIES[what]
    constants = {
        **BUILDS[preset.build].constants,
        **{switch: int(switch in chosen.switches) for switch in SWITCHES},
        "WINDOW": WINDOW,
        "FRAME": chosen.frame,
        "TABLES": TABLES_ADDRESS,
        "REGION_BASE": region_base(preset.levels) - (1 << 64),
    }
    return assemble_text(source(IMAGE), IMAGE, constants=constants)


def _one(what: str, preset: Technique) -> Tried:
    machine = assemble(preset, program(what, preset), "intel", Trace())
    if machine.host is None:
        raise ValueError(f"{preset.name} has no host to protect")
    try:
        ending = run(machine.board, machine.engines, BUDGET).detail
    except OracleViolation as reached:
        return Tried(what, "", str(reached))
    return Tried(what, ending, _damage(machine, machine.host))


def _damage(machine: Assembled, host: Host) -> str:
    """What the neighbour lost or the guest has learnt, "" for nothing."""
    neighbours = (frame for frame, owner in host.memory.owners.items() if owner == NEIGHBOUR)
    for frame in neighbours:
        if set(host.memory.page(frame) or [SECRET]) != {SECRET}:
            return f"frame {frame:#x} of the neighbour was written"
    if any(SECRET in cpu.regs for cpu in machine.board.cpus):
        return "the neighbour's secret is in a register"
    return ""
