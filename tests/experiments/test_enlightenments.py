"""What enlightenments save, and that they lose no interrupt and no time on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from virtdocs.experiments.enlightenments import TECHNIQUE_NAMES, WORKLOAD_NAMES, saving
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.agenda import Agenda
from virtdocs.machine.apic import Apic
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.traps import Trapped
from virtdocs.trace import Trace
from virtdocs.vmm.enlightenments import LazyEoi
from virtdocs.vmm.identity import HYPERV, KVM

OFFERS = [name for name in TECHNIQUE_NAMES if TECHNIQUES[name].signature in (KVM, HYPERV)]
# Events that one op is spared where the hypervisor offers it.
SPARED = {
    "timer_tick": {"vm_exit": {"msr_write": 1}, "apic": {"write": 1}},
    "ipi": {"vm_exit": {"msr_write": 2}, "apic": {"write": 2}},  # two interrupts a round trip
    "read_time": {"vm_exit": {"msr_read": 1}, "apic": {"read": 1}},
}


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("name", TECHNIQUE_NAMES)
@pytest.mark.parametrize("workload", WORKLOAD_NAMES)
def test_an_op_is_spared_its_exits_where_the_hypervisor_offers_it(
    workload: str, name: str, vendor: str
) -> None:
    found = saving(name, workload, vendor, ops=16)
    spared = SPARED[workload] if name in OFFERS else {"vm_exit": {}, "apic": {}}
    assert {kind: dict(found.difference(kind)) for kind in spared} == spared
    assert found.result_hashes[0] == found.result_hashes[1]


@pytest.mark.parametrize("workload", [n for n, one in WORKLOADS.items() if not one.device])
@pytest.mark.parametrize("name", ["native", "kvm_virtio", "hyperv", "xen_hvm"])
def test_an_enlightened_kernel_leaves_the_plain_one_s_result(workload: str, name: str) -> None:
    preset = replace(technique(name), build="enlightened")
    ops = 2 * WORKLOADS[workload].ops_step
    program = build(workload, "enlightened", ops=ops)
    finished = execute(preset, program, "intel", 5_000_000)
    plain = run(workload, name, params={"ops": ops})
    assert finished.outcome.detail == "exit code 0"
    if workload != "red_pill":  # which measures how long a cpuid takes and where things lie
        assert finished.machine.board.result_hash(program.result) == plain.result_hash


@pytest.mark.parametrize("name", ["kvm_virtio", "hyperv"])
def test_ticks_at_any_moment_are_all_counted(name: str) -> None:
    """With and without the lazy acknowledgement the guest takes the same interrupts."""
    irqs = []
    for port in ("native", "enlightened"):
        preset = replace(technique(name), build=port)
        program = build("cpu", port, ops=4_000, params={"tick": 2_003})
        finished = execute(preset, program, "intel", 5_000_000)
        assert finished.outcome.detail == "exit code 0"
        irqs.append(finished.machine.trace.counts["irq", "0x40"])
    assert irqs[0] == irqs[1] > 20


# The bit itself ---------------------------------------------------------------------------------

ADDRESS = 0x3008


@pytest.fixture
def lazy() -> LazyEoi:
    memory = PhysicalMemory(16)
    found = LazyEoi(memory, Apic(Agenda(), Trace()))
    found.turn_on(ADDRESS)
    return found


def word(lazy: LazyEoi) -> int:
    page = lazy.memory.page(3)
    assert page is not None
    return page[1]


def clear(lazy: LazyEoi) -> None:
    page = lazy.memory.page(3)
    assert page is not None
    page[1] = 0


def serve(lazy: LazyEoi, vector: int) -> None:
    lazy.apic.request(vector)
    lazy.apic.accept(vector)


def test_a_guest_that_takes_the_bit_has_acknowledged(lazy: LazyEoi) -> None:
    serve(lazy, 0x40)
    lazy.entering()
    assert word(lazy) == 1
    clear(lazy)
    assert lazy.apic.in_service  # nobody knows yet
    lazy.exited()
    assert not lazy.apic.in_service


def test_an_exit_in_the_handler_takes_the_bit_back(lazy: LazyEoi) -> None:
    serve(lazy, 0x40)
    lazy.entering()
    lazy.exited()
    assert (word(lazy), lazy.apic.in_service) == (0, 1 << 0x40)


def test_another_interrupt_that_waits_needs_a_real_acknowledgement(lazy: LazyEoi) -> None:
    serve(lazy, 0x40)
    lazy.apic.request(0x30)
    lazy.entering()
    assert word(lazy) == 0


def test_a_level_triggered_interrupt_needs_a_real_acknowledgement(lazy: LazyEoi) -> None:
    lazy.apic.lines[0x40] = lambda: False
    serve(lazy, 0x40)
    lazy.entering()
    assert word(lazy) == 0


def test_turned_off_it_leaves_the_guest_s_page_alone(lazy: LazyEoi) -> None:
    serve(lazy, 0x40)
    lazy.entering()
    lazy.turn_on(None)
    lazy.entering()
    assert word(lazy) == 0


def test_a_page_that_is_no_memory_is_refused(lazy: LazyEoi) -> None:
    with pytest.raises(Trapped):
        lazy.turn_on(1 << 40)


# Their registers --------------------------------------------------------------------------------

ACCESS = """
    mov rcx, {number}
    mov rax, {low}
    mov rdx, {high}
    wrmsr
    mov rcx, {number}
    rdmsr
    mov [result], rax
    mov [result + 8], rdx
    jmp done
"""


@pytest.mark.parametrize(
    ("name", "number", "value"),
    [
        ("kvm_virtio", 0x4B56_4D04, 0x30_0001),
        ("kvm_virtio", 0x4B56_4D01, 0x30_0001),
        ("hyperv", 0x4000_0000, 1 << 63),
        ("hyperv", 0x4000_0021, 0x30_0001),
        ("hyperv", 0x4000_0073, 0x30_0001),
    ],
)
def test_a_synthetic_register_keeps_what_was_written(
    name: str, number: int, value: int, run_program: Any
) -> None:
    text = ACCESS.format(number=number, low=value & 0xFFFF_FFFF, high=value >> 32)
    ran = run_program(text, name)
    assert ran.words[0] | ran.words[1] << 32 == value


@pytest.mark.parametrize(
    ("name", "number", "value"),
    [
        ("kvm_virtio", 0x4B56_4D04, 1 << 40 | 1),  # no memory there
        ("kvm_virtio", 0x4B56_4D04, 0x30_0003),  # a reserved bit
        ("kvm_virtio", 0x4B56_4D04, 0x30_0005),  # no word
        ("kvm_virtio", 0x4B56_4DFF, 0),
        ("hyperv", 0x4000_0002, 0),  # read-only
        ("hyperv", 0x4000_0073, 1 << 40 | 1),
        ("hyperv", 0x4B56_4D04, 0),
        ("xen_hvm", 0x4000_0001, 0),
        ("hw_nested", 0x4000_0000, 0),
        ("native", 0x4B56_4D04, 0),
    ],
)
def test_a_register_that_is_not_there_or_can_t_hold_the_value_is_gp(
    name: str, number: int, value: int, run_program: Any
) -> None:
    text = ACCESS.format(number=number, low=value & 0xFFFF_FFFF, high=value >> 32)
    assert "#GP" in run_program(text, name).finished.outcome.detail


def test_hyperv_s_time_registers_tell_the_same_time(run_program: Any) -> None:
    ran = run_program(
        """
    mov rcx, 0x40000021
    mov rax, 0x300001
    xor rdx, rdx
    wrmsr
    mov rcx, 100000
wait:
    dec rcx
    jne wait
    rdtsc
    mul qword [0x300008]
    mov [result], rdx
    mov rcx, 0x40000020
    rdmsr
    mov [result + 8], rax
    jmp done
""",
        "hyperv",
        steps=300_000,
    )
    by_page, by_register = ran.words[:2]
    assert by_page > 1_000
    assert 0 <= by_register - by_page <= 1  # 100 ns; the register is read a little later
