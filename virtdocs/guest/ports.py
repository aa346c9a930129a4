"""The port of the kernel to a PV hypervisor, as a diff: what the `.if`s of the text choose."""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass
from typing import Final

from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, KERNEL, WORKLOADS, build

# The kernel is the same in every workload; this one is built to get at it.
ANY_WORKLOAD: Final = next(iter(WORKLOADS))
CONTEXT_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file of the kernel. Counts leave out blank lines and lines of comment only."""

    file: str
    removed: int
    added: int
    kept: int
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortDifference:
    """A port against the native build with the same depth of page tables."""

    port: str
    levels: int
    files: tuple[FileDifference, ...]

    @property
    def removed(self) -> int:
        """Lines of the native kernel that the port does not have."""
        return sum(file.removed for file in self.files)

    @property
    def added(self) -> int:
        """Lines that only the port has."""
        return sum(file.added for file in self.files)

    @property
    def kept(self) -> int:
        """Lines that both have."""
        return sum(file.kept for file in self.files)


def port_diff(port: str = "pv32") -> PortDifference:
    """What changes in the kernel's text from the native build to ``port``."""
    levels = BUILDS[port].levels[0] if port in BUILDS else 0
    ported = build(ANY_WORKLOAD, port, levels=levels)
    native = build(ANY_WORKLOAD, "native", levels=levels)
    return PortDifference(port, levels, tuple(_difference(file, native, ported) for file in KERNEL))


def _difference(file: str, native: Program, ported: Program) -> FileDifference:
    before, after = _lines(native, file), _lines(ported, file)
    diff = difflib.unified_diff(before, after, file, file, n=CONTEXT_LINES, lineterm="")
    removed = added = kept = 0
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, False).get_opcodes():
        gone, come = _significant(before[i1:i2]), _significant(after[j1:j2])
        if tag == "equal":
            kept += gone
        else:
            removed += gone
            added += come
    return FileDifference(file, removed, added, kept, tuple(diff))


def _lines(program: Program, file: str) -> list[str]:
    """The file's lines after `.if`; runs of blank lines count as one."""
    lines = [text.rstrip() for name, _, text in program.text if name == file]
    return [
        line
        for blank, run in itertools.groupby(lines, key=lambda line: not line)
        for line in ([""] if blank else run)
    ]


def _significant(lines: list[str]) -> int:
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith((";", "#")))
