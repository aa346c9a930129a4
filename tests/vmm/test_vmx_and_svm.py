"""Where Intel and AMD differ: what exits by itself, what by request, and what it is called."""

from __future__ import annotations

import pytest

from tests.vmm.bench import go, ready
from virtdocs.machine.registers import IF
from virtdocs.trace import EventKind, ExitReason
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine
from virtdocs.vmm.vmcb import Field as BlockField
from virtdocs.vmm.vmcb import Intercept, Vmcb
from virtdocs.vmm.vmcs import Field, Primary, Vmcs

CPUID = "mov rax, 0\ncpuid\n"
HANDLER = """
.org 0x1500
    .quad 0x8e0000080000 | handler & 0xffff | (handler >> 16) << 48, 0
.org 0x110000
handler:
    jmp end
"""


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_cpuid_exits_under_both_vendors_as_hypervisors_set_them_up(vendor: str) -> None:
    assert go(CPUID, "hw_nested", vendor=vendor).counts(EventKind.VM_EXIT)["cpuid"] == 1


def test_on_vmx_no_control_keeps_cpuid_from_exiting() -> None:
    machine, _ = ready(CPUID, "hw_nested")
    structure = machine.engines[0].cpu.controls
    assert isinstance(structure, Vmcs)
    structure.write(Field.PRIMARY_CONTROLS, 0)
    assert structure.wants(ExitReason.CPUID, {"leaf": 0})


def test_on_svm_cpuid_stays_in_the_guest_without_its_intercept() -> None:
    machine, _ = ready(CPUID, "hw_nested", vendor="amd")
    structure = machine.engines[0].cpu.controls
    assert isinstance(structure, Vmcb)
    bits = structure.read(BlockField.INTERCEPTS)
    structure.write(BlockField.INTERCEPTS, bits & ~int(Intercept.CPUID))
    run(machine.board, machine.engines, 100)
    assert "cpuid" not in machine.trace.by_key(EventKind.VM_EXIT)


@pytest.mark.parametrize(
    ("text", "key", "vmx", "svm"),
    [
        (CPUID, "cpuid", 10, 0x72),
        ("mov rcx, 0x808\nmov rax, 0\nmov rdx, 0\nwrmsr\n", "msr_write", 32, 0x7C),
        ("mov rcx, 0x808\nrdmsr\n", "msr_read", 31, 0x7C),
        ("in al, 0x80\n", "io", 30, 0x7B),
        ("mov rax, cr0\nmov cr0, rax\n", "cr_access", 28, 0x10),
        ("mov rax, 0\nmov cr4, rax\n", "cr_access", 28, 0x14),
        ("invd\n", "invd", 13, 0x76),
    ],
)
def test_a_reason_has_each_vendor_s_number(text: str, key: str, vmx: int, svm: int) -> None:
    for vendor, number in (("intel", vmx), ("amd", svm)):
        machine, _ = ready(text, "hw_nested", vendor=vendor)
        engine = machine.engines[0]
        while not machine.trace.by_key(EventKind.VM_EXIT).get(key):
            engine.run_one()
        structure = engine.cpu.controls
        if isinstance(structure, Vmcs):
            assert structure.read(Field.EXIT_REASON) == number
        else:
            assert isinstance(structure, Vmcb)
            assert structure.read(BlockField.EXIT_CODE) == number


@pytest.mark.parametrize(
    ("text", "name", "exits"),
    [
        # CR3 loads and invlpg belong to the guest where its tables are the hardware's.
        ("mov rax, cr3\nmov cr3, rax\n", "hw_nested", {}),
        ("mov rax, cr3\nmov cr3, rax\n", "hw_shadow", {"cr_access": 1}),
        ("invlpg [0x400000]\n", "hw_nested", {}),
        ("invlpg [0x400000]\n", "hw_shadow", {"invlpg": 1}),
        # The guest owns CR0.TS, so clts does not exit; lmsw may change more.
        ("clts\n", "hw_nested", {}),
        ("lmsw [0x400000]\n", "hw_nested", {"cr_access": 1}),
        ("mov rax, cr8\nmov cr8, rax\n", "hw_nested", {}),
        # What VMX and SVM hardware does by itself.
        ("cli\npushf\npopf\nsti\n", "hw_nested", {}),
        ("sgdt [0x400000]\nstr rax\nsmsw rax\n", "hw_nested", {}),
        ("mov rcx, 0xc0000101\nmov rax, 0\nmov rdx, 0\nwrmsr\nrdmsr\n", "hw_nested", {}),
        ("rdtsc\n", "hw_nested", {}),
    ],
)
@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_only_what_was_asked_for_exits(
    text: str, name: str, exits: dict[str, int], vendor: str
) -> None:
    plain, tried = (go(t, name, vendor=vendor).counts(EventKind.VM_EXIT) for t in ("nop\n", text))
    paging = {"nested_fault", "page_fault"}
    more = {k: n - plain.get(k, 0) for k, n in tried.items() if k not in paging}
    assert {k: n for k, n in more.items() if n} == exits


@pytest.mark.parametrize(("vendor", "own", "other"), [("intel", "vmcall", "vmmcall"),
                                                       ("amd", "vmmcall", "vmcall")])  # fmt: skip
def test_the_other_vendor_s_hypercall_is_undefined_without_an_exit(
    vendor: str, own: str, other: str
) -> None:
    exits = [
        go(f"{name}\n", "hw_nested", vendor=vendor).counts(EventKind.VM_EXIT)
        for name in (own, other)
    ]
    assert [count.get("hypercall", 0) for count in exits] == [1, 0]


def test_hlt_stops_the_cpu_without_an_exit_when_nobody_asked_for_one() -> None:
    machine, _ = ready("hlt\n", "hw_nested")
    structure = machine.engines[0].cpu.controls
    assert isinstance(structure, Vmcs)
    structure.set(Primary.HLT_EXITING, False)
    outcome = run(machine.board, machine.engines, 100)
    assert outcome.kind == "hung"
    assert "hlt" not in machine.trace.by_key(EventKind.VM_EXIT)


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_a_waiting_interrupt_asks_for_its_window_in_the_control_structure(vendor: str) -> None:
    """The monitor keeps no note of its own: the bit in the frame is what opens the window."""
    machine, _ = ready("cli\nnop\nsti\nnop\nnop\n" + HANDLER, "hw_nested", vendor=vendor)
    (engine,) = machine.engines
    assert isinstance(engine, HardwareAssistEngine)
    while machine.board.retired < 1:
        engine.run_one()
    assert not engine.cpu.rflags & IF
    assert not engine.structure.interrupt_window
    engine.cpu.apic.request(0x50)
    engine.boundary()
    assert engine.structure.interrupt_window
    machine.trace.counts.clear()
    while engine.structure.interrupt_window:
        engine.run_one()
        engine.boundary()
    assert machine.trace.by_key(EventKind.VM_EXIT).get("interrupt_window") == 1
