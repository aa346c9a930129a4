"""Nested paging: one fill a frame, the second walk counted, frames checked, wide addresses."""

from __future__ import annotations

import pytest

from tests.vmm.bench import differences, go, ready
from virtdocs.machine.board import RAM_FRAMES
from virtdocs.machine.paging import ACCESSED, DIRTY
from virtdocs.trace import EventKind
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.nested_paging import NestedPaging

TOUCH = "mov rax, [0x400000]\n"


def test_a_frame_costs_one_exit_however_often_it_is_mapped_and_touched() -> None:
    alias = """
    mov rax, [0x400000]
    mov rbx, 0x400003
    mov [0x2000 + 8 * 0x401], rbx
    invlpg [0x401000]
    mov rax, [0x401000]
    invlpg [0x401000]
    mov rax, [0x401000]
"""
    plain = go("mov [0x2000 + 8 * 0x401], 0\n", "hw_nested").total(EventKind.NESTED_FILL)
    assert go(alias, "hw_nested").total(EventKind.NESTED_FILL) == plain + 1


def test_each_fill_is_one_exit_and_nothing_else_exits_for_memory() -> None:
    done = go(TOUCH, "hw_nested")
    exits = done.counts(EventKind.VM_EXIT)
    assert exits["nested_fault"] == done.total(EventKind.NESTED_FILL)
    assert "page_fault" not in exits


def test_a_warm_tlb_miss_reads_24_entries_where_bare_hardware_reads_4() -> None:
    again = TOUCH + "invlpg [0x400000]\n" + TOUCH
    references = {
        name: go(again, name).total(EventKind.WALK_REFS)
        - go(TOUCH + "nop\nnop\n", name).total(EventKind.WALK_REFS)
        for name in ("native", "hw_nested", "hw_shadow")
    }
    assert references == {"native": 4, "hw_nested": 24, "hw_shadow": 4}


def test_the_guest_sees_accessed_and_dirty_bits_in_its_own_tables() -> None:
    text = "mov rax, [0x400000]\nmov [0x401000], rax\n"
    text += "mov rcx, [0x2000 + 8 * 0x400]\nmov rdx, [0x2000 + 8 * 0x401]\n"
    for name in ("native", "hw_nested", "hw_shadow", "bt"):
        regs = go(text, name).regs
        assert regs[1] & (ACCESSED | DIRTY) == ACCESSED, name
        assert regs[2] & (ACCESSED | DIRTY) == ACCESSED | DIRTY, name


@pytest.mark.parametrize("frame", [RAM_FRAMES, 1 << 20, 1 << 36, (1 << 36) + 0x123, (1 << 40) - 1])
def test_an_address_beyond_the_guest_s_memory_never_leads_back_into_it(frame: int) -> None:
    """The nested tables translate 48 bits; bit 36 of a frame number is beyond them."""
    entry = frame << 12 | 3
    text = f"mov [0x123000], 77\nmov rax, {entry:#x}\nmov [0x2000 + 8 * 0x400], rax\n"
    text += "mov rbx, [0x400000]\n"
    assert differences(text, "hw_nested") == []
    assert go(text, "hw_nested").regs[3] == (1 << 64) - 1


def test_the_monitor_follows_a_cr3_load_that_did_not_exit() -> None:
    """It reads the instruction of the next exit through the tables that the guest uses now."""
    text = """
    mov rax, [0x400000]
    mov rcx, 0
copy:
    mov rax, [rcx*8 + 0xc000]
    mov [rcx*8 + 0x500000], rax
    inc rcx
    cmp rcx, 512
    jne copy
    mov rax, 0x500000
    mov cr3, rax
    mov rax, -0x21
    and [0xc000], rax       ; in the old top table: "accessed" off
    in al, 0x80             ; exits
    mov rbx, [0xc000]
"""
    assert differences(text, "hw_nested") == []


def test_a_frame_that_the_guest_does_not_own_is_not_filled() -> None:
    machine, _ = ready(TOUCH, "hw_nested")
    engine = machine.engines[0]
    assert machine.host is not None
    assert isinstance(engine, HardwareAssistEngine)
    assert isinstance(engine.paging, NestedPaging)
    assert engine.paging.fill(0x401)
    host_frame = machine.host.guest_memory.frame_of[0x400]
    assert host_frame is not None
    machine.host.memory.owners[host_frame] = "somebody"
    assert not engine.paging.fill(0x400)
    run(machine.board, machine.engines, 100)
    assert machine.trace.by_key(EventKind.UNCLAIMED) == {"mmio read 0x400000": 1}
