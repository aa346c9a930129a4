"""A trace cut at its marks, counts per operation, rows, and their agreement with others."""

from __future__ import annotations

import csv

import pytest

from virtdocs.errors import BadValue
from virtdocs.measure.rows import COLUMNS, REFERENCE, agreement, read, row, written
from virtdocs.measure.windows import per_op, windows

HOST = {"qemu": "7.2", "guest_kernel": "6.1", "accelerator": "tcg", "module": ""}


def access(what: str, address: int, value: int, region: str) -> str:
    return (
        f"memory_region_ops_{what} cpu 0 mr 0x55 addr {address:#x} value {value:#x} size 1"
        f" name '{region}'"
    )


def mark(letter: str) -> str:
    return access("write", 0xE9, ord(letter), "isa-debugcon")


def window_of(requests: int) -> list[str]:
    """A driver that reads one register for good, and two and a kick a request."""
    one = [
        access("read", 0xFE00, 1, "ahci"),
        access("write", 0xFE04, 1, "ahci"),
        access("write", 0xFF00, 0, "virtio-pci-notify-virtio-blk"),
        access("write", 0xFEE0_00B0, 0, "apic-msi"),
    ]
    return [mark("B"), access("read", 0xFE00, 1, "ahci"), *one * requests, mark("E")]


REGISTERS = ("ahci", "virtio-pci")
NOISE = [access("write", 0xE9, ord("x"), "isa-debugcon"), access("read", 0xFE00, 0, "ahci"), "?"]
LOG = [*NOISE, *window_of(4), *NOISE, *window_of(8)]


def test_what_lies_between_the_marks_is_counted_per_operation() -> None:
    found = windows(LOG, "dr:4096 4 4 0\ndr:4096 8 8 0\ndone\n", REGISTERS)
    assert [int(one.events.reads) for one in found] == [5, 9]
    [each] = per_op(found)["dr:4096"]
    # What happens once drops out of (c(2N) - c(N)) / N; the interrupt controller is nobody's.
    assert (each.reads, each.writes, each.kicks, each.interrupts) == (1, 1, 1, 1)
    assert each.exits == 3


@pytest.mark.parametrize(
    ("report", "complaint"),
    [
        ("dr:4096 4 4 0\ndone\n", "2 windows in the log, 1 in the report"),
        ("dr:4096 4 4 0\ndw:4096 8 8 0\ndone\n", "no pair"),
        ("dr:4096 4 4 0\ndr:4096 7 7 0\ndone\n", "no pair"),
    ],
)
def test_a_report_that_does_not_fit_the_log_is_no_measurement(report: str, complaint: str) -> None:
    with pytest.raises(BadValue, match=complaint):
        per_op(windows(LOG, report, REGISTERS))


def test_windows_in_which_a_frame_was_lost_do_not_count() -> None:
    lines = "pp:1 4 4 0\npp:1 8 8 {}\npp:1 4 4 {}\npp:1 8 8 0\ndone\n"
    [each] = per_op(windows(LOG * 2, lines.format(0, 1), REGISTERS))["pp:1"]
    assert each.interrupts == 1
    with pytest.raises(BadValue, match="frames were lost in every window"):
        per_op(windows(LOG * 2, lines.format(2, 1), REGISTERS))


def rows_of(*interrupts: tuple[int, int]) -> dict[str, str]:
    """The row of repeats with so many interrupts in their two windows."""
    log = LOG * len(interrupts)
    lines = "".join(f"dr:4096 4 {once} 0\ndr:4096 8 {twice} 0\n" for once, twice in interrupts)
    each = per_op(windows(log, f"{lines}done\n", REGISTERS))["dr:4096"]
    return row("disk", "ahci", "dr:4096", each, HOST)


def test_a_row_is_exact_when_all_repeats_are_the_same() -> None:
    assert rows_of((4, 8), (4, 8))["exact"] == "yes"
    uneven = rows_of((4, 8), (4, 7), (4, 8))
    assert (uneven["exact"], uneven["guest_device_irqs"], uneven["repeats"]) == ("no", "1", "3")


def test_rows_are_read_back_as_they_were_written(tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(written([rows_of((4, 8))]))
    assert read(path) == [rows_of((4, 8))]
    assert tuple(read(path)[0]) == COLUMNS
    with pytest.raises(BadValue, match="No such file"):
        read(tmp_path / "nothing.csv")


def test_exact_rows_agree_or_differ_and_others_depend_on_timing() -> None:
    stored = [{**rows_of((4, 8)), "reg_reads": "1.0"}]
    assert [one.same for one in agreement([rows_of((4, 8))], stored)] == [True]
    assert [one.same for one in agreement([rows_of((4, 12))], stored)] == [False]
    assert [one.same for one in agreement([rows_of((4, 8), (4, 7))], stored)] == [None]
    assert agreement([{**rows_of((4, 8)), "device": "new"}], stored) == []


def test_the_stored_rows_have_the_columns_that_are_compared() -> None:
    header = next(csv.reader(REFERENCE.read_text().splitlines()))
    assert set(header) <= set(COLUMNS)
