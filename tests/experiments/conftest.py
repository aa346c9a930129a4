"""Guest programs of a few lines, run under a preset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from virtdocs.experiments.run import Finished, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind

# A program ends with `jmp done`; what it leaves in the words at `result` is its answer.
EPILOGUE = """
done:
    out 0xf4, al
    .align 64
result: .zero 64
    .result result, 64
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program's end."""

    finished: Finished
    words: list[int]

    @property
    def outcome(self) -> str:
        """How it ended."""
        return str(self.finished.outcome.kind)

    def counts(self, kind: EventKind) -> dict[str, int]:
        """The counts of one kind, by key."""
        return self.finished.machine.trace.by_key(kind)


RunProgram = Callable[..., Ran]


def run_text(text: str, name: str, vendor: str = "intel", steps: int = 20_000) -> Ran:
    """Assemble and run; programs start as interface.md says, not by a domain builder."""
    preset = replace(technique(name, vendor), boot="bios")
    constants = {**BUILDS["native"].constants, "LEVELS": preset.levels}
    program = assemble(text + EPILOGUE, constants=constants)
    finished = execute(preset, program, vendor, steps)
    assert program.result is not None
    raw = read_physical(finished.machine.board.memory, *program.result) or b""
    words = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)]
    return Ran(finished, words)


@pytest.fixture
def run_program() -> RunProgram:
    """``run_program(text, technique, vendor)``."""
    return run_text
