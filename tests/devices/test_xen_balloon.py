"""Xen's balloon: hypercalls per page and per batch, and what the hypervisor refuses."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest

from tests.devices.balloons import changed, word
from virtdocs.experiments.run import run
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.host import OracleViolation
from virtdocs.vmm.nested_paging import NestedPaging

DEVICE = "xen-balloon"
PV = ("xen_pv32", "xen_pv64")
HARDWARE = ("xen_pvhvm", "xen_pvh")
BATCH = 512


@pytest.mark.parametrize("name", [*PV, *HARDWARE])
@pytest.mark.parametrize("core", ["fast", "reference"])
@pytest.mark.parametrize("pages", [1, 64, 512, 600])
def test_a_batch_is_a_hypercall_and_a_pv_guest_makes_one_more_for_each_page(
    name: str, core: str, pages: int
) -> None:
    params: dict[str, str | int] = {"pages": pages, "ops": 2 * pages}
    page = run("balloon", name, params=params, core=core).counts_per_op
    calls = page["hypercall"]
    assert isinstance(calls, Mapping)
    assert calls["memory_op"] == Fraction(-(-pages // BATCH), pages)
    assert calls.get("update_va_mapping", 0) == (1 if name in PV else 0)
    assert page["device_irq"] == Fraction(1, pages)  # the watch, once for each wish
    assert page["device_access"] == {}


def test_the_work_is_the_same_in_every_mode() -> None:
    params: dict[str, str | int] = {"pages": 40, "ops": 80}
    runs = [run("balloon", name, params=params) for name in (*PV, *HARDWARE)]
    assert {(r.device, r.outcome) for r in runs} == {(DEVICE, "halted")}
    assert len({r.result_hash for r in runs}) == 1


def test_a_pv_guest_takes_no_fault_for_a_page_that_comes_back() -> None:
    params: dict[str, str | int] = {"pages": 64, "ops": 128}
    faults = {}
    for name in ("xen_pv64", "xen_pvh"):
        page = run("balloon", name, params=params).counts_per_op
        exits = page["vm_exit"]
        assert isinstance(exits, Mapping)
        faults[name] = (page["exception"], exits.get("nested_fault", 0))
    assert faults == {"xen_pv64": ({}, 0), "xen_pvh": ({}, Fraction(1, 2))}


def test_no_page_goes_through_dom0() -> None:
    params: dict[str, str | int] = {"pages": 4, "ops": 4}
    result = run("balloon", "xen_pv64", params=params, record=True)
    seen = [e for e in result.events if e.kind in (EventKind.BALLOON, EventKind.BACKEND)]
    moved = [(e.key, e.party) for e in seen if e.kind is EventKind.BALLOON]
    assert moved == [("reclaim", Party.HYPERVISOR)] * 4
    assert {e.key for e in seen if e.kind is EventKind.BACKEND} == {"event"}  # that it is there


GIVEN = "    mov rdx, [rcx + rax*8]\n"  # the machine's number of a page to give
UNMAPPING = "    mov rsi, 0\n    mov rdx, UVMF_INVLPG\n"
NUMBER = "    mov rax, [rbx*8 + BALLOON_LIST]\n.if PV\n"
PV_LIES: dict[str, dict[str, str]] = {
    "another guest's frame": {GIVEN: "    mov rdx, 3\n"},
    "the hypervisor's frame": {GIVEN: "    mov rdx, 0x1010\n"},
    "a frame that does not exist": {GIVEN: "    mov rdx, 1 << 30\n"},
    "a page that is still mapped": {
        UNMAPPING: "    shl rdx, 12\n    lea rsi, [rdx + PTE_PRESENT + PTE_WRITABLE]\n"
        "    xor rdx, rdx\n"
    },
    "a page that is still mapped to read": {
        UNMAPPING: "    shl rdx, 12\n    lea rsi, [rdx + PTE_PRESENT]\n    mov rdx, UVMF_INVLPG\n"
    },
}
LIES: dict[str, dict[str, str]] = {
    "a page that dom0 looks at": {NUMBER: "    mov rax, 0x2c\n.if PV\n"},
    "more than a page of numbers": {"BALLOON_BATCH, 512": "BALLOON_BATCH, 513"},
    "numbers outside the guest": {".quad BALLOON_EXTENTS": ".quad 1 << 40"},
    "a large page": {"    mov [reservation + 8], r12\n": "    mov [reservation + 8], r12\n"
                     "    mov qword [reservation + 16], 9\n"},
    "another domain": {"0, 0, DOMID_SELF": "0, 0, 1"},
    "no such command": {"MEMORY_DECREASE, 1": "MEMORY_DECREASE, 3"},
}  # fmt: skip
CASES = [
    *((name, lie, changes) for name in (*PV, *HARDWARE) for lie, changes in LIES.items()),
    *((name, lie, changes) for name in PV for lie, changes in PV_LIES.items()),
]


@pytest.mark.parametrize(
    ("name", "changes"),
    [(name, changes) for name, _, changes in CASES],
    ids=[f"{name}-{lie}" for name, lie, _ in CASES],
)
def test_what_may_not_go_stays(name: str, changes: dict[str, str]) -> None:
    finished, labels = changed(name, DEVICE, changes, ops=600, pages=600)
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 0
    assert finished.machine.trace.total(EventKind.BALLOON) == 0


TAKEN = (
    "    mov [rbx*8 + BALLOON_EXTENTS], rax\n    inc rbx\n    cmp rbx, r12\n    jne take_number\n"
)


@pytest.mark.parametrize("name", [*PV, *HARDWARE])
@pytest.mark.parametrize("number", [0x100, 0x1000, 1 << 40])
def test_a_page_that_never_went_does_not_come_again(name: str, number: int) -> None:
    changes = {TAKEN: f"    mov rax, {number}\n{TAKEN}"}
    finished, labels = changed(name, DEVICE, changes, ops=32)
    assert finished.outcome.detail == "exit code 0"
    assert word(finished, labels["result"]) == 16
    assert finished.machine.trace.by_key(EventKind.BALLOON) == {"reclaim": 16}


def test_one_page_again_and_again_goes_once() -> None:
    same = {NUMBER: "    mov rax, [BALLOON_LIST]\n.if PV\n"}
    finished, labels = changed("xen_pvh", DEVICE, same)
    assert word(finished, labels["result"]) == 0
    assert finished.machine.trace.by_key(EventKind.BALLOON) == {"reclaim": 1}


TOUCH = {
    "    call driver_report\n": "    mov rcx, [BALLOON_LIST]\n    shl rcx, 12\n"
    "    mov rcx, [rcx + 8]\n    mov [seen], rcx\n    call driver_report\n",
    "balloon_moved:\n": "seen:\n    .quad 0\nballoon_moved:\n",
    "    call driver_give\n": "    mov rcx, [BALLOON_LIST]\n    shl rcx, 12\n"
    "    mov qword [rcx + 8], 1234\n    call driver_give\n",
}


@pytest.mark.parametrize("name", HARDWARE)
def test_where_a_page_went_there_is_no_memory(name: str) -> None:
    finished, labels = changed(name, DEVICE, TOUCH, ops=16)
    assert word(finished, labels["seen"]) == (1 << 64) - 1
    assert finished.machine.trace.by_key(EventKind.UNCLAIMED) != {}


@pytest.mark.parametrize("name", PV)
def test_a_pv_guest_that_looks_there_faults(name: str) -> None:
    finished, _ = changed(name, DEVICE, TOUCH, ops=16)
    assert finished.outcome.detail == f"exit code {64 + 14}"


@pytest.mark.parametrize("name", PV)
@pytest.mark.parametrize(
    "lie", ["a page that is still mapped", "a page that is still mapped to read"]
)
def test_without_the_count_of_references_the_oracle_sees_the_guest_keep_a_frame(
    name: str, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectPaging, "in_use", lambda *_: False)
    with pytest.raises(OracleViolation, match="nobody"):
        changed(name, DEVICE, {**TOUCH, **PV_LIES[lie]}, ops=16)


def test_without_the_unmapping_the_oracle_sees_an_hvm_guest_keep_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NestedPaging, "unmap", lambda *_: None)
    with pytest.raises(OracleViolation, match="nobody"):
        changed("xen_pvh", DEVICE, TOUCH, ops=16)
