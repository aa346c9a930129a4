"""The engine's counts beside those that Linux's drivers made on QEMU's device models, row by row.

Rows are read from data/measured/*.csv, as its README tells. A row recorded the same in
every repeat is held to its numbers. The others depend on the host's timing: how many
interrupts fall together differs from repeat to repeat, what each of them costs does
not. For those a device has laws, linear in the number of interrupts, that the record
and the engine both have to keep.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.device_counts import DeviceCounts, counted

FOLDER: Final = Path(__file__).parent.parent / "data" / "measured"
WHERE: Final = "virtdocs/data/measured"
REFERENCE: Final = "device-counts"  # the file that every host compares with
EQUAL: Final = "equal"
STRUCTURE: Final = "structure"
DIFFERS: Final = "differs"
COLUMNS: Final = ("reg_reads", "reg_writes", "virtio_kicks", "guest_device_irqs")
DISK_WORK: Final = {
    "dr": "disk_read", "dw": "disk_write", "df": "disk_flush", "dqr": "disk_read",
}  # fmt: skip
# Controllers that QEMU 7.2 lets send within the register write that asks for it (hw/net:
# rtl8139_cplus_transmit, pcnet_transmit, vmxnet3_process_tx_queue): their sending takes no
# guest time. virtio-net sends from a bottom half, and e1000's interrupts wait for a timer.
SENDS_AT_ONCE: Final = frozenset({"rtl8139", "pcnet", "vmxnet3"})
# A column is the median of the repeats by itself, to three decimals; a law puts several
# columns together, one of them up to eleven times.
SLACK: Final = Fraction(5, 100)


@dataclass(frozen=True, slots=True)
class Counts:
    """One operation's register reads and writes, kicks, and interrupts of the device."""

    reads: Fraction
    writes: Fraction
    kicks: Fraction
    interrupts: Fraction

    @property
    def exits(self) -> Fraction:
        """What traps where nothing takes a notification off the way."""
        return self.reads + self.writes + self.kicks


@dataclass(frozen=True, slots=True)
class Law:
    """``low <= reads * r + writes * w + kicks * k + interrupts * i <= high``."""

    reads: int = 0
    writes: int = 0
    kicks: int = 0
    interrupts: int = 0
    low: int | None = 0
    high: int | None = 0

    def holds(self, counts: Counts) -> bool:
        """Whether these counts keep it, within `SLACK`."""
        found = (
            self.reads * counts.reads
            + self.writes * counts.writes
            + self.kicks * counts.kicks
            + self.interrupts * counts.interrupts
        )
        above = self.low is None or found >= self.low - SLACK
        below = self.high is None or found <= self.high + SLACK
        return above and below


NO_REGISTERS: Final = (Law(reads=1), Law(writes=1))
LAWS: Final[Mapping[str, tuple[Law, ...]]] = MappingProxyType(
    {
        # Three reads and two writes an interrupt; a tail for what is sent, and a tail for each
        # interrupt that handed receive buffers back (e1000_clean_rx_irq).
        "e1000": (
            Law(reads=1, interrupts=-3),
            Law(writes=1, interrupts=-2, low=1, high=None),
            Law(writes=1, interrupts=-3, low=None, high=1),
        ),
        # One poll; two reads and a write for what was sent, four and four for what came
        # (cp_interrupt, cp_rx_poll): with either number of interrupts taken out.
        "rtl8139": (Law(reads=-3, writes=2, interrupts=4, low=2, high=2),),
        # Each register is two accesses (pcnet32_interrupt, pcnet32_poll).
        "pcnet": (
            Law(reads=1, interrupts=-3),
            Law(writes=1, interrupts=-11, low=2, high=2),
        ),
        # The producer, and a mask an interrupt.
        "vmxnet3": (Law(reads=1), Law(writes=1, interrupts=-1, low=1, high=1)),
        # At most one kick, no register.
        "virtio-net": (*NO_REGISTERS, Law(kicks=1, low=0, high=1)),
        # Two registers a command, five accesses an interrupt.
        "ahci": (
            Law(reads=1, interrupts=-3),
            Law(writes=1, interrupts=-2, low=2, high=2),
        ),
        # The request, a read for each reply, and one that ends an interrupt (mpt_interrupt).
        "lsilogic": (Law(reads=1, interrupts=-1, low=1, high=1), Law(writes=1, low=1, high=1)),
        # The one register that says that there is something.
        "pvscsi": (Law(reads=1), Law(writes=1, low=1, high=1)),
    }
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row: where it is from, what was done, what was counted, and whether always the same.

    ``source`` is the record's citation key; ``accelerator`` and ``module`` are QEMU's, the
    latter "" but for KVM.
    """

    file: str
    source: str
    kind: str  # disk | net | con
    device: str
    workload: str  # as the file spells it
    counts: Counts
    exact: bool
    qemu: str
    guest_kernel: str
    accelerator: str
    module: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A row beside the engine's counts: `EQUAL`, `STRUCTURE` (each law of the device holds on
    both sides) or `DIFFERS`."""

    row: Recorded
    engine: Counts
    verdict: str


@lru_cache(maxsize=1)
def recorded() -> tuple[Recorded, ...]:
    """Every row of every file, in the files' order, the reference first."""
    with (FOLDER / "provenance.toml").open("rb") as file:
        known = tomllib.load(file)
    found: list[Recorded] = []
    for path in sorted(FOLDER.glob("*.csv")):
        if path.stem not in known:
            raise VirtdocsError(WHERE, f"provenance.toml says nothing of {path.name}")
        rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        found += [_row(path.stem, row, known[path.stem]) for row in rows]
    return tuple(found)


def _row(file: str, row: Mapping[str, str], known: Mapping[str, str]) -> Recorded:
    counts = Counts(*(Fraction(row[column]) for column in COLUMNS))
    said = {
        name: row.get(name) or known.get(name, "")
        for name in ("qemu", "guest_kernel", "accelerator", "module")
    }
    exact = row["exact"] == "yes"
    return Recorded(
        file, known["source"], row["kind"], row["device"], row["workload"], counts, exact, **said
    )


def work(row: Recorded) -> tuple[str, dict[str, int]]:
    """Workload and parameters for a row's workload as the file spells it."""
    kind, *numbers = row.workload.split(":")
    if kind == "con":
        return "console_line", {"ops": 1}
    if kind == "tx":
        at_once = {"latency": 0} if row.device in SENDS_AT_ONCE else {}
        return "net_tx", {"ops": 64, **at_once}
    if kind == "pp":
        replies = int(numbers[0])
        shape = {} if replies == 1 else {"replies": replies}
        return ("net_burst" if shape else "net_pingpong"), {"ops": 2, **shape}
    given = {name: int(n) for name, n in zip(("size", "depth"), numbers, strict=False)}
    # One batch: the counts of a part of one are not linear.
    return DISK_WORK[kind], {"ops": given.get("depth", 1), **given}


def engine(row: Recorded, technique: str = "native") -> Counts:
    """The engine's counts for a row: registers and rings are the same under every technique."""
    workload, params = work(row)
    return of(counted(workload, row.device, tuple(params.items()), technique))


def of(found: DeviceCounts) -> Counts:
    """The columns that a record has."""
    return Counts(*map(Fraction, (found.reads, found.writes, found.kicks, found.interrupts)))


def compare(row: Recorded) -> Compared:
    """One row beside the engine."""
    ours = engine(row)
    if ours == row.counts:
        verdict = EQUAL
    else:
        laws = LAWS.get(row.device, ())
        kept = bool(laws) and all(law.holds(one) for law in laws for one in (ours, row.counts))
        verdict = STRUCTURE if kept and not row.exact else DIFFERS
    return Compared(row, ours, verdict)


def comparison(kinds: Iterable[str]) -> tuple[Compared, ...]:
    """The rows of these kinds (disk, net, con), each beside the engine."""
    wanted = set(kinds)
    return tuple(compare(row) for row in recorded() if row.kind in wanted)
