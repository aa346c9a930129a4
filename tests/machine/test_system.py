"""Control registers, MSRs, privilege, identity, and what a guest may exit on."""

from __future__ import annotations

import pytest

from tests.machine.bench import CODE, DATA, UNMAPPED, Bench, ins
from virtdocs.machine.cpu import Controls
from virtdocs.machine.firmware import TSS_SELECTOR
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR4_TSD,
    CR4_UMIP,
    EFER_LME,
    EFER_LMSLE,
    EFER_SCE,
    EFER_SVME,
    FLAGS_ONE,
    GP,
    GS,
    IF,
    IOPL_SHIFT,
    MSR_EFER,
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_LSTAR,
    MSR_STAR,
    MSR_TSC,
    RAX,
    RBX,
    RCX,
    RDX,
    UD,
)
from virtdocs.machine.traps import Trap, TrapKind
from virtdocs.trace import EventKind, ExitReason

LOW = (1 << 32) - 1


def outcome(trap: Trap | None) -> tuple[int, int | None] | None:
    return None if trap is None else (trap.vector, trap.error)


# Privilege -------------------------------------------------------------------------------------

PRIVILEGED = [
    ins("lgdt", "m", disp=DATA), ins("lidt", "m", disp=DATA), ins("lldt", "r", a=RAX),
    ins("ltr", "r", a=RBX), ins("mov", "cr", a=3, b=RCX), ins("mov", "rc", a=RAX, b=0),
    ins("mov", "rc", a=RAX, b=8), ins("clts"), ins("lmsw", "r", a=RAX), ins("invlpg", "m"),
    ins("invd"), ins("wbinvd"), ins("rdmsr"), ins("wrmsr"), ins("swapgs"), ins("sysret"),
]  # fmt: skip


@pytest.mark.parametrize("one", PRIVILEGED, ids=lambda one: one.mnemonic)
def test_ring_zero_only(one: Instruction) -> None:
    for ring in (0, 1, 3):
        bench = Bench(cpl=ring)
        bench.cpu.regs[RBX], bench.cpu.regs[RCX] = TSS_SELECTOR, MSR_STAR
        bench.place(one)
        before = bench.state()
        trap = bench.cpu.step()
        if ring:
            assert outcome(trap) == (GP, 0)
            assert bench.state() == before
        else:
            assert trap is None


IOPL_SENSITIVE = [
    ins("cli"), ins("sti"), ins("in", "ar", size=1), ins("in", "ai", size=4, imm=0x80),
    ins("out", "ra", size=2), ins("out", "ia", size=1, imm=0x80),
]  # fmt: skip


@pytest.mark.parametrize("one", IOPL_SENSITIVE, ids=lambda one: one.mnemonic + one.form)
def test_rings_up_to_the_iopl_may_do_io_and_mask_interrupts(one: Instruction) -> None:
    for ring in (0, 1, 3):
        for iopl in range(4):
            bench = Bench(cpl=ring)
            bench.cpu.rflags = FLAGS_ONE | iopl << IOPL_SHIFT
            bench.place(one)
            before = bench.state()
            trap = bench.cpu.step()
            assert outcome(trap) == (None if ring <= iopl else (GP, 0))
            if trap is not None:
                assert bench.state() == before


@pytest.mark.parametrize("mnemonic", ["sgdt", "sidt", "sldt", "str", "smsw"])
@pytest.mark.parametrize(("ring", "umip", "refused"), [(0, 1, 0), (1, 1, 1), (3, 1, 1), (3, 0, 0)])
def test_umip_closes_the_windows_into_the_system_registers(
    mnemonic: str, ring: int, umip: int, refused: int
) -> None:
    bench = Bench(cpl=ring)
    bench.cpu.cr4 = CR4_UMIP * umip
    trap = bench.do(mnemonic, "m", disp=DATA)
    assert outcome(trap) == ((GP, 0) if refused else None)


def test_the_stores_show_the_registers_of_the_real_machine() -> None:
    bench = Bench(cpl=3)
    bench.cpu.idtr = (0x1234_5000, 0x7FF)
    bench.do("sidt", "m", disp=DATA)
    bench.do("str", "r", a=RBX)
    bench.do("smsw", "r", a=RAX)
    assert (bench.word(DATA), bench.word(DATA + 8)) == (0x7FF, 0x1234_5000)
    assert (bench.cpu.regs[RBX], bench.cpu.regs[RAX]) == (TSS_SELECTOR, bench.cpu.cr0)


@pytest.mark.parametrize(("ring", "tsd", "refused"), [(0, 1, 0), (1, 1, 1), (3, 1, 1), (3, 0, 0)])
def test_tsd_takes_rdtsc_away_from_outer_rings(ring: int, tsd: int, refused: int) -> None:
    bench = Bench(cpl=ring)
    bench.cpu.cr4 = CR4_TSD * tsd
    bench.board.agenda.now = 5 << 32 | 7
    trap = bench.do("rdtsc")
    assert outcome(trap) == ((GP, 0) if refused else None)
    assert (bench.cpu.regs[RDX], bench.cpu.regs[RAX]) == ((0, 0) if refused else (5, 7))


# Tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["gdt", "idt"])
def test_a_table_register_loads_a_limit_and_a_canonical_base(which: str) -> None:
    bench = Bench()
    bench.put(DATA, 0xFFFF_0123, 0xFFFF_8000_0000_0000)
    assert bench.do("l" + which, "m", disp=DATA) is None
    assert getattr(bench.cpu, which + "r") == (0xFFFF_8000_0000_0000, 0x0123)
    bench.put(DATA, 0x0123, 1 << 50)
    assert outcome(bench.do("l" + which, "m", disp=DATA)) == (GP, 0)


@pytest.mark.parametrize("which", ["gdt", "idt"])
def test_storing_a_table_register_writes_both_words_or_none(which: str) -> None:
    bench = Bench()
    bench.put(UNMAPPED - 8, 0x55)
    bench.place(ins("s" + which, "m", disp=UNMAPPED - 8))
    before = bench.state()
    trap = bench.cpu.step()
    assert trap is not None
    assert trap.address == UNMAPPED
    assert bench.state() == before


# Control registers -----------------------------------------------------------------------------

GOOD_CR0 = CR0_PE | CR0_PG
WRITES = [
    (0, GOOD_CR0 | CR0_TS, None),
    (0, GOOD_CR0 & ~CR0_PE, (GP, 0)),
    (0, GOOD_CR0 & ~CR0_PG, (GP, 0)),
    (0, GOOD_CR0 | 1 << 32, (GP, 0)),
    (2, 1 << 63, None),
    (3, 1 << 52, (GP, 0)),
    (4, CR4_UMIP | CR4_TSD, None),
    (4, 1 << 30, (GP, 0)),
    (8, 15, None),
    (8, 16, (GP, 0)),
    (1, 0, (UD, None)),
    (5, 0, (UD, None)),
    (15, 0, (UD, None)),
]


@pytest.mark.parametrize(("number", "value", "expected"), WRITES)
def test_control_registers_refuse_reserved_bits(
    number: int, value: int, expected: tuple[int, int | None] | None
) -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = value
    bench.place(ins("mov", "cr", a=number, b=RAX))
    before = bench.state()
    assert outcome(bench.cpu.step()) == expected
    if expected is None:
        bench.do("mov", "rc", a=RBX, b=number)
        assert bench.cpu.regs[RBX] == value
    else:
        assert bench.state() == before


def test_lmsw_sets_pe_mp_em_ts_and_cannot_clear_pe() -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = CR0_TS
    bench.do("lmsw", "r", a=RAX)
    assert bench.cpu.cr0 & 0xF == CR0_TS | CR0_PE
    bench.do("clts")
    assert not bench.cpu.cr0 & CR0_TS
    bench.cpu.regs[RAX] = 1 << 16
    before = bench.cpu.cr0
    bench.do("lmsw", "r", a=RAX)
    assert bench.cpu.cr0 == before


# MSRs ------------------------------------------------------------------------------------------

BASES = [MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_LSTAR]
MSR_WRITES = [
    *[("intel", number, 1 << 47, (GP, 0)) for number in BASES],
    *[("intel", number, (1 << 47) - 1, None) for number in BASES],
    ("intel", MSR_STAR, (1 << 64) - 1, None),
    ("intel", MSR_TSC, 0, (GP, 0)),
    ("intel", 0x1234, 0, (GP, 0)),
    ("intel", MSR_EFER, EFER_SCE | EFER_LME, None),
    ("intel", MSR_EFER, EFER_SCE, (GP, 0)),
    ("intel", MSR_EFER, EFER_LME | 1 << 1, (GP, 0)),
    ("intel", MSR_EFER, EFER_LME | EFER_LMSLE, (GP, 0)),
    ("intel", MSR_EFER, EFER_LME | EFER_SVME, (GP, 0)),
    ("amd", MSR_EFER, EFER_LME | EFER_SVME | EFER_LMSLE, None),
]


@pytest.mark.parametrize(("vendor", "number", "value", "expected"), MSR_WRITES)
def test_msrs_refuse_what_they_cannot_hold(
    vendor: str, number: int, value: int, expected: tuple[int, int] | None
) -> None:
    bench = Bench(vendor=vendor)
    cpu = bench.cpu
    cpu.regs[RCX], cpu.regs[RAX], cpu.regs[RDX] = number | 7 << 32, value & LOW, value >> 32
    bench.place(ins("wrmsr"))
    before = bench.state()
    assert outcome(cpu.step()) == expected
    if expected is not None:
        assert bench.state() == before
        return
    cpu.regs[RAX] = cpu.regs[RDX] = (1 << 64) - 1
    bench.do("rdmsr")
    assert cpu.regs[RDX] << 32 | cpu.regs[RAX] == value


def test_swapgs_exchanges_the_two_bases() -> None:
    bench = Bench()
    bench.cpu.write_msr(MSR_GS_BASE, DATA)
    bench.cpu.write_msr(MSR_KERNEL_GS_BASE, DATA + 0x100)
    bench.do("swapgs")
    assert bench.cpu.segment_base[GS] == bench.cpu.read_msr(MSR_GS_BASE) == DATA + 0x100
    bench.put(DATA + 0x108, 0x42)
    bench.do("mov", "rm", a=RAX, disp=8, segment="gs")
    assert bench.cpu.regs[RAX] == 0x42


# Interrupt flag and halt -----------------------------------------------------------------------


def test_sti_opens_after_the_following_instruction() -> None:
    bench = Bench()
    shadows = []
    for name in ("sti", "nop", "nop"):
        bench.do(name)
        shadows.append(bench.cpu.interrupt_shadow)
    assert shadows == [1, 0, 0]


def test_sti_with_if_already_set_holds_nothing_off() -> None:
    bench = Bench()
    bench.cpu.rflags |= IF
    bench.do("sti")
    assert bench.cpu.interrupt_shadow == 0


def test_the_shadow_outlives_an_instruction_that_faults() -> None:
    bench = Bench()
    bench.do("sti")
    assert outcome(bench.do("ud2")) == (UD, None)
    assert bench.cpu.interrupt_shadow == 1


@pytest.mark.parametrize("ring", [0, 1, 3])
def test_hlt_belongs_to_ring_zero(ring: int) -> None:
    bench = Bench(cpl=ring)
    trap = bench.do("hlt")
    assert trap is not None
    assert (trap.kind is TrapKind.HALT) is (ring == 0)
    assert bench.cpu.rip == CODE
    assert bench.cpu.next_rip == CODE + 16


# Identity and ports ----------------------------------------------------------------------------


@pytest.mark.parametrize(("vendor", "name"), [("intel", b"GenuineIntel"), ("amd", b"AuthenticAMD")])
@pytest.mark.parametrize("ring", [0, 3])
def test_cpuid_answers_in_every_ring(vendor: str, name: bytes, ring: int) -> None:
    bench = Bench(vendor=vendor, cpl=ring)
    assert bench.do("cpuid") is None
    regs = bench.cpu.regs
    assert b"".join(regs[n].to_bytes(4, "little") for n in (RBX, RDX, RCX)) == name
    bench.cpu.regs[RAX] = 0x4000_0000
    bench.do("cpuid")
    assert [regs[n] for n in (RAX, RBX, RCX, RDX)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, 0x1122_3344_5566_77FF), (2, 0x1122_3344_5566_FFFF), (4, 0xFFFF_FFFF)],
)
def test_in_keeps_the_upper_part_of_rax_unless_it_is_eax(size: int, expected: int) -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = 0x1122_3344_5566_7788
    bench.do("in", "ai", size=size, imm=0x80)
    assert bench.cpu.regs[RAX] == expected
    assert bench.trace.by_key(EventKind.UNCLAIMED) == {"port read 0x80": 1}


# Guest mode ------------------------------------------------------------------------------------


class Wanted(Controls):
    """Intercepts what a test names and keeps what it was asked."""

    def __init__(self, *reasons: ExitReason) -> None:
        self.reasons = reasons
        self.asked: list[tuple[ExitReason, dict[str, int]]] = []

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        self.asked.append((reason, detail))
        return reason in self.reasons


EXITS = [
    (ins("cpuid"), ExitReason.CPUID, {"leaf": 0}),
    (ins("hlt"), ExitReason.HLT, {}),
    (ins("vmcall"), ExitReason.HYPERCALL, {}),
    (ins("out", "ia", imm=0x80, size=2), ExitReason.IO, {"port": 0x80, "size": 2, "write": 1}),
    (ins("in", "ai", imm=0x80, size=1), ExitReason.IO, {"port": 0x80, "size": 1, "write": 0}),
    (ins("rdmsr"), ExitReason.MSR_READ, {"msr": MSR_STAR}),
    (ins("wrmsr"), ExitReason.MSR_WRITE, {"msr": MSR_STAR, "value": 0}),
    (ins("mov", "cr", a=3, b=RBX), ExitReason.CR_ACCESS, {"cr": 3, "write": 1, "reg": RBX}),
    (ins("mov", "rc", a=RBX, b=0), ExitReason.CR_ACCESS, {"cr": 0, "write": 0, "reg": RBX}),
    (ins("invlpg", "m", disp=DATA), ExitReason.INVLPG, {"address": DATA}),
    (ins("rdtsc"), ExitReason.RDTSC, {}),
    (ins("pause"), ExitReason.PAUSE, {}),
    (ins("sgdt", "m", disp=DATA), ExitReason.DESCRIPTOR_TABLE, {}),
    (ins("lidt", "m", disp=DATA), ExitReason.DESCRIPTOR_TABLE, {}),
    (ins("str", "r", a=RBX), ExitReason.DESCRIPTOR_TABLE, {}),
    (ins("invd"), ExitReason.INVD, {}),
    (ins("xsetbv"), ExitReason.XSETBV, {}),
    (ins("vmlaunch"), ExitReason.VMX_INSTRUCTION, {}),
]


@pytest.mark.parametrize(("one", "reason", "detail"), EXITS, ids=lambda value: str(value)[:20])
def test_an_intercepted_instruction_exits_before_it_does_anything(
    one: Instruction, reason: ExitReason, detail: dict[str, int]
) -> None:
    bench = Bench()
    bench.cpu.regs[RCX] = MSR_STAR
    bench.cpu.controls = Wanted(reason)
    bench.place(one)
    before = bench.state()
    trap = bench.cpu.step()
    assert trap is not None
    assert (trap.kind, trap.reason, trap.detail, trap.ins) == (TrapKind.EXIT, reason, detail, one)
    assert bench.state() == before


@pytest.mark.parametrize("one", [one for one in PRIVILEGED if one.mnemonic != "sysret"])
def test_a_privilege_fault_comes_before_the_exit(one: Instruction) -> None:
    bench = Bench(cpl=3)
    controls = Wanted(*ExitReason)
    bench.cpu.controls = controls
    assert outcome(bench.run(one)) == (GP, 0)
    assert controls.asked == []


@pytest.mark.parametrize(
    ("mnemonic", "vendor", "reason"),
    [
        ("vmcall", "intel", ExitReason.HYPERCALL),
        ("vmmcall", "amd", ExitReason.HYPERCALL),
        ("vmxoff", "intel", ExitReason.VMX_INSTRUCTION),
        ("vmrun", "amd", ExitReason.VMX_INSTRUCTION),
    ],
)
def test_virtualization_instructions_are_undefined_without_a_hypervisor_or_on_the_other_vendor(
    mnemonic: str, vendor: str, reason: ExitReason
) -> None:
    other = "amd" if vendor == "intel" else "intel"
    for where, controls, exits in (
        (vendor, None, False), (vendor, Wanted(reason), True), (other, Wanted(reason), False),
    ):  # fmt: skip
        bench = Bench(vendor=where, cpl=3)
        bench.cpu.controls = controls
        trap = bench.do(mnemonic)
        assert trap is not None
        assert trap.kind is (TrapKind.EXIT if exits else TrapKind.FAULT)
        assert exits or trap.vector == UD
