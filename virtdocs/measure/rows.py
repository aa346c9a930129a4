"""Counts per operation as rows of a CSV file, and how they agree with rows of another one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.measure.windows import WHERE, Events

STORED: Final = Path(__file__).parent.parent / "data" / "measured"
REFERENCE: Final = STORED / "device-counts.csv"
COUNTS: Final = ("reg_reads", "reg_writes", "virtio_kicks", "guest_device_irqs")
COLUMNS: Final = (
    "kind", "device", "workload", "repeats", "exits_per_op", "exits_per_op_min",
    "exits_per_op_max", *COUNTS, "exact", "qemu", "guest_kernel", "accelerator", "module",
)  # fmt: skip

Row = Mapping[str, str]


def row(kind: str, device: str, work: str, repeats: Sequence[Events], host: Row) -> dict[str, str]:
    """One row; ``host`` holds the last four columns.

    A count is the median of the repeats, and ``exact`` when all of them are the same.
    """
    exits = [one.exits for one in repeats]
    counts = zip(
        COUNTS,
        (
            median(one.reads for one in repeats),
            median(one.writes for one in repeats),
            median(one.kicks for one in repeats),
            median(one.interrupts for one in repeats),
        ),
        strict=True,
    )
    return {
        "kind": kind,
        "device": device,
        "workload": work,
        "repeats": str(len(repeats)),
        "exits_per_op": _text(median(exits)),
        "exits_per_op_min": _text(min(exits)),
        "exits_per_op_max": _text(max(exits)),
        **{name: _text(value) for name, value in counts},
        "exact": "yes" if len(set(repeats)) == 1 else "no",
        **host,
    }


def _text(value: Fraction) -> str:
    """As short as it is exact enough: 26, 0.125, 4.467."""
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


def written(rows: Iterable[Row]) -> str:
    """The CSV file's text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; BadValue when it cannot be read."""
    try:
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise BadValue(WHERE, f"{path}: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A row beside the stored one: ``same`` is None where either depends on the host's timing."""

    device: str
    workload: str
    ours: str
    stored: str
    same: bool | None


def agreement(rows: Iterable[Row], stored: Iterable[Row]) -> list[Agreement]:
    """For each row that is stored too: whether its counts are the same."""
    known = {(one["device"], one["workload"]): one for one in stored}
    found = []
    for one in rows:
        other = known.get((one["device"], one["workload"]))
        if other is None:
            continue
        exact = one["exact"] == other["exact"] == "yes"
        same = all(float(one[name]) == float(other[name]) for name in COUNTS)
        verdict = same if exact else None
        counts = _counts(one), _counts(other)
        found.append(Agreement(one["device"], one["workload"], *counts, verdict))
    return found


def _counts(one: Row) -> str:
    return " ".join(f"{float(one[name]):g}" for name in COUNTS)
