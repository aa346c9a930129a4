"""The interrupt controller: priorities, end of interrupt, the timer, IPIs, refused writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine.bench import Bench
from virtdocs.machine.agenda import Agenda
from virtdocs.machine.apic import (
    ICR_SELF,
    TIMER_DEADLINE,
    TIMER_MASKED,
    TIMER_MODE,
    TIMER_PERIODIC,
    Apic,
)
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.machine.registers import (
    GP,
    MSR_TSC_DEADLINE,
    MSR_X2APIC_CURRENT_COUNT,
    MSR_X2APIC_EOI,
    MSR_X2APIC_ICR,
    MSR_X2APIC_ID,
    MSR_X2APIC_INITIAL_COUNT,
    MSR_X2APIC_LVT_TIMER,
    MSR_X2APIC_TPR,
    RAX,
)
from virtdocs.machine.traps import Trapped
from virtdocs.trace import EventKind, Trace

VECTOR = 0x40


def fresh() -> Apic:
    return Apic(Agenda(), Trace())


def after(apic: Apic, time: int) -> list[int]:
    """Let virtual time pass one instruction at a time; when the timer's vector was requested."""
    fired = []
    for _ in range(time):
        apic.agenda.now += 1
        apic.agenda.run_due()
        if apic.requested:
            fired.append(apic.agenda.now)
            apic.requested = 0
    return fired


# requested, in service, task priority -> deliverable (SDM vol. 3A §10.8.3)
PRIORITIES = [
    ((), (), 0, None),
    ((0x40,), (), 0, 0x40),
    ((0x40, 0x51), (), 0, 0x51),
    ((0x40,), (), 3, 0x40),
    ((0x40,), (), 4, None),
    ((0x40,), (), 15, None),
    ((0x4F,), (0x40,), 0, None),
    ((0x50,), (0x4F,), 0, 0x50),
    ((0x50,), (0x4F,), 5, None),
    ((0x0F,), (), 0, None),
    ((0xFF,), (0xE0,), 0, 0xFF),
]


@pytest.mark.parametrize(("requested", "serving", "task", "expected"), PRIORITIES)
def test_a_vector_is_delivered_when_its_class_is_above_all_others(
    requested: tuple[int, ...], serving: tuple[int, ...], task: int, expected: int | None
) -> None:
    apic = fresh()
    for vector in serving:
        apic.request(vector)
        apic.accept(vector)
    for vector in requested:
        apic.request(vector)
    apic.task_priority = task
    assert apic.deliverable() == expected


@given(st.sets(st.integers(16, 255), min_size=1))
def test_every_request_is_served_once_and_highest_first(vectors: set[int]) -> None:
    apic = fresh()
    for vector in vectors:
        apic.request(vector)
        apic.request(vector)
    served = []
    while (vector_now := apic.deliverable()) is not None:
        apic.accept(vector_now)
        served.append(vector_now)
        apic.write(MSR_X2APIC_EOI, 0)
    assert served == sorted(vectors, reverse=True)
    assert apic.in_service == apic.requested == 0


def test_end_of_interrupt_ends_the_highest_in_service() -> None:
    apic = fresh()
    for vector in (0x40, 0x60):
        apic.request(vector)
        apic.accept(vector)
    apic.write(MSR_X2APIC_EOI, 0)
    assert apic.in_service == 1 << 0x40


def test_cr8_and_the_task_priority_register_are_one() -> None:
    bench = Bench()
    bench.cpu.regs[RAX] = 9
    bench.do("mov", "cr", a=8, b=RAX)
    assert bench.cpu.apic.read(MSR_X2APIC_TPR) == 0x90
    bench.cpu.apic.write(MSR_X2APIC_TPR, 0x30)
    bench.do("mov", "rc", a=RAX, b=8)
    assert bench.cpu.regs[RAX] == 3


# The timer -------------------------------------------------------------------------------------


def test_a_one_shot_timer_fires_once() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    assert after(apic, 20) == [5]


def test_a_periodic_timer_does_not_drift() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR | TIMER_PERIODIC)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    assert after(apic, 20) == [5, 10, 15, 20]


def test_a_deadline_timer_fires_at_its_time_and_forgets_it() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR | TIMER_DEADLINE)
    apic.write(MSR_TSC_DEADLINE, 7)
    assert apic.read(MSR_TSC_DEADLINE) == 7
    assert after(apic, 20) == [7]
    assert apic.read(MSR_TSC_DEADLINE) == 0
    apic.write(MSR_TSC_DEADLINE, 3)  # already past: at the next boundary
    assert after(apic, 5) == [21]


def test_the_mode_decides_which_register_arms_the_timer() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR | TIMER_DEADLINE)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    assert after(apic, 10) == []
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR)
    apic.write(MSR_TSC_DEADLINE, 15)
    assert after(apic, 10) == []
    assert apic.read(MSR_TSC_DEADLINE) == 0


def test_leaving_deadline_mode_disarms_the_timer() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR | TIMER_DEADLINE)
    apic.write(MSR_TSC_DEADLINE, 7)
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR)
    assert after(apic, 10) == []


def test_a_masked_timer_counts_in_silence() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR | TIMER_MASKED)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    after(apic, 2)
    assert apic.read(MSR_X2APIC_CURRENT_COUNT) == 3
    assert after(apic, 10) == []
    assert apic.read(MSR_X2APIC_CURRENT_COUNT) == 0


def test_a_new_count_replaces_the_old_and_zero_stops() -> None:
    apic = fresh()
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 8)
    assert after(apic, 8) == [8]
    apic.write(MSR_X2APIC_INITIAL_COUNT, 5)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 0)
    assert after(apic, 8) == []


def test_a_monitor_may_take_the_timer_for_itself() -> None:
    apic, told = fresh(), list[int]()
    apic.on_timer = told.append
    apic.write(MSR_X2APIC_LVT_TIMER, VECTOR)
    apic.write(MSR_X2APIC_INITIAL_COUNT, 2)
    assert after(apic, 5) == []
    assert told == [VECTOR]


# IPIs ------------------------------------------------------------------------------------------


def test_an_ipi_reaches_the_cpu_that_it_names() -> None:
    bench = Bench()
    other = bench.board.add_cpu(SoftwareMmu(bench.memory, 4))
    bench.cpu.apic.write(MSR_X2APIC_ICR, 1 << 32 | VECTOR)
    assert (bench.cpu.apic.requested, other.apic.requested) == (0, 1 << VECTOR)
    other.apic.write(MSR_X2APIC_ICR, ICR_SELF | 0x41)
    assert (bench.cpu.apic.requested, other.apic.requested) == (0, 1 << VECTOR | 1 << 0x41)
    assert other.apic.read(MSR_X2APIC_ID) == 1


def test_an_ipi_to_nobody_is_reported() -> None:
    bench = Bench()
    bench.cpu.apic.write(MSR_X2APIC_ICR, 7 << 32 | VECTOR)
    assert bench.trace.by_key(EventKind.UNCLAIMED) == {"ipi to cpu 0x7": 1}


# Refused ---------------------------------------------------------------------------------------

REFUSED = {
    "read-only identity": (MSR_X2APIC_ID, 0),
    "read-only count": (MSR_X2APIC_CURRENT_COUNT, 1),
    "end of a named interrupt": (MSR_X2APIC_EOI, VECTOR),
    "reserved priority bits": (MSR_X2APIC_TPR, 0x100),
    "a count over 32 bits": (MSR_X2APIC_INITIAL_COUNT, 1 << 32),
    "a timer mode that does not exist": (MSR_X2APIC_LVT_TIMER, TIMER_MODE),
    "a delivery mode that is not fixed": (MSR_X2APIC_ICR, 5 << 8),
    "a broadcast": (MSR_X2APIC_ICR, 3 << 18),
}


@pytest.mark.parametrize(("msr", "value"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_register_cannot_do_is_a_fault_and_no_access(msr: int, value: int) -> None:
    apic = fresh()
    with pytest.raises(Trapped) as caught:
        apic.write(msr, value)
    assert (caught.value.trap.vector, caught.value.trap.error) == (GP, 0)
    assert apic.trace.total(EventKind.APIC) == 0


def test_the_end_of_interrupt_register_cannot_be_read() -> None:
    with pytest.raises(Trapped):
        fresh().read(MSR_X2APIC_EOI)


def test_each_access_is_counted_by_direction() -> None:
    apic = fresh()
    apic.read(MSR_X2APIC_ID)
    apic.write(MSR_X2APIC_TPR, 0)
    apic.write(MSR_X2APIC_EOI, 0)
    assert apic.trace.by_key(EventKind.APIC) == {"read": 1, "write": 2}
