"""virtio-balloon: counts per page, frames that really go, and drivers that lie."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.devices.balloons import changed, word
from virtdocs.errors import BadValue
from virtdocs.experiments.run import Finished, run
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.frame_reclaim import FrameReclaim
from virtdocs.vmm.host import GUEST, NEIGHBOUR, SECRET, OracleViolation
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.shadow_paging import ShadowPaging

DEVICE = "virtio-balloon"
MONITORED = ("bt", "hw_shadow", "hw_nested", "kvm_virtio", "qemu_tcg", "trap_emulate")
BATCH = 256


SIZES = (1, 64, 256, 300, 1024)
CASES = (
    *(("kvm_virtio", "fast", pages) for pages in SIZES),
    *(("native", "reference", pages) for pages in SIZES),
    *((name, core, 300) for name in MONITORED for core in ("fast", "reference")),
)


@pytest.mark.parametrize(("name", "core", "pages"), CASES)
def test_a_batch_is_a_kick_and_a_change_of_size_an_interrupt_more(
    name: str, core: str, pages: int
) -> None:
    ops = 2 * pages
    params: dict[str, str | int] = {"pages": pages, "ops": ops}
    page = run("balloon", name, io=DEVICE, params=params, core=core).counts_per_op
    batches = Fraction(-(-pages // BATCH), pages)
    assert page["kick"] == batches
    assert page["device_irq"] == batches + Fraction(1, pages)
    # Each batch: what does the host want, and what is there now.
    assert page["device_access"] == {"read": batches, "write": batches}


def test_what_a_page_costs_under_kvm_is_one_fault_when_it_comes_back() -> None:
    page = run("balloon", "kvm_virtio").counts_per_op
    exits = page["vm_exit"]
    assert isinstance(exits, dict)
    assert exits["nested_fault"] == Fraction(1, 2)  # every second page moved is one taken back
    assert exits["mmio"] == Fraction(3, BATCH)  # num_pages, kick, actual
    assert page["user_exit"] == Fraction(2, BATCH)  # the kick is queued
    assert page["balloon"] == {"populate": Fraction(1, 2), "reclaim": Fraction(1, 2)}


def test_the_path_of_a_batch_is_the_device_models_and_the_hosts() -> None:
    params: dict[str, str | int] = {"pages": 4, "ops": 4}
    result = run("balloon", "kvm_virtio", params=params, record=True)
    kinds = (EventKind.KICK, EventKind.BACKEND, EventKind.BALLOON, EventKind.DMA)
    seen = [(e.kind, e.key, e.party) for e in result.events if e.kind in kinds]
    back = EventKind.BACKEND
    assert seen[-11:] == [
        (back, "notification", Party.HYPERVISOR),
        (EventKind.KICK, DEVICE, Party.DEVICE),
        *((back, "request", p) for p in (Party.DEVICE_MODEL, Party.HOST_KERNEL)),
        *((back, "completion", p) for p in (Party.HOST_KERNEL, Party.DEVICE_MODEL)),
        (EventKind.DMA, "read", Party.DEVICE),
        *((EventKind.BALLOON, "reclaim", Party.HYPERVISOR),) * 4,
    ]


def frames(finished: Finished) -> tuple[int, int]:
    """Frames that the guest has, and that nobody has."""
    host = finished.machine.host
    assert host is not None
    owners = host.memory.owners
    return sum(o == GUEST for o in owners.values()), host.memory.frames - len(owners)


@pytest.mark.parametrize("name", MONITORED)
def test_the_hosts_frames_change_hands(name: str) -> None:
    (empty, _), (full, _) = (changed(name, DEVICE, {}, ops=ops, pages=100) for ops in (200, 100))
    had, free = frames(empty)
    less, more = frames(full)
    assert (had, had - less, more - free >= 100) == (RAM_FRAMES, 100, True)


TOUCH = {
    "    call driver_report\n": "    mov rcx, [BALLOON_LIST]\n    shl rcx, 12\n"
    "    mov rcx, [rcx + 8]\n    mov [seen], rcx\n    call driver_report\n",
    "balloon_moved:\n": "seen:\n    .quad 0\nballoon_moved:\n",
    "    call driver_give\n": "    mov rcx, [BALLOON_LIST]\n    shl rcx, 12\n"
    "    mov qword [rcx + 8], 1234\n    call driver_give\n",
}


@pytest.fixture
def busy_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that gives each frame to somebody else as soon as it has it."""
    remove = FrameReclaim.remove

    def removed(self: FrameReclaim, frame: int) -> None:
        remove(self, frame)
        page = self.host.memory.page(self.host.memory.allocate(NEIGHBOUR))
        assert page is not None
        page[:] = [SECRET] * len(page)

    monkeypatch.setattr(FrameReclaim, "remove", removed)


@pytest.mark.usefixtures("busy_host")
@pytest.mark.parametrize("name", MONITORED)
@pytest.mark.parametrize("core", ["fast", "reference"])
def test_a_page_in_the_balloon_that_is_touched_is_a_fresh_frame_of_zeros(
    name: str, core: str
) -> None:
    finished, labels = changed(name, DEVICE, TOUCH, ops=16, core=core)
    assert word(finished, labels["seen"]) == 0
    assert finished.machine.trace.counts[EventKind.BALLOON, "populate"] == 1


@pytest.mark.usefixtures("busy_host")
@pytest.mark.parametrize("name", ["hw_nested", "hw_shadow", "bt"])
def test_when_the_driver_must_tell_there_is_no_memory_until_it_has(name: str) -> None:
    finished, labels = changed(name, DEVICE, TOUCH, ops=16, must_tell="yes")
    assert word(finished, labels["seen"]) == (1 << 64) - 1
    assert finished.machine.trace.counts[EventKind.BALLOON, "populate"] == 0
    assert finished.machine.trace.by_key(EventKind.UNCLAIMED) != {}


@pytest.mark.usefixtures("busy_host")
@pytest.mark.parametrize(("name", "paging"), [("hw_nested", NestedPaging), ("bt", ShadowPaging)])
def test_without_the_unmapping_the_oracle_sees_the_guest_in_anothers_frame(
    name: str, paging: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "unmap", lambda *_: None)
    with pytest.raises(OracleViolation, match="neighbour"):
        changed(name, DEVICE, TOUCH, ops=16)


@pytest.mark.usefixtures("busy_host")
def test_without_the_flush_the_oracle_sees_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page was written to before it went, so its translation is cached."""
    monkeypatch.setattr(FrameReclaim, "_flush", lambda _self: None)
    with pytest.raises(OracleViolation, match="neighbour"):
        changed("hw_nested", DEVICE, TOUCH, ops=16)


PFN = "    mov rax, [rdi*8 + BALLOON_LIST]\n"
LIES = {
    "a page behind the guest's last": {PFN: "    mov rax, 0x1000\n"},
    "a page of the device's registers": {PFN: "    mov rax, 0xfe000\n"},
    "a page far away": {PFN: "    mov rax, 0xffffffff\n"},
    "one page again and again": {PFN: "    mov rax, [BALLOON_LIST]\n"},
    "taking what was never given": {"    mov rsi, INFLATE_QUEUE\n": "    mov rsi, DEFLATE_QUEUE\n"},
    "more pages than a request may have": {"BALLOON_BATCH, 256": "BALLOON_BATCH, 257"},
    "half a page number": {"    shl rcx, 2\n": "    shl rcx, 2\n    inc rcx\n"},
    "an empty request": {"    shl rcx, 2\n": "    mov rcx, 0\n"},
    "an array outside memory": {"    mov rax, BALLOON_PFNS\n": "    mov rax, 0x1000000\n"},
    "an array that the device is to write": {
        "    shl rcx, 2\n": "    shl rcx, 2\n    mov rax, D_WRITE << 32\n    or rcx, rax\n"
    },
}
LATER_LIES = {
    "giving what is inside": {"    mov rsi, DEFLATE_QUEUE\n": "    mov rsi, INFLATE_QUEUE\n"},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["native", "hw_nested", "hw_shadow", "bt"])
def test_a_lie_ends_as_a_device_error_inside_the_guest(lie: str, name: str) -> None:
    finished, labels = changed(name, DEVICE, LIES[lie], ops=1024, pages=512)
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 0  # pages moved
    assert finished.machine.trace.total(EventKind.BALLOON) == 0


@pytest.mark.parametrize("name", ["native", "hw_nested"])
def test_a_lie_about_what_is_inside_moves_nothing(name: str) -> None:
    finished, labels = changed(name, DEVICE, LATER_LIES["giving what is inside"])
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 16  # the first half


def test_a_page_that_the_hypervisor_writes_to_stays() -> None:
    shared = {PFN: "    mov rax, 0x1c0\n"}  # where the kernel had Xen put the shared info page
    finished, labels = changed("xen_pvhvm", DEVICE, shared)
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 0
    assert finished.machine.trace.total(EventKind.BALLOON) == 0


def test_a_guest_that_gives_away_what_it_stands_on_harms_itself_only() -> None:
    """Its own queue, its tables, its code: whatever comes of it, it is inside the guest."""
    ends = set()
    for page in (0x280, 0x200, 0x100, 0x21):
        for name in ("hw_nested", "hw_shadow", "bt"):
            finished, _ = changed(name, DEVICE, {PFN: f"    mov rax, {page}\n"}, ops=2, pages=1)
            ends.add(str(finished.outcome.kind))
    assert ends <= {"halted", "fault", "hung", "budget"}


def test_with_an_assigned_device_no_frame_can_go() -> None:
    with pytest.raises(BadValue, match="can't give frames away"):
        run("balloon", "passthrough", io=DEVICE)
