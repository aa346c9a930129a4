"""Binary translation: what runs in place, what calls out, how code is chained and forgotten."""

from __future__ import annotations

import pytest

from tests.vmm.bench import TO_USER, differences, go, ready
from virtdocs.machine.registers import ARITHMETIC_FLAGS
from virtdocs.trace import EventKind
from virtdocs.vmm.binary_translation import ADAPT_AFTER, BinaryTranslationEngine
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.translator import BLOCK_INSTRUCTIONS

GATE = ".org 0x1000 + 16 * {vector}\n.quad 0x8e0000080000 | {at} & 0xffff | ({at} >> 16) << 48, 0\n"
HANDLER = """
.org 0x110000
handler:
    push rax
    push rcx
    push rdx
    inc [0x120000]
    mov rax, [rsp + 24]     ; where it came
    mov [0x120008], rax
    mov rcx, 0x80b
    mov rax, 0
    mov rdx, 0
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iret
""" + GATE.format(vector=0x40, at="0x110000")
TIMER = """
    mov rcx, 0x832
    mov rax, 0x40
    mov rdx, 0
    wrmsr
    mov rcx, 0x838
    mov rax, {count}
    wrmsr
    mov rcx, 0
    mov rax, 0
"""


def looped(body: str, turns: int) -> str:
    return f"mov rbp, {turns}\nagain:\n{body}\ndec rbp\njne again\n"


def per_turn(body: str, kind: EventKind) -> dict[str, int]:
    """Events of one more turn, once everything is translated."""
    few, many = (go(looped(body, n), "bt").counts(kind) for n in (10, 11))
    return {k: n - few.get(k, 0) for k, n in many.items() if n != few.get(k, 0)}


@pytest.mark.parametrize("name", ["cli", "sti", "pushf", "popf"])
def test_the_interrupt_flag_is_handled_in_place(name: str) -> None:
    body = {"pushf": "pushf\npop rax\n", "popf": "push 2\npopf\n"}.get(name, f"{name}\nnop\n")
    assert per_turn(body, EventKind.INLINE) == {name: 1}
    assert per_turn(body, EventKind.CALLOUT) == {}
    assert per_turn(body, EventKind.TRAP) == {}


@pytest.mark.parametrize("flags", [0, *(1 << n for n in (0, 6, 7, 11)), ARITHMETIC_FLAGS])
@pytest.mark.parametrize("text", ["cli\n", "sti\n", "pushf\n", "push 0x202\npushf\npop rax\n"])
def test_what_runs_in_place_touches_no_flag_of_the_guest(text: str, flags: int) -> None:
    whole = f"push {flags | 2}\npopf\nmov rbx, 5\n{text}pushf\npop rcx\n"
    assert differences(whole, "bt") == []
    assert go(whole, "bt").regs[1] & ARITHMETIC_FLAGS == flags


def test_plain_code_in_a_loop_meets_the_monitor_no_more() -> None:
    body = "add rax, rbp\nmov [0x400000], rax\npush rax\npop rbx\n"
    for kind in (EventKind.CALLOUT, EventKind.TRAP, EventKind.TRANSLATE):
        assert per_turn(body, kind) == {}


def test_a_chained_jump_calls_out_once() -> None:
    text = "mov rbp, 20\nagain:\njmp there\nback:\ndec rbp\njne again\njmp end\nthere:\njmp back\n"
    # the entry, each of five jumps that was taken, and the way out
    assert go(text, "bt").counts(EventKind.CALLOUT)["translate"] <= 6


@pytest.mark.parametrize(
    ("change", "callouts"), [("nop", {}), ("xor r12, 1", {"indirect": 1})], ids=["same", "other"]
)
def test_a_computed_jump_finds_the_target_that_it_saw_last(
    change: str, callouts: dict[str, int]
) -> None:
    body = f"{change}\njmp [targets + r12*8]\none:\nadd rax, 1\njmp next\nother:\nadd rax, 2\nnext:"
    few, many = (
        go(looped(body, n) + "jmp end\n.align 8\ntargets: .quad one, other\n", "bt").counts(
            EventKind.CALLOUT
        )
        for n in (10, 11)
    )
    assert {k: n - few[k] for k, n in many.items() if n != few[k]} == callouts


def test_a_return_to_one_caller_needs_no_callout() -> None:
    text = "{}jmp end\nroutine:\nadd rax, 1\nret\n"
    few, many = (
        go(text.format(looped("call routine\n", n)), "bt").counts(EventKind.CALLOUT)
        for n in (9, 10)
    )
    assert few == many


def test_an_instruction_that_keeps_faulting_becomes_a_callout() -> None:
    """It writes into a page with translated code, which is followed."""
    body = "inc [page]\nnop\n"
    text = looped(body, 20) + "jmp end\n.align 16\npage: .quad 0, 0\n"
    done = go(text, "bt")
    assert done.counts(EventKind.TRAP)["page_table_write"] == ADAPT_AFTER
    assert done.counts(EventKind.CALLOUT)["inc"] == 20 - ADAPT_AFTER
    assert differences(text, "bt") == []


def test_code_that_the_guest_rewrites_is_translated_anew() -> None:
    text = """
    mov rbp, 4
again:
    call routine
    mov rcx, [other]
    mov [routine], rcx
    mov rcx, [other + 8]
    mov [routine + 8], rcx
    dec rbp
    jne again
    jmp end
other:
    add rax, 100
.align 4096
routine:
    add rax, 1
    ret
"""
    assert differences(text, "bt") == []
    assert go(text, "bt").regs[0] == 301


def test_a_write_beside_the_code_in_its_page_keeps_the_translation() -> None:
    text = looped("call routine\nmov [routine + 512], rbp\n", 10)
    text += "jmp end\n.align 4096\nroutine:\nadd rax, 1\nret\n"
    done = go(text, "bt")
    again = go(text.replace("10", "20", 1), "bt")
    assert done.total(EventKind.TRANSLATE) == again.total(EventKind.TRANSLATE)


def test_user_code_runs_as_it_is() -> None:
    text = TO_USER + """
    mov rbp, 50
turn:
    add rax, rbp
    push rax
    pop rbx
    dec rbp
    jne turn
    int 3
""" + GATE.format(vector=3, at="end") .replace("0x8e00", "0xee00")  # fmt: skip
    longer = text.replace("mov rbp, 50", "mov rbp, 90")
    for kind in (EventKind.TRANSLATE, EventKind.CALLOUT, EventKind.TRAP):
        assert go(text, "bt").counts(kind) == go(longer, "bt").counts(kind)


@pytest.mark.parametrize("flags", [0x2, 0x202, 0x3202, 0x1202])
def test_user_code_that_could_see_the_real_flags_is_interpreted(flags: int) -> None:
    text = f"""
    push 0x2b
    push 0x8c0000
    push {flags:#x}
    push 0x33
    push user
    iret
.org 0x800000
user:
    pushf
    pop rax
    push 0x2
    popf
    pushf
    pop rbx
    int 3
""" + GATE.format(vector=3, at="end").replace("0x8e00", "0xee00")
    assert differences(text, "bt") == []
    interpreted = go(text, "bt").counts(EventKind.CALLOUT).get("interpret", 0)
    assert (interpreted > 0) is (flags != 0x202)


# An interrupt may come at any boundary: the timer is set to each of them in turn.
ALIGNMENTS = {
    "a loop whose jumps are chained meanwhile": looped("add rbx, 1\njmp next\nnext:\n", 5),
    "sti and the instruction in its shadow": looped("cli\nnop\nsti\nadd rbx, 1\nnop\n", 4),
    "sti at the end of a block": looped(
        "jmp full\nfull:\ncli\n" + "nop\n" * (BLOCK_INSTRUCTIONS - 2) + "sti\ninc rbx\ninc rbx\n", 2
    ),
    "flags in place": looped("pushf\ncli\ninc rbx\npopf\n", 4),
    "loads of ss": looped("mov rsi, 0x10\nmov ss, rsi\nmov rdi, [0x400000 + rbp*8]\n", 4),
    "calls and returns": looped("call leaf\n", 4) + "jmp end\nleaf:\ninc rbx\nret\n",
}
IN_USER_MODE = (
    TO_USER
    + """
    mov rsi, 0x2b
    mov ss, rsi
    mov rdi, [0x900000]
    mov ss, rsi
    mov rdi, [0x901000]
    mov ss, rsi
    mov [0x902000], rdi
    int 3
"""
    + GATE.format(vector=3, at="end").replace("0x8e00", "0xee00")
)


@pytest.mark.parametrize("what", ALIGNMENTS)
def test_an_interrupt_at_any_moment_finds_the_same_state(what: str) -> None:
    for count in range(1, 60):
        text = TIMER.format(count=count) + "sti\n" + ALIGNMENTS[what] + "jmp end\n" + HANDLER
        for name in ("bt", "hw_shadow", "hw_nested"):
            assert differences(text, name) == [], (count, name)


def test_an_interrupt_at_any_moment_of_a_program_finds_the_same_state() -> None:
    for count in range(1, 30):
        text = TIMER.format(count=count) + "sti\n" + IN_USER_MODE + HANDLER
        for name in ("bt", "hw_shadow", "hw_nested"):
            assert differences(text, name) == [], (count, name)


@pytest.mark.parametrize("budget", range(3, 40))
def test_a_run_that_is_cut_off_ends_between_two_guest_instructions(budget: int) -> None:
    text = looped("pushf\ncli\ninc rbx\npopf\ncall leaf\n", 30) + "jmp end\nleaf:\nret\n"
    assert differences(text, "bt", budget=budget) == []


def test_a_full_cache_is_emptied_and_the_guest_notices_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routines = "".join(f"call leaf{n}\n" for n in range(40))
    leaves = "".join(f"leaf{n}:\nadd rax, {n}\nret\n" for n in range(40))
    text = looped(routines, 3) + "jmp end\n" + leaves
    monkeypatch.setattr("virtdocs.vmm.translation_cache.CODE_PAGES", 3)
    machine, _ = ready(text, "bt")
    engine = machine.engines[0]
    assert isinstance(engine, BinaryTranslationEngine)
    run(machine.board, machine.engines, 20_000)
    assert machine.trace.total(EventKind.TRANSLATE) > 100
    assert differences(text, "bt") == []
