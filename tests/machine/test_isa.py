"""The encoding is one to one, and nothing but an instruction decodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine.bench import ins
from virtdocs.machine.instructions import BY_FORM, BY_NAME, BY_OPCODE, SPECS
from virtdocs.machine.isa import (
    FORM_NUMBER,
    FORMS,
    NO_REGISTER,
    Instruction,
    Undecodable,
    decode,
    encode,
)
from virtdocs.machine.registers import WORD_MASK

REGISTER = st.integers(0, 15)
SIGNED32 = st.integers(-(1 << 31), (1 << 31) - 1)


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    """Any valid instruction: the fields that its form does not use are at their defaults."""
    spec = draw(st.sampled_from(SPECS))
    form = draw(st.sampled_from(spec.forms))
    registers = sum(letter in "rsc" for letter in form)
    fields: dict[str, int | str] = {}
    if registers > 0:
        fields["a"] = draw(REGISTER)
    if registers > 1:
        fields["b"] = draw(REGISTER)
    if "a" in form:
        fields["size"] = draw(st.sampled_from((1, 2, 4)))
    if "m" in form:
        fields["size"] = draw(st.sampled_from((1, 2, 4, 8)))
        fields["base"] = draw(st.integers(NO_REGISTER, 15))
        fields["index"] = draw(st.integers(NO_REGISTER, 15))
        if fields["index"] != NO_REGISTER:
            fields["scale"] = draw(st.sampled_from((1, 2, 4, 8)))
        fields["segment"] = draw(st.sampled_from(("", "fs", "gs")))
        fields["disp"] = draw(SIGNED32)
        if "i" in form:
            fields["imm"] = draw(SIGNED32) & WORD_MASK
    elif "i" in form:
        fields["imm"] = draw(st.integers(0, WORD_MASK))
    return ins(spec.mnemonic, form, **fields)


@given(instructions())
def test_decoding_an_encoded_instruction_gives_it_back(one: Instruction) -> None:
    assert decode(*encode(one)) == one


@given(
    st.sampled_from(SPECS).map(lambda spec: spec.opcode) | st.integers(0, 255),
    st.integers(0, len(FORMS)),
    st.integers(0, (1 << 28) - 1),
    st.integers(0, WORD_MASK),
)
def test_what_decodes_has_this_one_encoding(opcode: int, form: int, rest: int, w1: int) -> None:
    w0 = opcode | form << 8 | rest << 16
    try:
        one = decode(w0, w1)
    except Undecodable:
        return
    assert encode(one) == (w0, w1)
    assert one.form in one.spec.forms


def test_memory_full_of_zeros_is_no_instruction() -> None:
    with pytest.raises(Undecodable):
        decode(0, 0)


NOT_INSTRUCTIONS = {
    "an opcode that nobody declared": (0xFF, 0),
    "a form that does not exist": (ins("nop").spec.opcode | 0xFE << 8, 0),
    "a form that the instruction does not have": (ins("nop").spec.opcode | 1 << 8, 0),
    "a register field in an instruction without registers": (encode(ins("nop"))[0] | 1 << 16, 0),
    "a second register in a one-register form": (encode(ins("inc", "r"))[0] | 1 << 20, 0),
    "an immediate in a register form": (encode(ins("add", "rr"))[0], 1),
    "a base register without a memory operand": (encode(ins("inc", "r"))[0] | 1 << 28, 0),
    "a scale without an index": (encode(ins("inc", "m"))[0] | 1 << 37, 0),
    "a base number without its has-base bit": (encode(ins("inc", "m"))[0] | 3 << 24, 0),
    "a third segment override": (encode(ins("inc", "m"))[0] | 3 << 42, 0),
    "a port access of eight bytes": (encode(ins("in", "ar", size=1))[0] | 3 << 40, 0),
    "a bit above the fields": (encode(ins("nop"))[0] | 1 << 63, 0),
    "a displacement's upper half in use": (encode(ins("inc", "m"))[0], 1 << 32),
}


@pytest.mark.parametrize("words", NOT_INSTRUCTIONS.values(), ids=NOT_INSTRUCTIONS.keys())
def test_reserved_bits_must_be_zero(words: tuple[int, int]) -> None:
    with pytest.raises(Undecodable):
        decode(*words)


def test_every_table_holds_every_instruction() -> None:
    assert set(BY_OPCODE.values()) == set(SPECS) == set(BY_NAME.values())
    assert len(BY_FORM) == sum(len(spec.forms) for spec in SPECS)
    assert all(spec.summary and 0 < spec.opcode < 256 for spec in SPECS)
    assert all(form in FORM_NUMBER for spec in SPECS for form in spec.forms)


# interface.md and design.md section 4 name these.
NAMED = (
    "cli sti popf pushf hlt in out invlpg lidt lgdt sgdt sidt sldt str smsw lmsw clts lldt ltr lar "
    "lsl verr verw push pop mov callf jmpf retf int iret syscall sysret swapgs rdmsr wrmsr rdtsc "
    "cpuid vmcall vmmcall vmlaunch vmresume vmxon vmxoff vmptrld vmread vmwrite vmrun"
)


@pytest.mark.parametrize("mnemonic", NAMED.split())
def test_the_set_has_the_instructions_that_the_subject_is_about(mnemonic: str) -> None:
    assert any(spec.mnemonic == mnemonic for spec in SPECS)
