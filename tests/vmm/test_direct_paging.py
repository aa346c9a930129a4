"""Direct paging: types of frames, what is refused, and many updates for one transition."""

from __future__ import annotations

import pytest

from tests.vmm.bench import Done, go
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.paging import LARGE, PRESENT, USER, WRITABLE
from virtdocs.machine.registers import CR0_TS, RBP, RBX
from virtdocs.trace import EventKind
from virtdocs.vmm.direct_paging import TOP_SLOT, WRITABLE_TYPE, DirectPaging, Refused
from virtdocs.vmm.host import GUEST, NEIGHBOUR, NEIGHBOUR_FRAMES

XEN_ENTRY = 0x123 << PAGE_SHIFT | PRESENT | WRITABLE
READ_ONLY = PRESENT | USER
READ_WRITE = PRESENT | USER | WRITABLE


class Frames:
    """Eight frames of a guest's, one of a neighbour's, and the types of all."""

    def __init__(self, levels: int = 2) -> None:
        self.memory = PhysicalMemory(64)
        self.own = [self.memory.allocate(GUEST) for _ in range(8)]
        self.foreign = self.memory.allocate(NEIGHBOUR)
        self.flushes = 0
        self.paging = DirectPaging(self.memory, levels, XEN_ENTRY, self.flushed)

    def flushed(self) -> None:
        self.flushes += 1

    def put(self, frame: int, index: int, target: int, rights: int = READ_WRITE) -> None:
        """Write an entry as the guest does while the frame is plain memory."""
        page = self.memory.page(frame)
        assert page is not None
        page[index] = target << PAGE_SHIFT | rights

    def type(self, frame: int) -> tuple[int, int]:
        """Type and count."""
        use = self.paging.uses[frame]
        return use.type, use.count


def test_a_pinned_table_counts_what_it_refers_to() -> None:
    frames = Frames()
    top, last, data, other = frames.own[:4]
    frames.put(last, 0, data)
    frames.put(last, 1, data)
    frames.put(last, 2, other, READ_ONLY)
    frames.put(top, 0, last)
    frames.paging.pin(top, 1)
    assert frames.type(top) == (1, 1)
    assert frames.type(last) == (0, 1)
    assert frames.type(data) == (WRITABLE_TYPE, 2)
    assert other not in frames.paging.uses  # what is only read needs no type
    page = frames.memory.page(top)
    assert page is not None
    assert page[TOP_SLOT] == XEN_ENTRY
    frames.paging.unpin(top)
    assert [frames.type(frame)[1] for frame in (top, last, data)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("level", "index", "target", "rights"),
    [
        (0, 3, "foreign", READ_WRITE),
        (0, 3, "foreign", READ_ONLY),
        (0, 3, "itself", READ_WRITE),
        (1, 3, "itself", READ_ONLY),
        (1, 3, "foreign", READ_ONLY),
        (1, 3, "data", READ_WRITE | LARGE),
        (0, 3, "nowhere", READ_ONLY),
    ],
)
def test_a_table_with_a_wrong_entry_is_refused_and_leaves_no_trace(
    level: int, index: int, target: str, rights: int
) -> None:
    frames = Frames()
    table, data = frames.own[:2]
    named = {"foreign": frames.foreign, "itself": table, "data": data, "nowhere": 1 << 30}
    frames.put(table, 0, data, READ_WRITE if level == 0 else 0)
    frames.put(table, index, named[target], rights)
    with pytest.raises(Refused):
        frames.paging.pin(table, level)
    assert all(use.count == 0 for use in frames.paging.uses.values())
    assert not frames.paging.pinned


def test_a_frame_that_is_mapped_writable_becomes_no_table_until_it_is_not() -> None:
    frames = Frames()
    table, page = frames.own[:2]
    frames.put(table, 0, page)
    frames.paging.pin(table, 0)
    with pytest.raises(Refused):
        frames.paging.pin(page, 0)
    frames.paging.update(table, 0, page << PAGE_SHIFT | READ_ONLY)
    flushes = frames.flushes
    frames.paging.pin(page, 0)
    assert frames.flushes == flushes + 1  # the TLB may still have let it write
    with pytest.raises(Refused):
        frames.paging.update(table, 0, page << PAGE_SHIFT | READ_WRITE)


def test_the_hypervisor_s_entry_is_nobody_else_s() -> None:
    frames = Frames()
    frames.paging.pin(frames.own[0], 1)
    with pytest.raises(Refused, match="hypervisor"):
        frames.paging.update(frames.own[0], TOP_SLOT, 0)
    with pytest.raises(Refused, match="no table"):
        frames.paging.update(frames.own[1], 0, 0)


def test_a_table_in_force_outlives_its_pin() -> None:
    frames = Frames()
    frames.paging.pin(frames.own[0], 1)
    frames.paging.check_root(frames.own[0])
    frames.paging.unpin(frames.own[0])
    assert frames.type(frames.own[0]) == (1, 1)
    with pytest.raises(Refused):
        frames.paging.get(frames.own[0], WRITABLE_TYPE)


UPDATES = 32
PV = """
start:
{body}
    mov rdi, 2
    mov rsi, 0
    call hypercall_page + 64 * 29
.align 4096
calls:
{calls}
.align 4096
hypercall_page: .zero 4096
"""


def updates(body: str) -> Done:
    """Each call maps one page of 4 to 6 MiB read-only."""
    entries = [NEIGHBOUR_FRAMES + 0x400 + n << PAGE_SHIFT | READ_ONLY for n in range(UPDATES)]
    calls = "".join(
        f".quad 14, 99, {0x40_0000 + 0x1000 * n}, {entry}, 2, 0, 0, 0\n"
        for n, entry in enumerate(entries)
    )
    return go(PV.format(body=body, calls=calls), "xen_pv32")


MULTICALL = f"mov rdi, calls\nmov rsi, {UPDATES}\ncall hypercall_page + 64 * 13\n"
ONE_BY_ONE = f"""
    mov rbx, calls
    mov rbp, {UPDATES}
again:
    mov rdi, [rbx + 16]
    mov rsi, [rbx + 24]
    mov rdx, [rbx + 32]
    call hypercall_page + 64 * 14
    add rbx, 64
    dec rbp
    jne again
"""


def test_a_multicall_of_32_updates_is_one_transition() -> None:
    many, single = updates(MULTICALL), updates(ONE_BY_ONE)
    assert many.counts(EventKind.HYPERCALL) == {"multicall": 1, "sched_op": 1}
    assert single.counts(EventKind.HYPERCALL) == {"sched_op": 1, "update_va_mapping": UPDATES}
    assert many.machine.trace.interventions == single.machine.trace.interventions - UPDATES + 1


def test_a_multicall_answers_each_call_in_its_entry() -> None:
    done = updates(MULTICALL)
    page = done.board.memory.page(done.labels["calls"] >> PAGE_SHIFT)
    assert page is not None
    assert [page[8 * n + 1] for n in range(UPDATES)] == [0] * UPDATES
    store = updates(MULTICALL + "mov [0x41f000], 1\n")
    assert store.outcome.detail.startswith("unhandled #PF")
    assert updates("mov [0x41f000], 1\n").outcome.detail == "exit code 0"


def test_an_event_channel_for_a_cpu_that_is_not_there_takes_no_port() -> None:
    """Sending to it would have led to a virtual CPU that does not exist."""
    body = """
    mov [0x400000], 5       ; bind_ipi for virtual CPU 5
    mov rdi, 7
    mov rsi, 0x400000
    call hypercall_page + 64 * 32
    mov rbx, rax
    mov [0x400000], 1       ; send to port 1
    mov rdi, 4
    mov rsi, 0x400000
    call hypercall_page + 64 * 32
"""
    done = updates(body)
    assert done.outcome.detail == "exit code 0"
    assert done.regs[3] == (1 << 64) - 22


def test_fpu_taskswitch_sets_and_clears_task_switched() -> None:
    """A PV kernel asks; what the CPU then has is what smsw shows at any ring."""
    body = """
    mov rdi, 1
    call hypercall_page + 64 * 5
    smsw rbx
    mov rdi, 0
    call hypercall_page + 64 * 5
    smsw rbp
"""
    done = updates(body)
    assert done.outcome.detail == "exit code 0"
    assert (done.regs[RBX] & CR0_TS, done.regs[RBP] & CR0_TS) == (CR0_TS, 0)
