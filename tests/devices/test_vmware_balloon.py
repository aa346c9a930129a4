"""VMware's balloon: port accesses per page and per batch, drivers that lie, a popped balloon."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.devices.balloons import changed, word
from virtdocs.devices.vmware_balloon import (
    BATCHED_LOCK,
    GET_TARGET,
    GUEST_ID,
    LOCK,
    LOCKED,
    MAGIC,
    NO_DEVICE,
    RESET,
    START,
    SUCCESS,
    UNLOCK,
    UNLOCKED,
    WITH_CAPABILITIES,
    VmwareBalloon,
)
from virtdocs.errors import BadValue
from virtdocs.experiments.run import run
from virtdocs.machine.board import Board
from virtdocs.machine.registers import RAX, RBX, RCX, RSI
from virtdocs.trace import EventKind

DEVICE = "vmware-balloon"
TECHNIQUES = ("esxi", "workstation", "bt", "hw_shadow", "hw_nested")
BATCH = 512


@pytest.mark.parametrize("core", ["fast", "reference"])
@pytest.mark.parametrize("commands", ["batched", "basic"])
@pytest.mark.parametrize("pages", [1, 64, 512, 600])
def test_a_call_moves_a_page_or_a_batch_and_each_way_begins_with_a_look(
    pages: int, commands: str, core: str
) -> None:
    params: dict[str, str | int] = {"pages": pages, "commands": commands, "ops": 2 * pages}
    page = run("balloon", "esxi", params=params, core=core).counts_per_op
    calls = pages if commands == "basic" else -(-pages // BATCH)
    assert page["device_access"] == {"read": Fraction(calls + 1, pages)}
    assert (page["kick"], page["device_irq"], page["hypercall"]) == (0, 0, {})


@pytest.mark.parametrize("commands", ["batched", "basic"])
def test_state_and_time_are_the_same_under_every_monitor_and_both_cores(commands: str) -> None:
    params: dict[str, str | int] = {"pages": 24, "commands": commands, "ops": 48}
    runs = [
        run("balloon", name, io=DEVICE, params=params, core=core)
        for name in TECHNIQUES
        for core in ("fast", "reference")
    ]
    assert {r.outcome for r in runs} == {"halted"}
    assert len({(r.state_hash, r.virtual_time, r.instructions) for r in runs}) == 1
    assert len({str(r.counts_per_op["balloon"]) for r in runs}) == 1


def test_the_port_is_an_exit_that_esx_handles_itself_and_workstation_hands_on() -> None:
    params: dict[str, str | int] = {"commands": "basic"}
    for name, leaves in (("esxi", False), ("workstation", True)):
        page = run("balloon", name, params=params).counts_per_op
        exits = page["vm_exit"]
        assert isinstance(exits, dict)
        assert exits["io"] == Fraction(514, 512)
        assert page["user_exit"] == (exits["io"] if leaves else 0)


@pytest.mark.parametrize("name", ["native", "kvm_virtio", "xen_hvm", "hyperv", "qemu_tcg"])
def test_others_have_no_such_port(name: str) -> None:
    with pytest.raises(BadValue, match="has no vmware-balloon"):
        run("balloon", name, io=DEVICE)


TOUCH = {
    "    call driver_report\n": "    mov rcx, [BALLOON_LIST]\n    shl rcx, 12\n"
    "    mov rcx, [rcx + 8]\n    call driver_report\n",
}


@pytest.mark.parametrize("name", ["esxi", "bt", "hw_shadow"])
def test_a_page_inside_that_is_touched_pops_the_balloon(name: str) -> None:
    """All 16 pages are free again; the driver begins anew and gives 16 others."""
    finished, labels = changed(name, DEVICE, TOUCH, ops=32)
    counts = finished.machine.trace.counts
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["vmw_resets"]) == 1
    assert counts[EventKind.BALLOON, "reclaim"] == 32
    assert counts[EventKind.BALLOON, "populate"] >= 16


ENTRY = "    mov rax, [rbx*8 + BALLOON_LIST]\n    shl rax, 12  "
LIES: dict[str, tuple[str, dict[str, str]]] = {
    "a page behind the guest's last": ("batched", {ENTRY: "    mov rax, 0x1000000 ;"}),
    "a page far away": ("batched", {ENTRY: "    mov rax, -4096 ;"}),
    "the batch itself outside memory": (
        "batched", {"    mov rsi, BALLOON_ENTRIES >> 12\n": "    mov rsi, 0x1000\n"},
    ),
    "more than a page of numbers": ("batched", {"    mov rdx, r12\n": "    mov rdx, 513\n"}),
    "an empty batch": ("batched", {"    mov rdx, r12\n": "    mov rdx, 0\n"}),
    "taking what was never given": (
        "batched", {"    xor rsi, rsi\n    jmp vmw_move\n": "    mov rsi, 1\n    jmp vmw_move\n"},
    ),
    "a single page behind the last": (
        "basic", {"    mov rsi, [rbx*8 + BALLOON_LIST]\n": "    mov rsi, 0x1000\n"},
    ),
    "no such command": ("basic", {"    lea rdi, [r13 + VMW_LOCK]\n": "    mov rdi, 5\n"}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["esxi", "hw_shadow", "bt"])
def test_a_lie_is_refused_and_no_frame_goes(lie: str, name: str) -> None:
    commands, changes = LIES[lie]
    finished, labels = changed(name, DEVICE, changes, commands=commands)
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 0
    assert finished.machine.trace.total(EventKind.BALLOON) == 0


@pytest.mark.parametrize("commands", ["batched", "basic"])
def test_one_page_again_and_again_goes_once(commands: str) -> None:
    numbers = {
        "batched": {ENTRY: "    mov rax, [BALLOON_LIST]\n    shl rax, 12  "},
        "basic": {"    mov rsi, [rbx*8 + BALLOON_LIST]\n": "    mov rsi, [BALLOON_LIST]\n"},
    }
    finished, labels = changed("esxi", DEVICE, numbers[commands], commands=commands)
    assert word(finished, labels["result"]) == 0
    assert finished.machine.trace.by_key(EventKind.BALLOON) == {"reclaim": 1}


class Caller:
    """A guest that calls the port on a bare board."""

    def __init__(self, board: Board, batched: bool) -> None:
        self.board = board
        self.device = VmwareBalloon(board, 8, 0, batched)

    def call(self, command: int, first: int = 0, second: int = 0, magic: int = MAGIC) -> int:
        """The status."""
        registers = [0] * 16
        registers[RAX], registers[RCX], registers[RBX], registers[RSI] = (
            magic, command, first, second,
        )  # fmt: skip
        self.board.bus.registers = registers
        status = self.device.read(0, 4)
        self.results = registers[RBX], registers[RCX]
        return status


def test_the_protocol_answers_in_vmwares_words(board: Board) -> None:
    one = Caller(board, batched=False)
    assert one.call(GET_TARGET) == RESET
    assert one.call(GET_TARGET, magic=1) == NO_DEVICE
    assert one.call(START, 6) == WITH_CAPABILITIES
    assert one.results[1] == 2  # single pages only
    assert one.call(GUEST_ID, 1) == SUCCESS
    assert (one.call(GET_TARGET), one.results[0]) == (SUCCESS, 8)
    board.dma.store(0x9000, 8, 77)
    assert [one.call(LOCK, 9), one.call(LOCK, 9)] == [SUCCESS, LOCKED]
    assert board.dma.load(0x9000, 8) == 0
    assert [one.call(UNLOCK, 9), one.call(UNLOCK, 9)] == [SUCCESS, UNLOCKED]
    assert one.call(BATCHED_LOCK, 9, 1) == 1  # no such command without the capability
    assert board.bus.port_read(0x5671, 4) == NO_DEVICE
