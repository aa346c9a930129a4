"""The classes of all instructions, found by running, against what the literature says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtdocs.experiments.classification import (
    CRITICAL,
    EXECUTION,
    INNOCUOUS,
    PRIVILEGED,
    RING,
    UNDEFINED,
    Classified,
    classify,
    classify_one,
)
from virtdocs.experiments.stage import SCENES, Setting
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.instructions import BY_FORM, BY_NAME, SPECS
from virtdocs.machine.isa import Instruction, Spec
from virtdocs.machine.registers import IF

UMIP, TSD, AMD = Setting(umip=True), Setting(tsd=True), Setting(vendor="amd")

# Robin and Irvine 2000, §3.2: the mnemonics of the Pentium's sensitive, unprivileged
# instructions, each with the forms of this machine that its argument is about.
ROBIN_IRVINE = {
    "SGDT": [("sgdt", "m")],
    "SIDT": [("sidt", "m")],
    "SLDT": [("sldt", "r"), ("sldt", "m")],
    "SMSW": [("smsw", "r"), ("smsw", "m")],
    "PUSHF": [("pushf", "")],
    "POPF": [("popf", "")],
    "LAR": [("lar", "rr")],
    "LSL": [("lsl", "rr")],
    "VERR": [("verr", "r")],
    "VERW": [("verw", "r")],
    "POP": [("pop", "s")],
    "PUSH": [("push", "s")],
    "CALL": [("callf", "m")],
    "JMP": [("jmpf", "m")],
    "INT n": [("int", "i")],
    "RET": [("retf", "")],
    "STR": [("str", "r"), ("str", "m")],
    "MOV": [("mov", "sr"), ("mov", "rs")],
}


def of(mnemonic: str, form: str = "", setting: Setting | None = None) -> Classified:
    spec = BY_FORM[mnemonic, form]
    return next(c for c in (classify(setting) if setting else classify()) if c.spec is spec)


def named(kind: str, setting: Setting | None = None) -> set[str]:
    return {c.spec.name for c in (classify(setting) if setting else classify()) if c.kind == kind}


def test_every_instruction_has_one_class() -> None:
    assert [c.spec for c in classify()] == list(SPECS)
    assert {c.kind for c in classify()} == {PRIVILEGED, CRITICAL, INNOCUOUS, UNDEFINED}


def test_the_published_list_of_seventeen_has_eighteen_mnemonics() -> None:
    assert len(ROBIN_IRVINE) == 18


@pytest.mark.parametrize("mnemonic", ROBIN_IRVINE)
def test_each_published_critical_instruction_comes_out_critical(mnemonic: str) -> None:
    for name, form in ROBIN_IRVINE[mnemonic]:
        found = of(name, form)
        assert found.sensitive
        assert not found.privileged
        assert found.runs_at == (0, 1, 3)


def test_beyond_the_published_list_only_iret_and_syscall_are_critical() -> None:
    published = {BY_FORM[at].name for forms in ROBIN_IRVINE.values() for at in forms}
    assert named(CRITICAL) - published == {"iret", "syscall"}
    # iret drops IF as silently as popf; syscall came after the Pentium, and enters ring 0.
    assert ("if",) in {e.changed for e in of("iret").evidence if e.cause == "iopl" and e.cpl == 1}
    entered = {e.cpl for e in of("syscall").evidence if e.cause == EXECUTION and "cpl" in e.changed}
    assert entered == {1, 3}


# mnemonic, form -> something on which its result depends, or that it changes
REASONS = [
    ("sgdt", "m", "gdtr", "memory"),
    ("sidt", "m", "idtr", "memory"),
    ("sldt", "r", "ldtr", "rbx"),
    ("str", "r", "tr", "rbx"),
    ("smsw", "r", "cr0", "rbx"),
    ("pushf", "", "if", "memory"),
    ("pushf", "", "iopl", "memory"),
    ("popf", "", "iopl", "if"),
    ("popf", "", RING, "if"),
    ("popf", "", EXECUTION, "if"),
    ("lar", "rr", RING, "flags"),
    ("lar", "rr", "gdtr", "rbx"),
    ("lsl", "rr", "gdtr", "rbx"),
    ("verr", "r", RING, "flags"),
    ("verw", "r", RING, "flags"),
    ("push", "s", RING, "memory"),
    ("pop", "s", "gdtr", "ds"),
    ("mov", "sr", "gdtr", "ds"),
    ("mov", "rs", RING, "rbx"),
    ("callf", "m", RING, "memory"),
    ("jmpf", "m", "gdtr", "cs"),
    ("retf", "", "gdtr", "cs"),
    ("int", "i", "idtr", "rip"),
    ("int", "i", EXECUTION, "if"),
]


@pytest.mark.parametrize(("mnemonic", "form", "cause", "changed"), REASONS)
def test_the_evidence_names_what_a_deprivileged_kernel_would_notice(
    mnemonic: str, form: str, cause: str, changed: str
) -> None:
    evidence = of(mnemonic, form).evidence
    assert any(e.cause == cause and changed in e.changed for e in evidence)


# SDM vol. 3A §5.9, and those that §19.5 of vol. 1 makes depend on the IOPL.
SYSTEM_INSTRUCTIONS = (
    "lgdt lidt lldt ltr mov_cr clts lmsw invlpg invd wbinvd rdmsr wrmsr hlt swapgs sysret "
    "cli sti in_ out"
).split()


def test_the_privileged_instructions_are_those_of_the_manual() -> None:
    assert named(PRIVILEGED) == set(SYSTEM_INSTRUCTIONS)
    for name in SYSTEM_INSTRUCTIONS:
        found = next(c for c in classify() if c.spec.name == name)
        assert found.runs_at == (0,)
        assert {(1, "gp"), (3, "gp")} <= set(found.faults)


def test_only_io_and_the_interrupt_flag_open_with_the_iopl() -> None:
    opened = {c.spec.name for c in classify() if (3, "iopl") in c.opened_by}
    assert opened == {"cli", "sti", "in_", "out"}


def test_near_transfers_moves_arithmetic_and_identity_are_innocuous() -> None:
    plain = {s.name for s in SPECS if s.group in ("alu", "data")}
    near = {s.name for s in SPECS if s.mnemonic.startswith("j") and s.name != "jmpf"}
    rest = {"call", "ret", "nop", "pause", "stc", "clc", "cpuid", "rdtsc"}
    assert named(INNOCUOUS) == plain | near | rest
    assert all(not c.evidence for c in classify() if c.kind == INNOCUOUS)


def test_umip_makes_the_five_stores_privileged_and_nothing_else() -> None:
    stores = {"sgdt", "sidt", "sldt", "str_", "smsw"}
    assert named(PRIVILEGED, UMIP) - named(PRIVILEGED) == stores
    assert named(CRITICAL) - named(CRITICAL, UMIP) == stores
    assert named(PRIVILEGED) <= named(PRIVILEGED, UMIP)


def test_tsd_makes_rdtsc_privileged_and_nothing_else() -> None:
    assert named(PRIVILEGED, TSD) - named(PRIVILEGED) == {"rdtsc"}
    assert named(CRITICAL, TSD) == named(CRITICAL)


def test_virtualization_instructions_run_nowhere_without_a_hypervisor() -> None:
    virtualization = {s.name for s in SPECS if s.group == "virtualization"}
    assert named(UNDEFINED) == named(UNDEFINED, AMD) == virtualization | {"ud2", "xsetbv"}


def test_in_guest_mode_the_vendor_decides_which_hypercall_exits() -> None:
    assert of("vmcall").exits == tuple((cpl, "hypercall") for cpl in (0, 1, 3))
    assert of("vmcall", setting=AMD).exits == ()
    assert of("vmmcall", setting=AMD).exits == of("vmcall").exits


# SDM vol. 3C §26.1.1: privilege faults come before exits; cpuid exits from every ring.
@pytest.mark.parametrize(
    ("mnemonic", "form", "exits"),
    [
        ("hlt", "", ((0, "hlt"),)),
        ("rdmsr", "", ((0, "msr_read"),)),
        ("out", "ra", ((0, "io"),)),
        ("cpuid", "", ((0, "cpuid"), (1, "cpuid"), (3, "cpuid"))),
        ("popf", "", ()),
        ("iret", "", ()),
        ("smsw", "r", ()),
    ],
)
def test_the_hardware_asks_the_hypervisor_where_the_manual_says(
    mnemonic: str, form: str, exits: tuple[tuple[int, str], ...]
) -> None:
    assert of(mnemonic, form).exits == exits


# The method itself: change an instruction and its class follows ---------------------------------


def altered(name: str, execute: object) -> Spec:
    spec = BY_NAME[name]
    assert callable(execute)
    return replace(spec, execute=execute)


def test_a_popf_that_trapped_would_be_privileged() -> None:
    original = BY_NAME["popf"].execute

    def trapping(cpu: Cpu, ins: Instruction) -> None:
        cpu.require_cpl0()
        original(cpu, ins)

    assert classify_one(altered("popf", trapping)).kind == PRIVILEGED


def test_a_nop_that_looked_at_the_interrupt_flag_would_be_critical() -> None:
    def nosy(cpu: Cpu, ins: Instruction) -> None:
        cpu.regs[ins.a] = cpu.rflags & IF

    found = classify_one(altered("nop", nosy))
    assert (found.kind, found.causes) == (CRITICAL, ("if",))


def test_a_nop_that_looked_at_where_it_lies_would_be_critical() -> None:
    def nosy(cpu: Cpu, ins: Instruction) -> None:
        cpu.regs[ins.a] = cpu.cr3

    found = classify_one(altered("nop", nosy))
    assert (found.kind, found.causes) == (CRITICAL, ("relocation",))


def test_an_instruction_that_faults_everywhere_is_undefined() -> None:
    assert classify_one(altered("nop", BY_NAME["ud2"].execute)).kind == UNDEFINED


def test_the_pool_of_operands_holds_every_ring_and_both_flag_values() -> None:
    assert {scene & 3 for scene in SCENES} >= {0, 1, 3}
    assert {bool(scene & IF) for scene in SCENES} == {True, False}
