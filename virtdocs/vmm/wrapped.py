"""An engine around another one: for those who watch a run without being part of it."""

from __future__ import annotations

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction
from virtdocs.vmm.exit_loop import Engine


class WrappedEngine:
    """Passes everything on; a watcher overrides ``run_one``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def cpu(self) -> Cpu:
        """The CPU as the guest sees it."""
        return self.engine.cpu

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""
        return self.engine.position

    def boundary(self) -> None:
        """As the engine does."""
        self.engine.boundary()

    def settle(self) -> None:
        """As the engine does."""
        self.engine.settle()

    def run_one(self, ins: Instruction | None = None) -> None:
        """As the engine does."""
        self.engine.run_one(ins)
