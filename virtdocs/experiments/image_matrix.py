"""Which image runs where: every build that an image has, booted under every preset.

Nothing here is looked up in a table of what should work. A build that boots, runs a
program and ends with exit code 0 runs; what else may happen is a fault with the vector
named (a kernel that meets a privileged instruction in ring 1 or 3), a kernel that gives
up by itself, or an endless loop that the budget ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.devices import DEFAULTS
from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import TECHNIQUES, Technique, technique
from virtdocs.guest.images import IMAGES, Image
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, build

# Boot, a program, a few system calls, the end: what every kernel must manage.
WORKLOAD: Final = "syscall"
OPS: Final = 4
STEPS: Final = 50_000
DONE: Final = "exit code 0"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One build under one preset."""

    build: str
    outcome: str  # halted | hung | fault | budget
    detail: str

    @property
    def runs(self) -> bool:
        """Whether the program came to its end and the kernel to its own."""
        return self.outcome == "halted" and self.detail == DONE


@dataclass(frozen=True, slots=True)
class Cell:
    """One image under one preset: all its builds."""

    image: str
    technique: str
    attempts: tuple[Attempt, ...]
    paravirtual_devices: bool  # the preset offers such, and the image has or can have drivers

    @property
    def runs(self) -> bool:
        """Whether any of the image's builds runs."""
        return any(attempt.runs for attempt in self.attempts)

    @property
    def unmodified(self) -> bool:
        """Whether the build for bare hardware runs."""
        return any(attempt.runs for attempt in self.attempts if attempt.build == "native")

    @property
    def builds(self) -> tuple[str, ...]:
        """The builds that run."""
        return tuple(attempt.build for attempt in self.attempts if attempt.runs)


def attempt(port: str, preset: Technique, vendor: str = "intel") -> Attempt:
    """Boot one build under a preset, whatever the preset is made for."""
    program = program_for(port, preset)
    outcome = execute(preset, program, vendor, STEPS).outcome
    return Attempt(port, str(outcome.kind), outcome.detail)


def program_for(port: str, preset: Technique) -> Program:
    """The build, for the preset's depth of page tables if it can have that."""
    possible = BUILDS[port].levels
    levels = preset.levels if preset.levels in possible else possible[0]
    return build(WORKLOAD, port, ops=OPS, levels=levels)


def cell(image: Image, name: str, vendor: str = "intel") -> Cell:
    """One image under one preset."""
    preset = technique(name, vendor)
    tried = tuple(attempt(port, preset, vendor) for port in image.builds)
    return Cell(image.name, name, tried, image.pv_drivers and preset.io in PARAVIRTUAL)


def image_matrix(vendor: str = "intel") -> tuple[Cell, ...]:
    """Every image under every preset, each build booted once for each preset."""
    return tuple(_cells(vendor))


def _cells(vendor: str) -> Iterator[Cell]:
    for name in TECHNIQUES:
        preset = technique(name, vendor)
        tried = {port: attempt(port, preset, vendor) for port in BUILDS}
        for image in IMAGES.values():
            attempts = tuple(tried[port] for port in image.builds)
            yield Cell(image.name, name, attempts, image.pv_drivers and preset.io in PARAVIRTUAL)


# The values of the io axis whose devices no driver for real hardware knows.
PARAVIRTUAL: Final = frozenset(DEFAULTS) - {"native", "passthrough", "emulated"}
