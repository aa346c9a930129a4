"""PV-on-HVM and PVH: hardware runs CPU and MMU, Xen gives time and interrupts."""

from __future__ import annotations

from functools import cache

import pytest

from virtdocs.experiments.machines import assemble
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.exit_loop import OutcomeKind
from virtdocs.vmm.exit_loop import run as run_engines

MODES = ("xen_pvhvm", "xen_pvh")
ASK_WHO_RUNS_THEM = {"cpuid", "red_pill"}
COMPARED = [
    name for name, one in WORKLOADS.items() if not one.device and name not in ASK_WHO_RUNS_THEM
]


@cache
def result(workload: str, name: str, vendor: str = "intel") -> ResultSet:
    ops = 2 * WORKLOADS[workload].ops_step
    return run(workload, name, vendor=vendor, params={"ops": ops})


def counted(found: ResultSet, kind: str) -> dict[str, int]:
    counts = found.counts[kind]
    assert isinstance(counts, dict)
    return {key: int(n) for key, n in counts.items()}


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("workload", COMPARED)
def test_every_workload_leaves_native_s_result(workload: str, name: str, vendor: str) -> None:
    found = result(workload, name, vendor)
    assert found.outcome_detail == "exit code 0"
    assert found.result_hash == result(workload, "native").result_hash


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("workload", ["timer_tick", "ipi", "popf_wait"])
def test_interrupts_come_by_event_channel_and_are_never_acknowledged(
    workload: str, name: str
) -> None:
    found, hvm = result(workload, name), result(workload, "xen_hvm")
    assert counted(found, "apic") == {}
    assert found.counts["event_channel"] == found.counts["irq"] == hvm.counts["irq"]
    assert counted(hvm, "apic")["write"] >= int(str(hvm.counts["irq"]))


@pytest.mark.parametrize("name", MODES)
def test_a_tick_costs_a_timer_hypercall_in_place_of_an_acknowledgement(name: str) -> None:
    found = run("timer_tick", name, params={"ops": 8}).counts_per_op
    hvm = run("timer_tick", "xen_hvm", params={"ops": 8}).counts_per_op
    assert found["vm_exit"] == {"hlt": 1, "hypercall": 1}
    assert found["hypercall"] == {"set_timer_op": 1}
    assert hvm["vm_exit"] == {"hlt": 1, "msr_write": 1}


@pytest.mark.parametrize("workload", ["page_fault", "pte_churn", "fork", "context_switch"])
def test_page_tables_need_no_hypercall_with_nested_paging(workload: str) -> None:
    for name in MODES:
        per_op = run(workload, name, params={"ops": WORKLOADS[workload].ops_step}).counts_per_op
        assert per_op["hypercall"] == {}
    per_op = run(workload, "xen_pv64", params={"ops": WORKLOADS[workload].ops_step}).counts_per_op
    assert per_op["hypercall"] != {}


def test_an_event_reaches_a_halted_and_a_running_guest() -> None:
    """A tick in the midst of a program is an external interrupt's exit first."""
    running, hvm = (
        run("cpu", name, params={"ops": 2_000, "tick": 2_000}) for name in ("xen_pvhvm", "xen_hvm")
    )
    exits = [counted(found, "vm_exit")["external_interrupt"] for found in (running, hvm)]
    assert exits[0] == exits[1] > 5
    assert running.counts["irq"] == hvm.counts["irq"]
    assert "external_interrupt" not in counted(result("timer_tick", "xen_pvhvm"), "vm_exit")


def test_ticks_at_any_moment_change_no_result() -> None:
    for workload in ("memory", "fork", "context_switch", "pte_churn"):
        ops = WORKLOADS[workload].ops_step
        found, native = (
            run(workload, name, params={"ops": ops, "tick": 2_003})
            for name in ("xen_pvhvm", "native")
        )
        assert found.outcome_detail == "exit code 0"
        assert found.result_hash == native.result_hash


def test_a_pvh_guest_starts_without_firmware_s_tables() -> None:
    preset = technique("xen_pvh")
    machine = assemble(preset, build("cpu", preset.build, ops=8), "intel", Trace())
    cpu = machine.board.cpus[0]
    assert (cpu.gdtr, cpu.idtr, cpu.task_selector, cpu.cpl) == ((0, 0), (0, 0), 0, 0)
    start_info = read_physical(machine.board.memory, cpu.regs[3], 8)
    assert start_info is not None
    assert int.from_bytes(start_info[:4], "little") == 0x336EC578
    assert run_engines(machine.board, machine.engines, 100_000).detail == "exit code 0"


@pytest.mark.parametrize(
    ("port", "name", "kind", "detail"),
    [
        # The kernel made for firmware finds no descriptor to return to its first program with.
        ("native", "xen_pvh", OutcomeKind.FAULT, "unhandled #GP"),
        # A kernel that looks for Xen and finds somebody else, or nobody, gives up.
        ("pvhvm", "kvm_virtio", OutcomeKind.HALTED, "exit code 125"),
        ("pvhvm", "native", OutcomeKind.HALTED, "exit code 125"),
        # The start info of PVH is not there.
        ("pvh", "xen_hvm", OutcomeKind.HALTED, "exit code 125"),
    ],
)
def test_a_build_made_for_another_mode_does_not_run(
    port: str, name: str, kind: OutcomeKind, detail: str
) -> None:
    outcome = execute(technique(name), build("syscall", port, ops=2), "intel", 100_000).outcome
    assert outcome.kind is kind
    assert outcome.detail.startswith(detail)


def test_the_shared_page_hides_the_frame_behind_it_and_shows_the_time() -> None:
    preset = technique("xen_pvhvm")
    program = build("timer_tick", preset.build, ops=2)
    machine = assemble(preset, program, "intel", Trace())
    memory = machine.board.memory
    before = memory.page(0x1C0)
    assert run_engines(machine.board, machine.engines, 5_000_000).detail == "exit code 0"
    after = memory.page(0x1C0)
    assert before is not None
    assert after is not None
    assert after is not before
    assert not any(before)
    assert 0 < after[5] <= machine.board.agenda.now
    assert machine.trace.counts[EventKind.EVENT_CHANNEL, "upcall"] == 2
