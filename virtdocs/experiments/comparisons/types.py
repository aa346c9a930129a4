"""The source's comparison of type 1 and type 2 hypervisors (its section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.comparisons.costs import COMPUTING, entries
from virtdocs.experiments.comparisons.guests import attempts
from virtdocs.experiments.comparisons.model import (
    Cell,
    Cells,
    Figure,
    Question,
    Verdict,
    count,
    degree,
)
from virtdocs.experiments.comparisons.said import said
from virtdocs.experiments.io_request import IoRequest, Path, follow
from virtdocs.trace import Party

TABLE: Final = "type_comparison"
# As the source files them; KVM, which it calls type 1 and others type 2, decides nothing.
TYPE_1: Final = ("xen_pvhvm", "hyperv", "esxi")
CONTESTED: Final = "kvm_virtio"
TYPE_2: Final = ("workstation",)
COLUMNS: Final = (*TYPE_1, CONTESTED, *TYPE_2)
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(TYPE_1, "type_1"),
        CONTESTED: "type_contested",
        **dict.fromkeys(TYPE_2, "type_2"),
    }
)
SAME_DISK: Final = "ide-dma"  # every product can show one
SOFTWARE: Final = (
    Party.HYPERVISOR, Party.DEVICE_MODEL, Party.DOM0, Party.ROOT_PARTITION, Party.HOST_KERNEL,
)  # fmt: skip
SYSTEMS: Final = frozenset(
    f"party.{party}" for party in (Party.DOM0, Party.ROOT_PARTITION, Party.HOST_KERNEL)
)


@lru_cache(maxsize=32)
def disk_write(name: str, io: str = "") -> IoRequest:
    """One write to the technique's own disk, or to a named one."""
    return follow(name, Path(name, io=io))


def on_the_way(name: str) -> tuple[str, ...]:
    """Software beside the guest's that a disk write comes through."""
    parties = disk_write(name).handovers
    return tuple(f"party.{party}" for party in SOFTWARE if party in parties)


def place(name: str) -> Cell:
    """Who stands between guest and disk, by name."""
    return Cell("on_the_way", {"parties": Figure(on_the_way(name))})


def placed(cells: Cells) -> Verdict:
    """No operating system beside the guests under type 1, one under type 2."""
    has = {name: bool(SYSTEMS & set(cells[name].words("parties"))) for name in cells}
    return degree((any(has[name] for name in TYPE_2), not any(has[name] for name in TYPE_1)))


def work(name: str) -> Cell:
    """Entries into the monitor when CPU and memory are used; handovers of a disk write."""
    entered = sum((entries(one, name) for one in COMPUTING), Fraction(0))
    figures = {
        "entries": count(entered),
        "own": Figure(_handovers(disk_write(name))),
        "same": Figure(_handovers(disk_write(name, SAME_DISK))),
    }
    return Cell("work", figures)


def _handovers(request: IoRequest) -> int:
    return sum(one.all for one in request.handovers.values())


def performance(cells: Cells) -> Verdict:
    """More of everything under type 2: entries, handovers, handovers with the same disk."""
    return degree(_more(cells, what) for what in ("entries", "own", "same"))


def security(name: str) -> Cell:
    """Tries that got out, and how many pieces of software a disk write leans on."""
    found = attempts(name)
    figures = {
        "out": Figure(sum(bool(one.out) for one in found)),
        "of": Figure(len(found)),
        "parties": Figure(len(on_the_way(name))),
    }
    return Cell("security", figures)


def secure(cells: Cells) -> Verdict:
    """More tries get out under type 2, and more software is trusted."""
    return degree(_more(cells, what) for what in ("out", "parties"))


def usage(name: str) -> Cell:
    """Where it is used, in an editor's opinion."""
    return said(TABLE, "r4", name)


def used(cells: Cells) -> Verdict:
    """Type 1 on servers only, type 2 on desktops only."""
    return _apart(cells, ("said.use_server",), ("said.use_desktop",))


def installation(name: str) -> Cell:
    """How it gets onto a machine, in an editor's opinion."""
    return said(TABLE, "r5", name)


def installed(cells: Cells) -> Verdict:
    """Type 1 wants the machine for itself, type 2 is an application."""
    return _apart(cells, ("said.install_own",), ("said.install_application",))


def second_cpu(name: str) -> Cell:
    """Entries into the monitor for an interrupt from one CPU of the guest to another."""
    return Cell("second_cpu", {"entries": count(entries("ipi", name))})


def scales(cells: Cells) -> Verdict:
    """A CPU more costs more entries under type 2."""
    return degree((_more(cells, "entries"),))


def price(name: str) -> Cell:
    """Whether it costs money, as its sources say."""
    return said(TABLE, "r7", name)


def priced(cells: Cells) -> Verdict:
    """Type 1 is paid for and type 2 is not; outdated once a type 1 is free."""
    paid = {name: cells[name].words("word") == ("said.cost_paid",) for name in cells}
    if all(paid[name] for name in TYPE_1) and not any(paid[name] for name in TYPE_2):
        return Verdict.HOLDS
    free = [name for name in TYPE_1 if cells[name].words("word") == ("said.cost_free",)]
    return Verdict.OUTDATED if free else Verdict.NOT


def _more(cells: Cells, what: str) -> bool:
    """Whether each type 2 has more of it than every type 1."""
    most = max(cells[name].number(what) for name in TYPE_1)
    return min(cells[name].number(what) for name in TYPE_2) > most


def _apart(cells: Cells, first: tuple[str, ...], second: tuple[str, ...]) -> Verdict:
    pairs = [(name, first) for name in TYPE_1] + [(name, second) for name in TYPE_2]
    return degree(cells[name].words("word") == expected for name, expected in pairs)


QUESTIONS: Final = (
    Question("r1", place, placed),
    Question("r2", work, performance),
    Question("r3", security, secure),
    Question("r4", usage, used),
    Question("r5", installation, installed),
    Question("r6", second_cpu, scales),
    Question("r7", price, priced),
)
