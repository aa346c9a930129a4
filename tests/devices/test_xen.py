"""Xen's split block driver: the same work in every mode, and grants that hold."""

from __future__ import annotations

import pytest

from virtdocs.devices.disk import Disk, format_disk
from virtdocs.devices.xen_blk import XenBlk
from virtdocs.devices.xen_ring import GRANT_TABLE, STORE, DriverDomain
from virtdocs.errors import BadValue
from virtdocs.experiments.run import run
from virtdocs.machine.board import Board
from virtdocs.machine.memory import Page

MODES = ("xen_pv32", "xen_pv64", "xen_pvhvm", "xen_pvh")
RING, DATA = 0x10, 0x11  # frames


@pytest.mark.parametrize("workload", ["disk_read", "disk_write", "disk_flush"])
@pytest.mark.parametrize("params", [{}, {"depth": 8}, {"size": 65_536}, {"size": 1536}], ids=str)
def test_every_mode_does_the_same_work_with_one_event_each_way(
    workload: str, params: dict[str, str | int]
) -> None:
    elsewhere = run(workload, "native", io="virtio-blk", params={"ops": 8, **params})
    events = 1 / int(params.get("depth", 1))
    for mode in MODES:
        result = run(workload, mode, params={"ops": 8, **params})
        assert (result.device, result.outcome) == ("xen-blk", "halted")
        assert result.result_hash == elsewhere.result_hash
        hypercalls = result.counts_per_op["hypercall"]
        assert isinstance(hypercalls, dict)
        assert hypercalls["event_channel_op"] == events
        assert result.counts_per_op["device_irq"] == events
        assert result.counts_per_op["device_access"] == {}


@pytest.mark.parametrize("workload", ["net_pingpong", "net_burst"])
def test_a_packet_is_one_event_there_and_one_for_each_batch_that_comes_back(workload: str) -> None:
    params = {"ops": 40, "size": 1512}
    elsewhere = run(workload, "native", io="virtio-net", params=params)
    for mode in MODES:
        result = run(workload, mode, params=params)
        assert (result.device, result.outcome) == ("xen-net", "halted")
        assert result.result_hash == elsewhere.result_hash
        hypercalls = result.counts_per_op["hypercall"]
        assert isinstance(hypercalls, dict)
        assert hypercalls["event_channel_op"] == 1
        assert result.counts_per_op["device_irq"] == 2


@pytest.mark.parametrize(
    ("technique", "device"),
    [("native", "xen-blk"), ("kvm_virtio", "xen-blk"), ("xen_pv64", "ide-dma"),
     ("xen_pvh", "virtio-blk"), ("xen_pv32", "e1000")],
)  # fmt: skip
def test_a_device_that_a_technique_cannot_have_is_bad_input(technique: str, device: str) -> None:
    with pytest.raises(BadValue):
        run("disk_read", technique, io=device)


def test_a_pvhvm_guest_may_have_emulated_devices_too() -> None:
    result = run("disk_read", "xen_pvhvm", io="ide-dma", params={"ops": 2})
    assert result.outcome == "halted"
    assert result.counts_per_op["device_access"] == {"read": 13, "write": 13}


def test_more_requests_than_the_ring_holds_are_bad_input() -> None:
    with pytest.raises(BadValue, match="32 parts"):
        run("disk_read", "xen_pvh", params={"depth": 32, "size": 65_536})


class FrontEnd:
    """A front end that fills in what it likes."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.told: list[int] = []
        format_disk(board)
        domain = DriverDomain(board, self.frame, self.told.append)
        self.back_end = XenBlk(domain, Disk(board, 0))
        self.grant(1, RING)
        board.dma.store(STORE, 8, 4)
        board.dma.store(STORE + 8, 8, 1)
        board.dma.store((RING << 12) + 4, 4, 1)
        board.dma.store((RING << 12) + 12, 4, 1)

    def frame(self, number: int) -> Page | None:
        """All frames but the last are the guest's."""
        return self.board.memory.page(number) if number < self.board.memory.frames - 1 else None

    def grant(self, reference: int, frame: int, flags: int = 1, domain: int = 0) -> None:
        """Write a grant table entry."""
        entry = flags | domain << 16 | frame << 32
        self.board.dma.store(GRANT_TABLE + 8 * reference, 8, entry)

    def write(self, reference: int, first: int = 0, last: int = 0, produced: int = 1) -> int | None:
        """Ask to read sector 0 into a granted page; the status that comes back."""
        at = (RING << 12) + 64
        self.board.dma.write(at, bytes((0, 1)).ljust(24, b"\0"))
        self.board.dma.store(at + 24, 8, reference | first << 32 | last << 40)
        self.board.dma.store(RING << 12, 4, produced)
        self.back_end.event(5)
        self.board.agenda.run_due()
        responded = self.board.dma.load((RING << 12) + 8, 4)
        return self.board.dma.load(at + 10, 2) if responded else None


def test_a_granted_page_is_read_into_and_the_front_end_is_told(board: Board) -> None:
    one = FrontEnd(board)
    one.grant(9, DATA)
    board.disk[:8] = b"contents"
    assert one.write(9) == 0
    assert board.dma.read(DATA << 12, 8) == b"contents"
    assert one.told == [5]


@pytest.mark.parametrize(
    "grant",
    [
        {"flags": 0},  # nothing granted
        {"flags": 5},  # to read only
        {"domain": 7},  # to somebody else
        {"frame": 4095},  # somebody else's frame
    ],
    ids=str,
)
def test_without_the_right_grant_a_request_fails_and_nothing_is_written(
    grant: dict[str, int], board: Board
) -> None:
    one = FrontEnd(board)
    one.grant(9, **{"frame": DATA, **grant})
    board.disk[:8] = b"contents"
    assert one.write(9) == 0xFFFF
    assert board.dma.read(DATA << 12, 8) == bytes(8)


@pytest.mark.parametrize(("first", "last"), [(3, 2), (0, 8), (200, 201)])
def test_sectors_beyond_the_page_fail(first: int, last: int, board: Board) -> None:
    one = FrontEnd(board)
    one.grant(9, DATA)
    assert one.write(9, first, last) == 0xFFFF


def test_a_front_end_that_claims_more_than_the_ring_holds_is_cut_off(board: Board) -> None:
    one = FrontEnd(board)
    assert one.write(9, produced=33) is None
    assert one.write(9, produced=1) is None
