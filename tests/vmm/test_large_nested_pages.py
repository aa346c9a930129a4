"""Nested entries of 2 MiB: what they save, and when one has to be split."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.vmm.bench import BUDGET, go, ready
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machine_options import MachineOptions
from virtdocs.experiments.run import run as run_workload
from virtdocs.machine.paging import FRAME_MASK, LARGE, PRESENT, WRITABLE, index_at
from virtdocs.trace import EventKind
from virtdocs.vmm.dirty_log import DirtyLog
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.host import ForeignFrame
from virtdocs.vmm.nested_paging import NestedPaging

TOUCH = "mov rax, [0x400000]\n"
AGAIN = TOUCH + "invlpg [0x400000]\n" + TOUCH
NEIGHBOUR = 0x401  # in the same 2 MiB
SMALL, LARGE_ONES = "4K", "2M"


def options(guest: str = SMALL, nested: str = LARGE_ONES) -> MachineOptions:
    return MachineOptions(guest_large=guest == LARGE_ONES, nested_large=nested == LARGE_ONES)


def nested(text: str = TOUCH) -> tuple[Assembled, NestedPaging]:
    machine, _ = ready(text, "hw_nested", options=options())
    engine = machine.engines[0]
    assert isinstance(engine, HardwareAssistEngine)
    assert isinstance(engine.paging, NestedPaging)
    return machine, engine.paging


def directory_entry(paging: NestedPaging, frame: int) -> int:
    """The nested entry of the 2 MiB around a guest frame."""
    memory, table = paging.mmu.memory, paging.root
    for level in range(paging.mmu.nested_levels - 1, 0, -1):
        page = memory.page(table)
        assert page is not None
        entry = page[index_at(frame << 12, level)]
        table = (entry & FRAME_MASK) >> 12
    return entry


def last_entry(paging: NestedPaging, frame: int) -> int:
    """The nested entry of one guest frame, which has a table of 4 KiB entries."""
    page = paging.mmu.memory.page((directory_entry(paging, frame) & FRAME_MASK) >> 12)
    assert page is not None
    return page[frame & 511]


@pytest.mark.parametrize(
    ("guest", "nested_page", "references"),
    [("4K", "4K", 24), ("4K", "2M", 19), ("2M", "4K", 19), ("2M", "2M", 15)],
)
def test_a_warm_miss_reads_what_the_levels_that_are_walked_say(
    guest: str, nested_page: str, references: int
) -> None:
    how = options(guest, nested_page)
    once = go(TOUCH + "nop\nnop\n", "hw_nested", options=how).total(EventKind.WALK_REFS)
    n, m = (4 - (size == LARGE_ONES) for size in (guest, nested_page))
    assert references == (n + 1) * (m + 1) - 1
    assert go(AGAIN, "hw_nested", options=how).total(EventKind.WALK_REFS) - once == references


def test_2_mib_cost_one_exit_and_one_entry_that_the_hardware_sees_as_large() -> None:
    machine, paging = nested(TOUCH + "mov rax, [0x401000]\nmov [0x5ff000], rax\n")
    run(machine.board, machine.engines, BUDGET)
    entry = directory_entry(paging, 0x400)
    host = paging.guest.frame_of[0x400]
    assert entry & LARGE
    assert host is not None
    assert (entry & FRAME_MASK) >> 12 == host
    assert host % 512 == 0
    exits = machine.trace.by_key(EventKind.VM_EXIT)
    assert exits["nested_fault"] == machine.trace.total(EventKind.NESTED_FILL) == 2


@pytest.mark.parametrize(
    ("guest", "nested_page", "misses"),
    [("4K", "4K", 4), ("4K", "2M", 4), ("2M", "4K", 4), ("2M", "2M", 1)],
)
def test_the_smaller_of_both_pages_decides_how_far_an_entry_of_the_tlb_reaches(
    guest: str, nested_page: str, misses: int
) -> None:
    touch = "".join(f"mov rax, [{0x400000 + 0x1000 * n:#x}]\n" for n in range(4))
    filled = touch + "mov rdx, cr3\nmov cr3, rdx\n"
    how = options(guest, nested_page)
    plain = go(filled + "nop\n" * 4, "hw_nested", options=how).total(EventKind.TLB_MISS)
    assert go(filled + touch, "hw_nested", options=how).total(EventKind.TLB_MISS) - plain == misses


@pytest.mark.parametrize(("nested_page", "misses"), [(SMALL, 2), (LARGE_ONES, 1)])
def test_invlpg_of_any_address_forgets_the_guest_s_large_page_whatever_maps_it(
    nested_page: str, misses: int
) -> None:
    touch = TOUCH + "mov rbx, [0x401000]\n"
    how = options(LARGE_ONES, nested_page)
    kept, forgotten = (
        go(touch + between + touch, "hw_nested", options=how).total(EventKind.TLB_MISS)
        for between in ("nop\n", "invlpg [0x5ff000]\n")
    )
    assert forgotten == kept + misses


def taken_back(machine: Assembled, paging: NestedPaging) -> None:
    assert machine.board.reclaim is not None
    machine.board.reclaim.take([NEIGHBOUR])


def mapped_elsewhere(machine: Assembled, paging: NestedPaging) -> None:
    paging.assign(NEIGHBOUR)


def logged(machine: Assembled, paging: NestedPaging) -> None:
    assert machine.host is not None
    DirtyLog(machine.host, [paging]).start()


@pytest.mark.parametrize("split", [taken_back, mapped_elsewhere, logged])
def test_an_entry_is_split_where_one_of_its_frames_is_wanted_alone(
    split: Callable[[Assembled, NestedPaging], None],
) -> None:
    machine, paging = nested()
    assert paging.fill(0x400)
    split(machine, paging)
    assert not directory_entry(paging, 0x400) & LARGE
    writable = last_entry(paging, 0x400) & WRITABLE
    assert bool(writable) is (split is not logged)
    behind = last_entry(paging, 0x5FF)
    assert (behind & FRAME_MASK) >> 12 == paging.guest.frame_of[0x5FF]
    assert bool(last_entry(paging, NEIGHBOUR) & PRESENT) is (split is not taken_back)
    assert paging.fill(NEIGHBOUR)  # what was split stays so
    assert not directory_entry(paging, 0x400) & LARGE


@pytest.mark.parametrize("owner", ["somebody", "monitor"])
def test_2_mib_with_a_frame_of_somebody_else_are_mapped_one_by_one(owner: str) -> None:
    machine, paging = nested()
    assert machine.host is not None
    host_frame = paging.guest.frame_of[NEIGHBOUR]
    assert host_frame is not None
    machine.host.memory.owners[host_frame] = owner
    assert paging.fill(0x400)
    assert not directory_entry(paging, 0x400) & LARGE
    assert not paging.fill(NEIGHBOUR)


def test_only_the_look_at_each_owner_keeps_the_guest_from_a_frame_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_neighbour() -> None:
        machine, paging = nested(TOUCH + "mov rax, [0x401000]\n")
        host_frame = paging.guest.frame_of[NEIGHBOUR]
        assert machine.host is not None
        assert host_frame is not None
        machine.host.memory.owners[host_frame] = "somebody"
        run(machine.board, machine.engines, BUDGET)

    read_neighbour()
    monkeypatch.setattr(NestedPaging, "owns", lambda self, frame: True)
    with pytest.raises(ForeignFrame, match="owned by somebody"):
        read_neighbour()


def test_frames_that_do_not_lie_in_a_row_are_mapped_one_by_one() -> None:
    _, paging = nested()
    frames = paging.guest.frame_of
    frames[0x400], frames[0x401] = frames[0x401], frames[0x400]
    assert paging.fill(0x400)
    assert not directory_entry(paging, 0x400) & LARGE


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("workload", ["page_fault", "fork", "tlb_miss", "ipi"])
def test_both_cores_count_alike_and_the_guest_ends_as_with_small_ones(
    workload: str, vendor: str
) -> None:
    size: dict[str, str | int] = {"guest_page": "2M", "nested_page": "2M"}
    ops = {"ops": 256 if workload == "tlb_miss" else 8}
    results = [
        run_workload(workload, "hw_nested", vendor=vendor, params={**ops, **size}, core=core)
        for core in ("fast", "reference")
    ]
    assert results[0].counts == results[1].counts
    assert results[0].state_hash == results[1].state_hash
    native = run_workload(workload, "native", params={**ops, "guest_page": "2M"})
    assert results[0].state_hash == native.state_hash
    plain = run_workload(workload, "hw_nested", vendor=vendor, params=ops)
    assert results[0].result_hash == plain.result_hash
    assert results[0].counts["nested_fill"] < plain.counts["nested_fill"]
