"""What a request costs, against what Linux's drivers cost on QEMU's device models, row by row.

The rows: virtdocs/data/measured/*.csv, recorded as its README tells.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest

import virtdocs
from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.run import run

FOLDER = Path(virtdocs.__file__).parent / "data" / "measured"
FILES = {
    path.stem: list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    for path in sorted(FOLDER.glob("*.csv"))
}
ROWS = [row for rows in FILES.values() for row in rows]
# A packet a time and no reply: how many of them share an interrupt depends on the host's timing,
# even where it was the same each time.
EXACT = [row for row in ROWS if row["exact"] == "yes" and row["workload"] != "tx"]
WORKLOADS = {
    "dr": "disk_read", "dw": "disk_write", "df": "disk_flush", "dqr": "disk_read",
    "con": "console_line",
}  # fmt: skip


def ours(row: Mapping[str, str]) -> tuple[str, dict[str, int]]:
    """Workload and parameters for a row's workload as the file spells it."""
    kind, *numbers = row["workload"].split(":")
    if kind == "tx":
        return "net_tx", {"ops": 64}
    if kind == "pp":
        replies = int(numbers[0])
        return ("net_pingpong", {}) if replies == 1 else ("net_burst", {"replies": replies})
    names = ("size", "depth")
    given = {name: int(n) for name, n in zip(names, numbers, strict=False)}
    # A long request of ide-pio is sixteen thousand accesses: a few of them say the same.
    return WORKLOADS[kind], {"ops": 4, **given} if given.get("size", 0) > 4096 else given


def counted(row: Mapping[str, str], technique: str) -> dict[str, Fraction | int]:
    """Our counts per operation for a row, under the names of its columns."""
    workload, params = ours(row)
    result = run(workload, technique, io=row["device"], params={"ops": 32, **params})
    assert result.outcome == "halted"
    per_op = result.counts_per_op
    access = per_op["device_access"]
    assert isinstance(access, Mapping)
    reads, writes, kicks = access.get("read", 0), access.get("write", 0), per_op["kick"]
    assert not isinstance(kicks, Mapping)
    assert not isinstance(per_op["device_irq"], Mapping)
    return {
        "reg_reads": reads,
        "reg_writes": writes,
        "virtio_kicks": kicks,
        "guest_device_irqs": per_op["device_irq"],
        "exits_per_op": reads + writes + kicks,
    }


def recorded(row: Mapping[str, str]) -> dict[str, Fraction]:
    """The row's own counts."""
    columns = ("reg_reads", "reg_writes", "virtio_kicks", "guest_device_irqs", "exits_per_op")
    return {column: Fraction(row[column]) for column in columns}


@pytest.mark.parametrize("technique", ["native", "hw_nested"])
@pytest.mark.parametrize(
    "row",
    [row for row in EXACT if row["device"] in DEVICES],
    ids=lambda row: f"{row['device']}-{row['workload']}",
)
def test_counts_equal_those_of_linux_on_qemu(row: dict[str, str], technique: str) -> None:
    assert counted(row, technique) == recorded(row)


def rows(device: str) -> list[dict[str, str]]:
    """A device's rows that depend on the host's timing, of the file that all hosts compare with."""
    reference = FILES["device-counts"]
    return [row for row in reference if row["exact"] == "no" and row["device"] == device]


@pytest.mark.parametrize("row", rows("e1000"), ids=lambda row: row["workload"])
def test_e1000_costs_two_tails_and_five_accesses_an_interrupt(row: dict[str, str]) -> None:
    here, there = counted(row, "hw_nested"), recorded(row)
    for counts, slack in ((here, Fraction(0)), (there, Fraction(3, 100))):
        interrupts = counts["guest_device_irqs"]
        assert abs(counts["reg_reads"] - 3 * interrupts) <= slack
        assert abs(counts["reg_writes"] - 2 - 2 * interrupts) <= slack


@pytest.mark.parametrize("row", rows("vmxnet3"), ids=lambda row: row["workload"])
def test_vmxnet3_costs_a_producer_and_a_mask_an_interrupt(row: dict[str, str]) -> None:
    for counts in (counted(row, "hw_nested"), recorded(row)):
        assert counts["reg_reads"] == 0
        assert counts["reg_writes"] == 1 + counts["guest_device_irqs"]


@pytest.mark.parametrize("row", rows("virtio-net"), ids=lambda row: row["workload"])
def test_virtio_net_kicks_once_and_touches_no_register(row: dict[str, str]) -> None:
    for counts in (counted(row, "hw_nested"), recorded(row)):
        assert (counts["virtio_kicks"], counts["exits_per_op"]) == (1, 1)


def test_every_device_of_the_files_is_modelled() -> None:
    assert {row["device"] for row in ROWS} <= set(DEVICES)
    assert len(FILES) > 1
    assert all(rows for rows in FILES.values())
