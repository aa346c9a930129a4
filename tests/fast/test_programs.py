"""Small programs that a translator gets wrong first: each on both cores, with its point checked."""

from __future__ import annotations

import pytest

from tests.fast.compare import differences, ran
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.registers import RAX, RBX, WORD_MASK

SAME_STATE = ("native", "bt", "hw_shadow", "hw_nested")
END = """
    mov rax, rbx
    out 0xf4, eax
"""
LOOP = (
    """
start:
    mov rcx, 40
    xor rbx, rbx
    mov rdi, 0x300000
again:
{body}
    dec rcx
    jne again
"""
    + END
)

NEIGHBOURS = """
    lea rsi, [rdi + {start}]
    mov rax, [rsi]
    add rax, [rsi + 8]
    add rax, [rsi + 16]
    mov [rsi + 8], rcx
    mov [rsi + 16], rcx
    mov [rsi + 24], rax
    add rbx, rax
"""
# What the loop's body does, and rbx after forty rounds (None: only equality is asked).
BODIES = {
    "a store changes an instruction that is about to run": (
        "inc rdx\n dec rdx\n mov rax, [patch + 8]\n inc rax\n mov [patch + 8], rax\n"
        " jmp patch\npatch:\n add rbx, 0", 820,
    ),
    "a store into the page of the running code hits no instruction": (
        "inc qword [0x100800]\n mov rbx, [0x100800]", 40,
    ),
    "an access crosses a word": (
        "inc rdx\n dec rdx\n mov [rdi + 5], rcx\n add rbx, [rdi + 5]", 820,
    ),
    "a sum in memory crosses a word": (
        "inc rdx\n dec rdx\n add [rdi + 5], rcx\n mov rbx, [rdi + 5]", 820,
    ),
    "an access crosses a page": (
        "inc rdx\n dec rdx\n mov [rdi + 0xffc], rcx\n add rbx, [rdi + 0xffc]", 820,
    ),
    "neighbours reach over the end of a page": (NEIGHBOURS.format(start=0xFF0), None),
    "neighbours lie off a word": (NEIGHBOURS.format(start=0xFF4), None),
    "neighbours go on in a page that left the TLB": (
        "mov rax, [rdi]\n mov [rdi], rcx\n"
        + "".join(f" add rbx, [{0x400000 + 4096 * n:#x}]\n" for n in range(66))
        + " add rbx, [rdi + 8]\n mov [rdi + 16], rcx\n add rbx, [rdi + 16]", 820,
    ),
    "bytes and halves keep their neighbours": (
        "mov byte [rdi + 3], 7\n mov word [rdi + 6], 9\n inc dword [rdi]\n mov rbx, [rdi]",
        (9 << 48) + (7 << 24) + 40,
    ),
    "flags live across a loop's end": ("jae low\n inc rbx\nlow:\n cmp rcx, 20", 18),
    "pushf sees the flags of an earlier instruction": (
        "cmp rcx, 17\n pushf\n pop rax\n and rax, 0x8c1\n add rbx, rax", None,
    ),
    "cli, sti and popf in a row": ("pushf\n cli\n popf\n sti\n nop\n cli\n inc rbx", 40),
    "a call through a register that changes": (
        "mov rax, one\n test rcx, 1\n je even\n mov rax, two\neven:\n call rax\n jmp done\n"
        "one:\n inc rbx\n ret\ntwo:\n add rbx, 2\n ret\ndone:", 60,
    ),
    "a division that faults now and then is left alone": (
        "mov rdx, 0\n mov rax, 100\n div rcx\n add rbx, rax", None,
    ),
    "shifts by zero, by one and by a register": (
        "mov rax, rcx\n shl rax, 0\n pushf\n pop rdx\n shl rax, 1\n sar rax, rcx\n"
        " pushf\n pop rdx\n xor rbx, rax\n xor rbx, rdx", None,
    ),
    "xchg and rsp as an operand": (
        "push rcx\n xchg [rsp], rbx\n pop rax\n lea rsp, [rsp - 8]\n mov [rsp], rax\n"
        " pop rsi", None,
    ),
}  # fmt: skip


# Under a monitor the store into code faults each round, and the code is new each time.
NEVER_THE_SAME = ("a store changes an instruction that is about to run",)


def program(text: str) -> Program:
    """A program as ``virtdocs run FILE.s`` assembles it."""
    return assemble(text, constants={**BUILDS["native"].constants, "LEVELS": 4})


@pytest.mark.parametrize("technique_name", SAME_STATE)
@pytest.mark.parametrize("title", BODIES)
def test_a_loop_ends_the_same_when(title: str, technique_name: str) -> None:
    body, expected = BODIES[title]
    guest = program(LOOP.format(body=body))
    assert differences(technique(technique_name), guest) == {}
    board = ran(technique(technique_name), guest, hot=1).board
    if title not in NEVER_THE_SAME:
        assert board.translated > 0
    if expected is not None:
        assert board.cpus[0].regs[RBX] == expected


EDGES = (0, 1, 2, (1 << 63) - 1, 1 << 63, WORD_MASK - 1, WORD_MASK)
OPERATIONS = ("add", "sub", "cmp", "and", "or", "xor", "test", "imul")
UNARY = ("inc", "dec", "neg", "not", "mul", "shl 1", "shr 1", "sar 1", "shl 13", "shr 13", "sar 13")


@pytest.mark.parametrize("operation", OPERATIONS + UNARY)
def test_every_flag_after_every_operation_on_edge_values(operation: str) -> None:
    """The flags are read by pushf in translated code, and by each condition."""
    values = [str(value) for value in EDGES]
    name, _, count = operation.partition(" ")
    binary = operation in OPERATIONS
    line = f"{name} rax, rdx" if binary else f"{name} rax, {count}" if count else f"{name} rax"
    checks = "".join(
        f"\n {line_before}\n j{condition} c{n}\n add rbx, {1 << n}\nc{n}:"
        for n, condition in enumerate("e ne b ae be a l ge le g s ns o no".split())
        for line_before in (f"mov rax, [rsi]\n mov rdx, [rdi]\n {line}",)
    )
    text = f"""
start:
    mov rbp, 6
round:
    xor rbx, rbx
    mov rsi, table
outer:
    mov rdi, table
inner:
    mov rax, [rsi]
    mov rdx, [rdi]
    {line}
    pushf
    pop rcx
    add rbx, rcx
    shl rbx, 1
    {checks}
    add rdi, 8
    cmp rdi, table_end
    jne inner
    add rsi, 8
    cmp rsi, table_end
    jne outer
    dec rbp
    jne round
    {END}
    .align 64
table:
    .quad {", ".join(values)}
table_end:
    .quad 0
"""
    guest = program(text)
    assert differences(technique("native"), guest) == {}
    board = ran(technique("native"), guest, hot=1).board
    assert board.translated > board.retired // 2


def test_a_program_of_two_thousand_instructions_is_left_to_the_interpreter_mostly() -> None:
    """Tiering: nothing is compiled that would not pay for itself."""
    lines = "\n".join(f"add rax, {n}" for n in range(1_900))
    board = ran(technique("native"), program(f"start:\n{lines}\n{END}"), hot=16).board
    assert board.translated == 0
    assert board.cpus[0].regs[RAX] == board.cpus[0].regs[RBX] == 0


def test_a_fault_in_a_trace_shows_the_registers_of_its_instruction() -> None:
    """The loop walks off the mapped memory: where it stops is exact, flags included."""
    guest = program(
        "start:\n mov rdi, 0xff0000\n xor rbx, rbx\nagain:\n inc rbx\n sub rdx, rbx\n"
        " mov rax, [rdi]\n add rdi, 8\n jmp again\n"
    )
    assert differences(technique("native"), guest) == {}
    board = ran(technique("native"), guest, hot=1).board
    assert board.cpus[0].regs[RBX] == (0x1000000 - 0xFF0000) // 8 + 1


IDLE = ("here: jmp here", "here: nop\n jmp here", "here: jmp on\non: jmp here")


@pytest.mark.parametrize("body", IDLE)
@pytest.mark.parametrize("name", SAME_STATE)
def test_a_loop_that_does_nothing_ends_by_its_budget(name: str, body: str) -> None:
    program = assemble(f"start:\n{body}\n", "idle.s", constants=BUILDS["native"].constants)
    preset = technique(name)
    assert differences(preset, program, hot=2, budget=5_000) == {}
    fast = ran(preset, program, hot=2, budget=5_000)
    assert fast.board.retired == 5_000
    assert fast.share > 0.9 or name != "native"
