"""Shadow paging: what is followed, when it is dropped, and what the guest can see of it."""

from __future__ import annotations

import pytest

from tests.vmm.bench import differences, go, ready
from virtdocs.trace import EventKind
from virtdocs.vmm import shadow_paging
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.shadow_paging import FLOOD_LIMIT, ShadowPaging, ShadowView

EDIT = "mov rax, {value:#x}\nmov [0x2000 + 8 * {page:#x}], rax\n"


def shadows(text: str, name: str = "hw_shadow") -> tuple[ShadowPaging, dict[str, int]]:
    """The tables after a run, and the exits it took."""
    machine, _ = ready(text, name)
    run(machine.board, machine.engines, 20_000)
    engine = machine.engines[0]
    assert isinstance(engine, HardwareAssistEngine | DeprivilegedEngine)
    assert isinstance(engine.paging, ShadowView)
    return engine.paging.shared, machine.trace.by_key(EventKind.VM_EXIT)


def stores(count: int, gap: str) -> str:
    """Writes into a last-level table (frame 4 maps 4 to 6 MiB) that is in use at first."""
    text = "mov rax, [0x400000]\n"
    for n in range(count):
        text += EDIT.format(value=0x40_0003, page=0x480 + n) + gap
    return text


def test_a_table_that_is_written_again_and_again_without_use_is_followed_no_more() -> None:
    few, exits_few = shadows(stores(FLOOD_LIMIT, ""))
    many, exits_many = shadows(stores(FLOOD_LIMIT + 20, ""))
    assert ("table", 4, 0, 0) not in few.tables
    assert not many.follows(4)
    # one more exit maps the frame writable again, then stores are the guest's own business
    assert exits_many["page_fault"] <= exits_few["page_fault"] + 1


def test_a_table_in_use_stays_followed_however_often_it_is_written() -> None:
    count = FLOOD_LIMIT + 5
    page = "invlpg [0x400000]\nmov rbx, [0x401000]\ninvlpg [0x401000]\n"
    edit = "mov rax, 0x401003\nmov [0x2000 + 8 * 0x401], rax\n"
    found, exits = shadows("mov rax, [0x400000]\n" + (edit + page) * count)
    assert found.follows(4)
    assert exits["page_fault"] >= count


def test_a_page_is_mapped_writable_only_once_the_guest_s_entry_is_dirty() -> None:
    read = go("mov rax, [0x400000]\n", "hw_shadow").total(EventKind.SHADOW_FILL)
    written = go("mov rax, [0x400000]\nmov [0x400000], rax\n", "hw_shadow")
    assert written.total(EventKind.SHADOW_FILL) == read + 1


LARGE = """
    mov [0x400000], 4
    mov [0x600000], 6
    mov rax, {first:#x}
    mov [0xa000 + 8 * 7], rax
    mov rdx, cr3
    mov cr3, rdx
    mov rbx, [0xe00000]
    mov rcx, [0xe01000]
    mov rax, {second:#x}
    mov [0xa000 + 8 * 7], rax
    mov cr3, rdx
    mov rsi, [0xe01000]
    mov rdi, [0xe00000]
    mov [0xe00000], rdx
    mov r8, [0xa000 + 8 * 7]
"""


@pytest.mark.parametrize("name", ["hw_shadow", "bt", "trap_emulate", "hw_nested"])
@pytest.mark.parametrize("levels", [2, 4])
def test_what_a_large_page_was_split_into_does_not_outlive_it(name: str, levels: int) -> None:
    text = LARGE.format(first=0x40_0083, second=0x60_0083)
    assert differences(text, name, levels=levels) == []
    regs = go(text, name, levels=levels).regs
    assert (regs[3], regs[7]) == (4, 6)


def test_a_guest_that_calls_every_frame_a_table_runs_into_a_limit_and_not_out_of_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shadow_paging, "TABLE_LIMIT", 24)
    roots = """
    mov rsi, 0x500000
    mov r9, 40
again:
    mov rcx, 0
copy:
    mov rax, [rcx*8 + 0xc000]
    mov [rsi + rcx*8], rax
    inc rcx
    cmp rcx, 4
    jne copy
    mov cr3, rsi
    mov rbx, [0x400000]
    add rsi, 4096
    dec r9
    jne again
"""
    for name in ("hw_shadow", "bt"):
        assert differences(roots, name) == []
        assert len(shadows(roots, name)[0].tables) <= 24


def test_a_store_through_another_mapping_of_a_table_is_seen() -> None:
    text = """
    mov [0x400000], 1
    mov [0x401000], 2
    mov rax, 0x4003
    mov [0x2000 + 8 * 0x1f0], rax   ; 0x1f0000 shows the table of 4 to 6 MiB
    mov rax, 0x401003
    mov [0x1f0000], rax
    invlpg [0x400000]
    mov rbx, [0x400000]
"""
    for name in ("hw_shadow", "bt"):
        assert differences(text, name) == []
        assert go(text, name).regs[3] == 2


@pytest.mark.parametrize("name", ["hw_shadow", "bt", "hw_nested"])
def test_an_entry_that_maps_its_own_table_is_read_before_it_is_marked_dirty(name: str) -> None:
    # Two levels: the entry for 0x2000 lies in the last table, at 0x2000 itself.
    text = """
    mov rax, -0x61
    and [0x2010], rax       ; its accessed and dirty bits off
    invlpg [0x2000]
    mov rax, -0x21
    and [0x2010], rax       ; reads the entry, then writes through it
    invlpg [0x2000]
"""
    assert differences(text, name, levels=2) == []
