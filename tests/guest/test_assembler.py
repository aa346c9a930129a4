"""The assembler: what assembles to what, and what a mistake is told."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtdocs.errors import AssemblyError, VirtdocsErrors
from virtdocs.guest.assembler import MAX_ERRORS, assemble, assemble_files
from virtdocs.guest.disassembler import instruction_at, listing, text_of
from virtdocs.guest.encoder import MNEMONICS
from virtdocs.guest.program import Program
from virtdocs.machine.firmware import LOAD_ADDRESS
from virtdocs.machine.instructions import BY_FORM
from virtdocs.machine.isa import Instruction, decode, encode
from virtdocs.machine.registers import CONTROL_NAMES, WORD_MASK

UNHURRIED = settings(deadline=None)  # other tests run at the same time


def errors_of(text: str, **constants: int) -> list[str]:
    """What the assembler says about a wrong program, one line a mistake."""
    with pytest.raises(VirtdocsErrors) as caught:
        assemble(text, constants=constants)
    assert all(isinstance(error, AssemblyError) for error in caught.value.errors)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("mov rax, 5", "mov rax, 5"),
        ("MOV RAX, R15", "mov rax, r15"),
        ("mov rax, -1", "mov rax, -1"),
        ("mov rax, 0xffff_ffff_ffff_ffff", "mov rax, -1"),
        ("mov rax, 'A' + 1", "mov rax, 0x42"),
        ("mov rax, 0b101 << 4 | 1", "mov rax, 0x51"),
        ("mov rax, -(2 + 3) * 4", "mov rax, -0x14"),
        ("mov rax, 7 / 2 - 1 & 6", "mov rax, 2"),
        ("mov [rax], rbx", "mov [rax], rbx"),
        ("mov rcx, [rax + rbx*8 - 16]", "mov rcx, [rax + rbx*8 - 0x10]"),
        ("mov rcx, [8*rbx + rax]", "mov rcx, [rax + rbx*8]"),
        ("mov rcx, [4 + rsp]", "mov rcx, [rsp + 4]"),
        ("mov rcx, [2 * 8 + rsp + 1]", "mov rcx, [rsp + 0x11]"),
        ("mov rcx, [rax + rbx]", "mov rcx, [rax + rbx*1]"),
        ("mov byte gs:[8], 1", "mov byte gs:[8], 1"),
        ("mov dword [fs:rdi], 1", "mov dword fs:[rdi], 1"),
        ("push qword [rsp + 8]", "push [rsp + 8]"),
        ("mov cr3, rdx", "mov cr3, rdx"),
        ("mov rdx, cr8", "mov rdx, cr8"),
        ("mov rax, cs", "mov rax, cs"),
        ("push gs", "push gs"),
        ("in al, dx", "in al, dx"),
        ("out 0xe9, al", "out 0xe9, al"),
        ("out dx, eax", "out dx, eax"),
        ("int 0x80", "int 0x80"),
        ("iretq", "iret"),
        ("jz 0x100000", "je 0x100000"),
        ("jnc 0x100000", "jae 0x100000"),
        ("lea rdi, [start]", "lea rdi, [0x100000]"),
        ("hlt ; the end", "hlt"),
        ("hlt # the end", "hlt"),
    ],
)
def test_a_line_means(line: str, meaning: str) -> None:
    program = assemble(f"start: {line}")
    ins = instruction_at(program, LOAD_ADDRESS)
    assert ins is not None
    assert text_of(ins) == meaning


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (".byte 1, -1, 255, 'z'", b"\x01\xff\xffz"),
        (".quad 1, -1", struct.pack("<QQ", 1, WORD_MASK)),
        (".quad here\nhere:", struct.pack("<Q", LOAD_ADDRESS + 8)),
        ('.ascii "a;#\\n", "\\0가"', "a;#\n\0가".encode()),
        (".zero 3\n.byte 1", b"\0\0\0\x01"),
        (".byte 1\n.zero 0\n.byte 2", b"\x01\x02"),
        (".equ A, B + 1\n.equ B, 4\n.byte A", b"\x05"),
        (".byte end - $\nend:", b"\x01"),
        (".if 0\n.byte 1\n.else\n.byte 2\n.endif", b"\x02"),
        (".if 1\n.if 0\nrubbish ]\n.else\n.byte 3\n.endif\n.else\n.byte 4\n.endif", b"\x03"),
        (".if 0\n.if 1\n.byte 1\n.endif\nwhat is this?\n.endif\n.byte 9", b"\x09"),
    ],
)
def test_a_directive_puts_these_bytes(text: str, data: bytes) -> None:
    program = assemble(f"{text}\n.org 0x200000\nstart: hlt")
    assert program.chunks[0] == (LOAD_ADDRESS, data)


def test_an_instruction_moves_to_the_next_sixteen_and_its_label_with_it() -> None:
    program = assemble("start: hlt\n.byte 1\nnext: hlt\nlast:")
    assert program.labels == {
        "start": LOAD_ADDRESS,
        "next": LOAD_ADDRESS + 32,
        "last": LOAD_ADDRESS + 48,
    }


def test_the_program_starts_at_start_or_at_its_first_instruction() -> None:
    assert assemble(".quad 1\nnop\nstart: hlt").entry == LOAD_ADDRESS + 32
    assert assemble(".quad 1\nnop\nhlt").entry == LOAD_ADDRESS + 16


def test_the_result_region_is_declared_and_may_use_later_labels() -> None:
    program = assemble(".result out, out_end - out\nhlt\nout: .zero 24\nout_end:")
    assert program.result == (LOAD_ADDRESS + 16, 24)


def test_several_files_share_labels_and_keep_their_names_in_errors() -> None:
    program = assemble_files([("a.s", "start: jmp there"), ("b.s", "there: hlt")], "both")
    assert program.lines[LOAD_ADDRESS + 16].file == "b.s"
    with pytest.raises(VirtdocsErrors, match=r"b\.s:2:1: unknown instruction 'htl'"):
        assemble_files([("a.s", "start: jmp there"), ("b.s", "there:\nhtl")], "both")


def test_a_program_may_define_a_constant_that_the_loader_also_gives() -> None:
    given = assemble(".byte N\nnop", constants={"N": 3})
    assert given.bytes_at(LOAD_ADDRESS, 1) == b"\x03"
    shadowed = assemble(".equ N, 4\n.byte N\nnop", constants={"N": 3})
    assert shadowed.bytes_at(LOAD_ADDRESS, 1) == b"\x04"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "program.s:1:1: a program needs an instruction"),
        ("mvo rax, 1", "program.s:1:1: unknown instruction 'mvo'. Did you mean mov?"),
        (".quda 1", "program.s:1:1: unknown directive '.quda'. Did you mean .quad?"),
        ("\n  jmp strat\nstart: hlt", "2:7: 'strat' is not defined. Did you mean start?"),
        ("push rax, rbx", "1:1: push does not take register, register; its forms are: register |"),
        ("mov al, 1", "1:1: mov does not take al/ax/eax, number; its forms are: register, reg"),
        ("hlt 1", "1:1: hlt does not take number; its forms are: no operands"),
        ("mov dword [rax], 0x80000000", "1:18: a number beside a memory operand must be from"),
        ("mov rax, [0x80000000]", "1:11: a displacement must be from"),
        ("int 256", "1:5: an interrupt vector must be from 0x0 to 0xff, not 0x100"),
        ("out 0x10000, al", "1:5: a port must be from"),
        ("in al, rbx", "1:8: a port is a number or dx"),
        ("mov dx, 1", "1:5: dx names a port in in and out only. Did you mean rdx?"),
        ("mov rax, 1 << 64", "1:12: cannot shift by 64"),
        ("mov rax, 1 / 0", "1:12: division by zero"),
        ("mov rax, 0x10000000000000000", "1:10: a value does not fit into 64 bits"),
        ("mov rax, 12x", "1:10: '12x' is no number"),
        ("mov rax, 'ab'", "1:10: unexpected character"),
        ("mov rax, [rax*3]", "1:15: an index is scaled by 1, 2, 4, 8, not 3"),
        ("mov rax, [rax + rbx + rcx]", "1:23: too many registers in an address"),
        ("mov rax, [rbx - rcx]", "1:15: a register cannot be subtracted"),
        ("mov rax, es:[rbx]", "1:10: es has no base of its own"),
        ("mov rax, [rbx", "1:14: expected ']', found the end of the line"),
        ("mov rax, ((1)", "1:14: expected ')', found the end of the line"),
        ("mov rax, " + "(" * 40, "parentheses nested too deep"),
        ("mov rax rbx", "1:9: expected the end of the line, found 'rbx'"),
        ("a: nop\na: nop", "2:1: 'a' is already defined at program.s:1:1"),
        ("rax: nop", "1:1: rax is a register, it cannot be a label"),
        (".equ x, y\n.equ y, x\nnop", "1:9: the value of 'y' goes in a circle"),
        (".equ x, y\nnop", "1:9: 'y' is not defined"),
        (".zero later\nnop\nlater:", "1:7: 'later' must be defined before this line uses it"),
        (".zero -1\nnop", "1:7: cannot reserve -1 bytes"),
        (".align 3\nnop", "1:8: 3 is no power of two to align to"),
        (".org 0x1000000\nnop", "1:6: address 0x1000000 is outside the first 16 MiB"),
        (".org 0xfffff0\nnop\nnop", "3:1: the program goes beyond the first 16 MiB"),
        ("nop\n.org 0x100008\n.byte 1", "3:1: address 0x100008 is taken by program.s:1:1"),
        (".byte 256\nnop", "1:7: 0x100 does not fit into 8 bits"),
        (".byte 1 2\nnop", "1:9: expected the end of the line, found '2'"),
        ('.ascii "\\q"\nnop', "1:8: unknown escape \\q"),
        ('.ascii "a\nnop', "1:8: unexpected character '\"'"),
        (".result 0, 0\nnop", "1:1: the result region does not lie in the first 16 MiB"),
        (".result 1, 1\n.result 1, 1\nnop", "2:1: .result is already at program.s:1:1"),
        (".if PV\n.endif\nnop", "1:5: 'PV' is not defined"),
        (".if 1\nnop", "1:1: .if without .endif"),
        ("nop\n.endif", "2:1: .endif without .if"),
        (".if 1\n.else\n.else\n.endif\nnop", "3:1: .else without .if"),
        ("a: .if 1\nnop\n.endif", "1:4: .if needs a line of its own"),
        ("nop\nmov rax, 가", "2:10: unexpected character '가'"),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, message: str) -> None:
    assert message in errors_of(text)[0]


def test_all_mistakes_of_a_file_are_told_up_to_twenty() -> None:
    assert errors_of("nop\nfoo1\njmp nowhere\nqqqq") == [
        "program.s:2:1: unknown instruction 'foo1'",
        "program.s:3:5: 'nowhere' is not defined",
        "program.s:4:1: unknown instruction 'qqqq'",
    ]
    assert len(errors_of("wrong1 1\n" * 50)) == MAX_ERRORS


@UNHURRIED
@given(st.text(max_size=200))
def test_any_text_gives_a_program_or_a_mistake(text: str) -> None:
    with suppress(VirtdocsErrors):
        assert isinstance(assemble(text), Program)


WORDS = st.sampled_from(
    [
        *sorted(MNEMONICS), "rax", "rsp", "cs", "cr3", "al", "dx", "gs:", "byte", "[", "]", "(",
        ")", "+", "-", "*", "/", "<<", ">>", ",", ":", "$", "1", "8", "0x80000000", "a", "a:",
        ".org", ".align", ".byte", ".quad", ".zero", ".ascii", ".equ", ".result", ".if", ".else",
        ".endif", '"text"', "'c'", ";", "\n", "\n", "\n",
    ]
)  # fmt: skip


@UNHURRIED
@given(st.lists(WORDS, max_size=40))
def test_any_words_give_a_program_or_a_mistake(words: list[str]) -> None:
    with suppress(VirtdocsErrors):
        assert isinstance(assemble(" ".join(words)), Program)


def registers(kind: str) -> st.SearchStrategy[int]:
    """Register numbers that the operand letter allows."""
    if kind == "s":
        return st.integers(0, 5)
    if kind == "c":
        return st.sampled_from(sorted(CONTROL_NAMES))
    return st.integers(0, 15)


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    """Any instruction that a text can name."""
    (mnemonic, form), spec = draw(st.sampled_from(sorted(BY_FORM.items(), key=lambda e: e[0])))
    kinds = [kind for kind in form if kind in "rsc"]
    a = draw(registers(kinds[0])) if kinds else 0
    b = draw(registers(kinds[1])) if len(kinds) > 1 else 0
    if "a" in form:
        size = draw(st.sampled_from([1, 2, 4]))
        number = draw(st.integers(0, 0xFFFF)) if "i" in form else 0
        return Instruction(spec, form, 2 if "r" in form else 0, size=size, imm=number)
    fields: dict[str, int | str] = {}
    if "m" in form:
        index = draw(st.integers(-1, 15))
        fields = {
            "base": draw(st.integers(-1, 15)),
            "index": index,
            "scale": draw(st.sampled_from([1, 2, 4, 8])) if index >= 0 else 1,
            "size": draw(st.sampled_from([1, 2, 4, 8])),
            "segment": draw(st.sampled_from(["", "fs", "gs"])),
            "disp": draw(st.integers(-(1 << 31), (1 << 31) - 1)),
        }
    if "i" in form:
        low, high = (-(1 << 31), (1 << 31) - 1) if "m" in form else (-(1 << 63), (1 << 64) - 1)
        if mnemonic == "int":
            low, high = 0, 255
        fields["imm"] = draw(st.integers(low, high)) & WORD_MASK
    return Instruction(spec, form, a, b, **fields)


@UNHURRIED
@given(instructions())
def test_an_instruction_survives_encoding_text_and_assembly(ins: Instruction) -> None:
    assert decode(*encode(ins)) == ins
    text = text_of(ins)
    assert text is not None
    assert instruction_at(assemble(text), LOAD_ADDRESS) == ins


@UNHURRIED
@given(st.integers(0, WORD_MASK), st.integers(0, WORD_MASK))
def test_bytes_that_no_text_says_are_listed_without_one(w0: int, w1: int) -> None:
    program = assemble(f"start: hlt\n.quad {w0}, {w1}")
    rows = list(listing(program))
    assert [row[0] for row in rows] == [LOAD_ADDRESS, LOAD_ADDRESS + 16]
    assert rows[0][2] == "hlt"
    assert rows[1][1] == struct.pack("<QQ", w0, w1).hex()


def test_the_listing_names_branch_targets() -> None:
    texts = [text for _, _, text, _ in listing(assemble("start: call f\nhlt\nf: jmp start"))]
    assert texts == ["call f", "hlt", "jmp start"]
