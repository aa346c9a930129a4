"""Every disk does what the program asked, and its counts follow size, depth and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest

from virtdocs.devices.disk import SECTORS, format_disk
from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.board import SECTOR_BYTES, Board
from virtdocs.machine.memory import PhysicalMemory, read_physical
from virtdocs.trace import Trace

DISKS = [name for name, device in DEVICES.items() if device.kind == "disk" and device.bus == "pc"]
Words = tuple[int, int]


def finished(workload: str, device: str, ops: int, **params: str | int) -> tuple[Board, Words]:
    """A run on bare hardware: the board, and the program's two results."""
    found = WORKLOADS[workload]
    program = build(workload, "native", params, ops, 4, DEVICES[device].drivers)
    done = execute(
        technique("native"), program, "intel", 5_000_000, device=DEVICES[device],
        options=found.constants(found.checked_params(params)),
    )  # fmt: skip
    assert done.outcome.detail == "exit code 0"
    assert program.result is not None
    raw = read_physical(done.machine.board.memory, program.result[0], 16)
    assert raw is not None
    board = done.machine.board
    return board, (int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little"))


def starts(ops: int, size: int, depth: int) -> list[int]:
    """First sectors of a program's requests, batch by batch (guest/images/disk.s)."""
    found, sector, step = [], 0, size // SECTOR_BYTES
    while ops:
        batch = min(depth, ops)
        found += [sector + step * n for n in range(batch)]
        sector += step * batch
        ops -= batch
        if sector > SECTORS - depth * step:
            sector = 0
    return found


@pytest.mark.parametrize("device", DISKS)
@pytest.mark.parametrize("params", [{}, {"size": 1536, "depth": 3}, {"size": 65_536}], ids=str)
def test_what_is_read_is_what_is_on_the_disk(device: str, params: dict[str, int]) -> None:
    size, depth = params.get("size", 4096), params.get("depth", 1)
    _, (total, failures) = finished("disk_read", device, 7, **params)
    # The first word of a request is its first sector's number, the last one its last sector's.
    expected = sum(2 * first + size // SECTOR_BYTES - 1 for first in starts(7, size, depth))
    assert (total, failures) == (expected, 0)


@pytest.mark.parametrize("device", DISKS)
def test_what_is_written_is_on_the_disk_and_nothing_else_changes(device: str) -> None:
    board, (_, failures) = finished("disk_write", device, 5, size=1024, depth=2)
    assert failures == 0
    untouched = Board(PhysicalMemory(1), 4, Trace())
    format_disk(untouched)
    for number, sector in enumerate(starts(5, 1024, 2)):
        at = sector * SECTOR_BYTES
        word = (5 - number).to_bytes(8, "little")
        assert board.disk[at : at + 8] == board.disk[at + 1016 : at + 1024] == word
    end = 10 * SECTOR_BYTES
    assert board.disk[end:] == untouched.disk[end:]


def access(workload: str, device: str, **params: str | int) -> tuple[Fraction | int, ...]:
    """Reads, writes, kicks and interrupts per request."""
    result = run(workload, "native", io=device, params=params)
    counts = result.counts_per_op
    registers = counts["device_access"]
    assert isinstance(registers, Mapping)
    kicks, interrupts = counts["kick"], counts["device_irq"]
    assert not isinstance(kicks, Mapping)
    assert not isinstance(interrupts, Mapping)
    return registers.get("read", 0), registers.get("write", 0), kicks, interrupts


# Each row follows from the driver's sequence and the device's rules, as the comment says.
CASES = (
    # 16 sectors between interrupts: 8 blocks; issue 5 + 8, each block 2 + 1 + 1 and 1, the last 1.
    ("disk_read", "ide-pio", {"size": 65_536, "ops": 1}, (16_384 + 5 + 8 * 4 + 1, 8 + 8, 0, 8)),
    ("disk_flush", "ide-pio", {"ops": 2}, (8, 4, 0, 1)),
    # A bus master moves any size with the same registers; the channel takes one at a time.
    ("disk_read", "ide-dma", {"size": 65_536, "ops": 2}, (13, 13, 0, 1)),
    ("disk_read", "ide-dma", {"depth": 8, "ops": 8}, (13, 13, 0, 1)),
    # Two registers start each queued command, one any other; five accesses end them together.
    ("disk_read", "ahci", {"size": 65_536, "ops": 2}, (3, 4, 0, 1)),
    ("disk_flush", "ahci", {"ops": 2}, (3, 3, 0, 1)),
    # A doorbell for the batch of commands, one for the batch of completions.
    ("disk_read", "nvme", {"size": 65_536, "ops": 2}, (0, 2, 0, 1)),
    ("disk_read", "nvme", {"depth": 8, "ops": 8}, (0, 2 / 8, 0, 1 / 8)),
    # A write posts each request; an interrupt reads each context, and the end (mpt_interrupt).
    ("disk_read", "lsilogic", {"size": 65_536, "ops": 2}, (2, 1, 0, 1)),
    ("disk_read", "lsilogic", {"vectors": "intx", "ops": 2}, (2, 1, 0, 1)),
    ("disk_flush", "lsilogic", {"ops": 2}, (2, 1, 0, 1)),
    # Each request is kicked; a line adds the question why, and its answer.
    ("disk_flush", "pvscsi", {"ops": 2}, (0, 1, 0, 1)),
    ("disk_read", "pvscsi", {"vectors": "intx", "ops": 2}, (1, 2, 0, 1)),
    ("disk_read", "virtio-scsi", {"depth": 8, "ops": 8}, (0, 0, 1 / 8, 1 / 8)),
    ("disk_read", "virtio-blk", {"size": 65_536, "ops": 2}, (0, 0, 1, 1)),
    ("disk_read", "virtio-blk", {"depth": 8, "vectors": "intx", "ops": 8},
     (0.125, 0, 0.125, 0.125)),
    ("disk_flush", "virtio-blk", {"ops": 2}, (0, 0, 1, 1)),
    ("disk_flush", "virtio-scsi", {"vectors": "intx", "ops": 2}, (1, 0, 1, 1)),
    ("disk_read", "virtio-scsi", {"size": 65_536, "ops": 2}, (0, 0, 1, 1)),
    # These have the same handler for a line and for a message.
    ("disk_read", "ahci", {"vectors": "intx", "ops": 2}, (3, 4, 0, 1)),
    ("disk_read", "nvme", {"vectors": "intx", "ops": 2}, (0, 2, 0, 1)),
    ("disk_flush", "nvme", {"vectors": "intx", "ops": 2}, (0, 2, 0, 1)),
    ("disk_read", "pvscsi", {"size": 65_536, "depth": 2, "ops": 4}, (0, 1, 0, 1)),
)  # fmt: skip


@pytest.mark.parametrize(("workload", "device", "params", "expected"), CASES, ids=str)
def test_size_depth_and_vectors_change_counts_for_their_reason(
    workload: str, device: str, params: dict[str, str | int], expected: tuple[float, ...]
) -> None:
    assert access(workload, device, **params) == expected


def test_ahci_answers_any_number_of_completions_with_five_accesses() -> None:
    reads, writes, _, interrupts = access("disk_read", "ahci", depth=8, ops=8)
    assert interrupts < 1
    assert (reads, writes) == (3 * interrupts, 2 + 2 * interrupts)


def test_lsilogic_reads_once_for_each_request_and_once_more_for_each_interrupt() -> None:
    for depth in (1, 4, 32):
        reads, writes, _, interrupts = access("disk_read", "lsilogic", depth=depth, ops=depth)
        assert (reads, writes) == (1 + interrupts, 1)
    assert interrupts < 1
