"""What binary translation left in its cache for routines of the guest's kernel."""

from __future__ import annotations

import pytest

from virtdocs.errors import UnknownName
from virtdocs.experiments.translated_code import ROUTINES, Translated, translated_routine


def by_text(routine: str) -> dict[str, Translated]:
    return {one.text: one for one in translated_routine(routine)}


@pytest.mark.parametrize("routine", ROUTINES)
def test_a_routine_is_listed_without_gaps_and_every_instruction_has_code(routine: str) -> None:
    found = translated_routine(routine)
    assert len(found) == ROUTINES[routine][2]
    addresses = [one.address for one in found]
    assert addresses == list(range(addresses[0], addresses[0] + 16 * len(found), 16))
    assert all(one.slots and all(text for _, text in one.slots) for one in found)


@pytest.mark.parametrize(
    ("routine", "text", "role", "last"),
    [
        ("wait_for_tick", "pushf", "in_place", "mov rcx, fs:[scratch_b]"),
        ("wait_for_tick", "cli", "in_place", "mov fs:[virtual_if], 0"),
        ("wait_for_tick", "popf", "in_place", "popf"),
        ("wait_for_tick", "hlt", "callout", "int 0xf1"),
        ("wait_for_tick", "dec rbx", "same", "dec rbx"),
        # its page holds translated code, so that each write to it faulted
        ("wait_for_tick", "inc qword [result]", "adapted", "int 0xf1"),
        ("system_call_done", "mov [rsp + F_RAX], rax", "same", "mov [rsp + 0x70], rax"),
        ("load_root", "mov cr3, rdi", "callout", "int 0xf1"),
    ],
)
def test_an_instruction_became_what_its_class_demands(
    routine: str, text: str, role: str, last: str
) -> None:
    found = by_text(routine)[text]
    assert found.role == role
    assert found.slots[-1][1] == last


def test_a_branch_leads_into_the_cache_and_not_back_to_the_guest() -> None:
    jumps = by_text("system_call_done")["jne return_from_trap"].slots
    assert by_text("system_call_done")["jne return_from_trap"].role == "jump"
    assert jumps[0][1] == f"jne {jumps[-1][0]}"
    assert jumps[1][1].startswith("jmp translation_of_")


def test_translated_popf_keeps_the_guest_s_interrupt_flag_in_the_virtual_cpu() -> None:
    lines = [text for _, text in by_text("wait_for_tick")["popf"].slots]
    assert "mov fs:[virtual_if], rcx" in lines


def test_an_unknown_routine_is_a_mistake_that_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"load_root\?"):
        translated_routine("load_rot")
