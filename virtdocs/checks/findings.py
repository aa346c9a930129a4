"""A finding: what a gate has against one line of one file."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend; ``file`` is relative to the checkout, ``line`` 1-based."""

    file: str
    line: int
    gate: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.gate}] {self.message}"

    def as_json(self) -> dict[str, str | int]:
        """The keys of ``virtdocs check --json``."""
        return asdict(self)
