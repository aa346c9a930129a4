"""Two levels up: who leaves for whom, in which order, and that the guest never notices."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.vmm.nested_bench import NEW, OLD, UNSHADOWED, ready, said, steps_of
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.machine_options import USUAL, MachineOptions
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.trace import EventKind, ExitReason
from virtdocs.vmm.exit_loop import run as run_engines
from virtdocs.vmm.host import ForeignFrame
from virtdocs.vmm.nested.shadow_vmcs import READ_ONLY, WRITTEN
from virtdocs.vmm.vmcs import Field

NESTED = {"old": OLD, "unshadowed": UNSHADOWED, "new": NEW}
# A sample of what guests do; the devices' workloads have a ``depth`` of their own.
SAMPLE = ("cpu", "syscall", "memory", "page_fault", "timer_tick", "popf_wait", "ipi", "read_time")
OPS = {"cpu": 200, "syscall": 100, "memory": 64, "page_fault": 64, "timer_tick": 6, "ipi": 20}
DEVICES = (("disk_read", "ide-dma"), ("disk_write", "virtio-blk"), ("net_pingpong", "e1000"),
           ("net_tx", "virtio-net"), ("balloon", "virtio-balloon"))  # fmt: skip


def exits(
    text: str, options: MachineOptions, *, in_kernel: bool = False, before: str = ""
) -> dict[str, int]:
    """VM exits of one instruction, by key."""
    events = steps_of(text, options, in_kernel=in_kernel, before=before)
    return dict(Counter(event.key for event in events if event.kind is EventKind.VM_EXIT))


def test_one_cpuid_without_shadowing_leaves_for_level_zero_at_each_field() -> None:
    assert said(steps_of("cpuid", OLD)) == [
        "vm_exit cpuid 2",
        "reflect 0",
        "vm_exit l1.vmread 1 IDT_VECTORING_INFO",
        "vm_entry 1",
        "vm_exit l1.vmread 1 EXIT_REASON",
        "vm_entry 1",
        "emulate cpuid",
        "vm_exit l1.vmread 1 GUEST_RIP",
        "vm_entry 1",
        "vm_exit l1.vmread 1 EXIT_INSTRUCTION_LENGTH",
        "vm_entry 1",
        "vm_exit l1.vmread 1 GUEST_INTERRUPTIBILITY",
        "vm_entry 1",
        "vm_exit l1.vmwrite 1 GUEST_RIP",
        "vm_entry 1",
        "vm_exit l1.vmresume 1",
        "merge 0",
        "vm_entry 2",
    ]


def test_one_cpuid_with_shadowing_leaves_twice() -> None:
    assert said(steps_of("cpuid", NEW)) == [
        "vm_exit cpuid 2",
        "reflect 0",
        "emulate cpuid",
        "vm_exit l1.vmresume 1",
        "merge 0",
        "vm_entry 2",
    ]


def test_a_newer_kernel_reads_one_register_more_and_each_only_once() -> None:
    fields = [line.split()[-1] for line in said(steps_of("cpuid", UNSHADOWED)) if "vmread" in line]
    assert fields == [
        "EXIT_REASON", "IDT_VECTORING_INFO", "GUEST_RFLAGS", "GUEST_RIP",
        "EXIT_INSTRUCTION_LENGTH", "GUEST_INTERRUPTIBILITY",
    ]  # fmt: skip
    lines = said(steps_of("in al, 0x80", UNSHADOWED))
    fields = [line.split()[-1] for line in lines if "l1.vm" in line]
    assert fields.count("GUEST_RIP") == 2  # read once, written once


@pytest.mark.parametrize(
    ("text", "before", "new", "old"),
    [
        ("vmcall", "", {"hypercall": 1}, {"hypercall": 1, "l1.vmread": 6}),
        ("rdmsr", "mov rcx, 0x808", {"msr_read": 1}, {"msr_read": 1, "l1.vmread": 5}),
        # The end of an interrupt makes KVM look for the next: it writes the TPR threshold.
        ("wrmsr", "mov rcx, 0x80b\nmov rax, 0\nmov rdx, 0", {"msr_write": 1},
         {"msr_write": 1, "l1.vmread": 5, "l1.vmwrite": 2}),
        ("mov cr0, rbx", "mov rbx, cr0", {"cr_access": 1},
         {"cr_access": 1, "l1.vmread": 7, "l1.vmwrite": 3}),
    ],
)  # fmt: skip
def test_what_an_instruction_costs_in_exits(
    text: str, before: str, new: dict[str, int], old: dict[str, int]
) -> None:
    assert exits(text, NEW, before=before) == {**new, "l1.vmresume": 1}
    assert exits(text, OLD, before=before) == {"l1.vmwrite": 1, **old, "l1.vmresume": 1}


def test_a_port_that_user_space_answers_swaps_the_system_call_registers() -> None:
    kernel = exits("in al, 0x80", NEW, in_kernel=True)
    user = exits("in al, 0x80", NEW)
    assert kernel == {"io": 1, "l1.vmresume": 1}
    assert user == {**kernel, "l1.msr_write": 6}  # FMASK, LSTAR, STAR: its own, and the guest's
    events = steps_of("in al, 0x80", NEW)
    assert [event.key for event in events if event.kind is EventKind.USER_EXIT] == ["io"]
    without = "mov rcx, 0xc0000080\nrdmsr\nmov rdx, 0\nand rax, -2\nwrmsr"
    assert exits("in al, 0x80", NEW, before=without) == kernel


def test_the_first_touch_of_a_page_fills_both_sets_of_tables() -> None:
    events = steps_of("mov rax, [rbx]\nadd rbx, 4096", NEW, before="mov rbx, 0x500000")
    kinds = (EventKind.VM_EXIT, EventKind.REFLECT, EventKind.NESTED_FILL)
    found = [(str(e.kind), e.key) for e in events if e.kind in kinds]
    assert found == [
        ("vm_exit", "nested_fault"),
        ("reflect", ""),
        ("nested_fill", ""),  # the first level's
        ("vm_exit", "l1.vmresume"),
        ("vm_exit", "nested_fault"),  # which the first level never hears of
        ("nested_fill", ""),
    ]


def test_an_exception_that_the_first_level_raises_is_injected_at_the_entry() -> None:
    machine, engine, _ = ready("mov rcx, 0x12345\nrdmsr\n", OLD, record=True)
    run_engines(machine.board, machine.engines, 1_000)
    events = machine.trace.events
    lines = said(tuple(events))
    last = len(lines) - 1 - lines[::-1].index("emulate msr_read")
    written = [line.split()[-1] for line in lines[last:] if "vmwrite" in line]
    assert written[:2] == ["ENTRY_EXCEPTION_ERROR_CODE", "ENTRY_INTERRUPTION_INFO"]
    assert "GUEST_RIP" not in written[:3]
    assert [e.key for e in events if e.kind is EventKind.EXCEPTION][:1] == ["gp"]
    assert engine.below.vmcs02.read(Field.ENTRY_INTERRUPTION_INFO) & 0xFF == 13


def test_what_the_first_level_let_through_is_level_zero_s_own_business() -> None:
    machine, engine, labels = ready("in al, 0x80\n", NEW, record=True)
    engine.below.vmcs12.ports.pass_through(0x80)
    while engine.position != labels["end"]:
        engine.boundary()
        engine.run_one()
    keys = [(event.kind, event.key) for event in machine.trace.events]
    after = keys[keys.index((EventKind.VM_EXIT, "io")) :]
    until = after[: after.index((EventKind.VM_ENTRY, ""))]
    assert (EventKind.USER_EXIT, "io") in until
    assert (EventKind.REFLECT, "") not in until


def test_the_hardware_exits_for_either_level() -> None:
    _, engine, _ = ready("nop\n", NEW)
    below = engine.below
    below.vmcs01.msrs.pass_through(0x808)
    below.merge()
    assert below.vmcs02.wants(ExitReason.MSR_READ, {"msr": 0x808})  # the first level wants it
    below.vmcs12.msrs.pass_through(0x808)
    below.merge()
    assert not below.vmcs02.wants(ExitReason.MSR_READ, {"msr": 0x808})


def test_shadowed_fields_are_of_one_kind_only() -> None:
    assert not READ_ONLY & WRITTEN
    assert {Field.IO_BITMAP_A, Field.EPT_POINTER, Field.MSR_BITMAP} & (READ_ONLY | WRITTEN) == set()


@pytest.mark.parametrize("core", ["fast", "reference"])
@pytest.mark.parametrize("options", NESTED.values(), ids=list(NESTED))
@pytest.mark.parametrize("workload", SAMPLE)
def test_the_guest_ends_as_on_bare_hardware(
    workload: str, options: MachineOptions, core: str
) -> None:
    found = build(workload, "native", {}, OPS.get(workload))
    native = execute(technique("native"), found, "intel", 5_000_000, core=core).machine
    once = execute(technique("hw_nested"), found, "intel", 5_000_000, core=core).machine
    twice = execute(
        technique("hw_nested"), found, "intel", 5_000_000, core=core, machine_options=options
    ).machine
    assert twice.board.state_hash() == native.board.state_hash()
    assert twice.board.agenda.now == native.board.agenda.now
    own = {k: n for k, n in twice.trace.by_key(EventKind.VM_EXIT).items() if k[:3] != "l1."}
    one = once.trace.by_key(EventKind.VM_EXIT)
    assert own.pop("nested_fault") == 2 * one.pop("nested_fault")
    assert own == one


@pytest.mark.parametrize(("workload", "device"), DEVICES)
def test_a_driver_and_its_device_come_to_the_same_end(workload: str, device: str) -> None:
    name = "kvm_virtio" if device.startswith("virtio") else "kvm_emulated"
    preset = technique(name)
    found = WORKLOADS[workload]
    kind = device_for(preset, found.device, device)
    program = build(workload, preset.build, {}, found.ops_step, preset.levels, kind.drivers)
    constants = found.constants(found.checked_params({}))
    machines = [
        execute(
            preset, program, "intel", 20_000_000, False, kind, constants, "fast", options
        ).machine
        for options in (USUAL, OLD, NEW)
    ]
    assert len({machine.board.state_hash() for machine in machines}) == 1
    assert len({machine.board.agenda.now for machine in machines}) == 1


def test_both_cores_count_alike() -> None:
    for workload in ("timer_tick", "cpuid", "fork"):
        params = {"depth": 2, "ops": 8}
        fast, plain = (run(workload, params=params, core=core) for core in ("fast", "reference"))
        assert fast.counts == plain.counts
        assert fast.state_hash == plain.state_hash


def test_a_frame_of_the_first_level_s_own_is_none_of_its_guest_s() -> None:
    machine, engine, _ = ready("mov rax, [0x500000]\n", NEW)
    paging = engine.merged.level_one
    paging.tables.map(0x500000 >> PAGE_SHIFT, 0)  # a broken first level gives away its own
    with pytest.raises(ForeignFrame, match="level_one"):
        run_engines(machine.board, machine.engines, 1_000)


def test_the_first_level_cannot_give_what_it_has_not() -> None:
    _, engine, labels = ready("mov rax, [0x500000]\n", NEW)
    paging = engine.merged.level_one
    beyond = paging.memory.frames + 7
    paging.tables.map(0x500000 >> PAGE_SHIFT, beyond)
    while engine.position != labels["end"]:
        engine.boundary()
        engine.run_one()
    entry = paging.tables.entry(0x500000 >> PAGE_SHIFT)
    assert entry >> PAGE_SHIFT != beyond  # the exit came back to it, and it mended its table


def test_a_virtual_cpu_without_tags_starts_each_entry_with_an_empty_tlb() -> None:
    options = replace(NEW, tlb_tags=False)
    found = build("cpuid", "native", {}, 50)
    tagged, plain = (
        execute(technique("hw_nested"), found, "intel", 100_000, machine_options=one).machine
        for one in (NEW, options)
    )
    assert plain.trace.counts[EventKind.TLB_MISS, ""] > tagged.trace.counts[EventKind.TLB_MISS, ""]
    assert plain.board.state_hash() == tagged.board.state_hash()
