"""What VMware's devices let their drivers leave out, where they say so: calls and producers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.link import Link
from virtdocs.devices.pvscsi import (
    BASE,
    COMMAND,
    COMMAND_DATA,
    COMMAND_STATUS,
    FAILED,
    KICK_RW_IO,
    SETUP_CALL_THRESHOLD,
    SETUP_RINGS,
    SETUP_WORDS,
    Pvscsi,
)  # fmt: skip
from virtdocs.devices.registry import DEVICES, DeviceType, Options
from virtdocs.devices.vmxnet3 import BASE as VMXNET3
from virtdocs.devices.vmxnet3 import RXPROD, TXPROD, Vmxnet3
from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.board import Board
from virtdocs.machine.memory import read_physical
from virtdocs.trace import Event, EventKind

OPS = 64


def registers(
    workload: str, device: str, make: Callable[[Board, Options], object], **params: int
) -> tuple[list[int], int]:
    """Where the guest's driver wrote, in order, and its program's second result."""
    found = DEVICES[device]
    watched = DeviceType(found.name, found.kind, found.about, found.drivers, make)
    program = build(workload, "native", params, OPS, 4, found.drivers)
    options = WORKLOADS[workload].constants(WORKLOADS[workload].checked_params(params))
    done = execute(
        technique("native"), program, "intel", 5_000_000, device=watched, options=options,
        record=True,
    )  # fmt: skip
    assert done.outcome.detail == "exit code 0"
    assert program.result is not None
    raw = read_physical(done.machine.board.memory, program.result[0] + 8, 8)
    assert raw is not None
    events: list[Event] = list(done.machine.trace.events)
    writes = [e for e in events if e.kind is EventKind.DEVICE_ACCESS and e.key == "write"]
    return [int(dict(e.detail)["at"]) for e in writes], int.from_bytes(raw, "little")


def adapter(offered: int) -> Callable[[Board, Options], object]:
    """A PVSCSI adapter that offers a threshold."""

    def plug(board: Board, options: Options) -> object:
        format_disk(board)
        return Pvscsi(board, Disk(board, options["latency"]), offered)

    return plug


@pytest.mark.parametrize(("offered", "calls"), [(0, OPS), (1, OPS), (4, OPS // 4)])
def test_a_pvscsi_driver_calls_once_for_as_many_as_may_wait(offered: int, calls: int) -> None:
    at, failed = registers("disk_read", "pvscsi", adapter(offered), depth=16, latency=100_000)
    kicks = at.count(BASE + KICK_RW_IO)
    assert failed == 0
    if offered == 4:
        # An idle adapter wants to be called for the first of each batch.
        assert OPS // 16 < kicks <= calls + OPS // 16
    else:
        assert kicks == calls


@pytest.mark.parametrize("offered", [2, 5, 32])
def test_requests_that_nobody_called_for_are_served_all_the_same(offered: int) -> None:
    for depth in (1, 3, 16):
        _, failed = registers("disk_read", "pvscsi", adapter(offered), depth=depth)
        assert failed == 0


def test_an_adapter_that_knows_no_threshold_says_so_and_a_hostile_page_is_survived() -> None:
    machines: list[Board] = []

    def plug(offered: int) -> Callable[[Board, Options], object]:
        def make(board: Board, options: Options) -> object:
            device = adapter(offered)(board, options)
            machines.append(board)
            return device

        return make

    for offered in (0, 4):
        registers("disk_read", "pvscsi", plug(offered))
        board = machines[-1]

        def put(register: int, value: int, size: int = 4, board: Board = board) -> None:
            board.bus.mmio_write(BASE + register, size, value)

        put(COMMAND, SETUP_CALL_THRESHOLD)
        known = board.bus.mmio_read(BASE + COMMAND_STATUS, 4) != FAILED
        assert known == bool(offered)
        put(COMMAND, SETUP_RINGS)
        for word in (1, 1, *((1 << 64) - 1 for _ in range(SETUP_WORDS - 2))):
            put(COMMAND_DATA, word, 8)
        put(COMMAND, SETUP_CALL_THRESHOLD)
        put(COMMAND_DATA, 1)
        put(KICK_RW_IO, 0)
        assert not board.dma.in_range(((1 << 64) - 1) << 12, 4)


def card(threshold: int, wants: bool) -> Callable[[Board, Options], object]:
    """A vmxnet3 that asks less often to be told of packets, or to be told of buffers."""

    def plug(board: Board, options: Options) -> object:
        return Vmxnet3(board, Link.of(board, options), threshold, wants)

    return plug


@pytest.mark.parametrize("threshold", [1, 4, 8])
def test_a_vmxnet3_driver_writes_its_producer_once_for_so_many_packets(threshold: int) -> None:
    at, _ = registers("net_tx", "vmxnet3", card(threshold, False))
    assert at.count(VMXNET3 + TXPROD) == OPS // threshold
    assert VMXNET3 + RXPROD not in at


@pytest.mark.parametrize(("wants", "told"), [(False, 0), (True, OPS // 16)])
def test_it_tells_of_buffers_given_back_only_where_the_device_asks(wants: bool, told: int) -> None:
    at, _ = registers("net_pingpong", "vmxnet3", card(1, wants))
    assert at.count(VMXNET3 + RXPROD) == told
    assert at.count(VMXNET3 + TXPROD) == OPS
