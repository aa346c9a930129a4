"""QEMU's trace cut at the guest's marks: what happened in each window of work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from virtdocs.errors import BadValue

MARK_PORT: Final = 0xE9
BEGIN, END = ord("B"), ord("E")
MARKS: Final = "isa-debugcon"
KICKS: Final = "virtio-pci-notify"
# QEMU 7.2, softmmu/trace-events: memory_region_ops_read and _write.
_ACCESS: Final = re.compile(
    r"memory_region_ops_(?P<what>read|write) .* addr 0x(?P<address>[0-9a-f]+) "
    r"value 0x(?P<value>[0-9a-f]+) size \d+ name '(?P<region>.*)'"
)
WHERE: Final = "measure"


@dataclass(frozen=True, slots=True)
class Events:
    """Counts of a window, or per operation."""

    reads: Fraction
    writes: Fraction
    kicks: Fraction
    interrupts: Fraction

    @property
    def exits(self) -> Fraction:
        """What traps on a hypervisor without ioeventfd."""
        return self.reads + self.writes + self.kicks


@dataclass(frozen=True, slots=True)
class Window:
    """What was done between two marks, and what that took."""

    work: str
    ops: int
    events: Events
    lost: int  # replies that never came


def windows(log: Iterable[str], report: str, registers: Sequence[str]) -> list[Window]:
    """The windows of a boot; ``registers`` are the beginnings of the device's region names.

    BadValue where log and report do not speak of the same windows.
    """
    counted = list(_cut(log, registers))
    lines = [line.split() for line in report.splitlines() if line != "done"]
    if len(counted) != len(lines):
        raise BadValue(WHERE, f"{len(counted)} windows in the log, {len(lines)} in the report")
    found = []
    for counts, (work, ops, interrupts, lost) in zip(counted, lines, strict=True):
        reads, writes, kicks = (Fraction(counts[key]) for key in ("read", "write", "kick"))
        events = Events(reads, writes, kicks, Fraction(interrupts))
        found.append(Window(work, int(ops), events, int(lost)))
    return found


def _cut(log: Iterable[str], registers: Sequence[str]) -> Iterator[Counter[str]]:
    current: Counter[str] | None = None
    for line in log:
        found = _ACCESS.search(line)
        if found is None:
            continue
        region = found["region"]
        if region == MARKS and int(found["address"], 16) == MARK_PORT:
            mark = int(found["value"], 16)
            if mark == END and current is not None:
                yield current
            current = Counter() if mark == BEGIN else None
        elif current is not None and region.startswith(tuple(registers)):
            current["kick" if region.startswith(KICKS) else found["what"]] += 1


def per_op(found: Sequence[Window]) -> dict[str, list[Events]]:
    """(c(2N) − c(N)) / N for each pair of windows, by work.

    A pair in which a frame was lost is left out; BadValue where that leaves none.
    """
    result: dict[str, list[Events]] = {one.work: [] for one in found}
    for once, twice in zip(found[::2], found[1::2], strict=True):
        if once.work != twice.work or twice.ops != 2 * once.ops:
            raise BadValue(WHERE, f"{once.work} and {twice.work} are no pair of windows")
        if once.lost or twice.lost:
            continue
        a, b = once.events, twice.events
        each = Events(
            (b.reads - a.reads) / once.ops,
            (b.writes - a.writes) / once.ops,
            (b.kicks - a.kicks) / once.ops,
            (b.interrupts - a.interrupts) / once.ops,
        )
        result[once.work].append(each)
    for work, each_pair in result.items():
        if not each_pair:
            raise BadValue(WHERE, f"{work}: frames were lost in every window")
    return result
