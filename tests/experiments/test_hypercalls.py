"""Hypercalls by mode: which instruction, which number, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.disassembler import text_of
from virtdocs.machine.isa import decode
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import WORD_MASK
from virtdocs.trace import EventKind

MINUS = WORD_MASK + 1
OWN_INSTRUCTION = {"intel": "vmcall", "amd": "vmmcall"}
OTHER = {"intel": "vmmcall", "amd": "vmcall"}

# Write rsi into the MSR rdi.
WRITE_MSR = """
write_msr:
    mov rcx, rdi
    mov rax, rsi
    mov rdx, rsi
    shr rdx, 32
    wrmsr
    ret
"""
# As guests of Xen do (kernel/xen.s): the page at 0x300000.
XEN_PAGE = """
    mov rax, 0x40000002
    cpuid
    mov rdi, rbx
    mov rsi, 0x300000
    call write_msr
"""


@pytest.mark.parametrize("vendor", OWN_INSTRUCTION)
@pytest.mark.parametrize(
    ("number", "result"),
    [(11, 0), (1, 0), (4096, MINUS - 1000), (MINUS - 1, MINUS - 1000)],
)
def test_kvm_answers_its_numbers_and_refuses_others_with_enosys(
    number: int, result: int, vendor: str, run_program: Any
) -> None:
    ran = run_program(
        f"""
    mov rax, {number}
    {OWN_INSTRUCTION[vendor]}
    mov [result], rax
    jmp done
""",
        "kvm_virtio",
        vendor,
    )
    assert ran.outcome == "halted"
    assert ran.words[0] == result
    assert sum(ran.counts(EventKind.HYPERCALL).values()) == 1
    assert ran.counts(EventKind.VM_EXIT)["hypercall"] == 1


def test_kvm_refuses_a_caller_outside_ring_0(run_program: Any) -> None:
    ran = run_program(
        """
    push 0x2b
    push 0xa00000
    push 2
    push 0x33
    push user
    iret
    .org 0x900000
user:
    mov rax, 11
    vmcall
    mov rbx, rax
    ud2
    .org 0x901000
""",
        "kvm_virtio",
    )
    assert ran.outcome == "fault"
    assert ran.finished.machine.board.cpus[0].regs[3] == MINUS - 1


def test_kvm_send_ipi_reaches_each_cpu_of_the_map_and_says_how_many(run_program: Any) -> None:
    ran = run_program(
        """
    mov rax, 10
    mov rbx, 5                          ; the CPUs 0 and 2, of which there is only the first
    xor rcx, rcx
    xor rdx, rdx
    mov rsi, 0x51
    vmcall
    mov [result], rax
    jmp done
""",
        "kvm_virtio",
    )
    assert ran.words[0] == 1
    assert ran.finished.machine.board.cpus[0].apic.requested == 1 << 0x51


@pytest.mark.parametrize("name", ["native", "hw_nested", "kvm_virtio", "xen_hvm", "hyperv"])
@pytest.mark.parametrize("vendor", OTHER)
def test_the_other_vendor_s_instruction_is_undefined(
    name: str, vendor: str, run_program: Any
) -> None:
    ran = run_program(f"{OTHER[vendor]}\n", name, vendor)
    assert ran.outcome == "fault"
    assert "#UD" in ran.finished.outcome.detail


@pytest.mark.parametrize("name", ["native", "hw_nested", "esxi", "qemu_tcg"])
def test_a_call_that_nobody_answers_is_undefined(name: str, run_program: Any) -> None:
    ran = run_program("vmcall\n", name)
    assert "#UD" in ran.finished.outcome.detail


@pytest.mark.parametrize("vendor", OWN_INSTRUCTION)
def test_xen_fills_the_hypercall_page_with_the_vendor_s_instruction(
    vendor: str, run_program: Any
) -> None:
    ran = run_program(f"{XEN_PAGE}\n jmp done\n{WRITE_MSR}", "xen_hvm", vendor)
    page = ran.finished.machine.board.memory.page(0x300000 >> PAGE_SHIFT)
    for number in (12, 32):
        word = 8 * number
        stub = [text_of(decode(page[at], page[at + 1])) for at in (word, word + 2, word + 4)]
        assert stub == [f"mov rax, {number:#x}", OWN_INSTRUCTION[vendor], "ret"]


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("mov rdi, 0", 0),  # sched_op, yield
        ("mov rdi, 9", MINUS - 38),
    ],
)
def test_a_call_through_xen_s_page_comes_back_with_a_result(
    call: str, result: int, run_program: Any
) -> None:
    ran = run_program(
        f"{XEN_PAGE}\n {call}\n call 0x300000 + 64 * 29\n mov [result], rax\n jmp done\n"
        + WRITE_MSR,
        "xen_hvm",
    )
    assert ran.words[0] == result
    assert ran.counts(EventKind.HYPERCALL) == {"sched_op": 1}


@pytest.mark.parametrize("number", [1, 14, 26, 23])
def test_xen_offers_an_hvm_guest_no_pv_mmu_and_no_pv_return(number: int, run_program: Any) -> None:
    """mmu_update, update_va_mapping, mmuext_op, iret."""
    ran = run_program(
        f"{XEN_PAGE}\n call 0x300000 + 64 * {number}\n mov [result], rax\n jmp done\n" + WRITE_MSR,
        "xen_hvm",
    )
    assert ran.words[0] == MINUS - 38
    assert ran.counts(EventKind.HYPERCALL) == {"unknown": 1}


@pytest.mark.parametrize("address", ["0x300008", "1 << 40"])
def test_xen_takes_no_page_that_is_none(address: str, run_program: Any) -> None:
    ran = run_program(
        XEN_PAGE.replace("0x300000", address) + "\n jmp done\n" + WRITE_MSR, "xen_hvm"
    )
    assert "#GP" in ran.finished.outcome.detail


BAD_ARGUMENTS = [
    ("a frame beyond memory", 12, (7, "0x7ff0, 0, 0, 1 << 30"), -22),
    ("another space", 12, (7, "0x7ff0, 1, 0, 0x1c0"), -22),
    ("another memory_op", 12, (11, "0, 0, 0, 0"), -38),
    ("pages of another domain", 12, (6, "0, 0, 0, 0"), -22),
    ("another parameter", 34, (0, "0x7ff0, 5, 2 << 56 | 0xf3"), -22),
    ("delivery by a line", 34, (0, "0x7ff0, 0, 1 << 56 | 0xf3"), -22),
    ("an exception's vector", 34, (0, "0x7ff0, 0, 2 << 56 | 0x0e"), -22),
]


@pytest.mark.parametrize(
    ("number", "arguments", "result"),
    [row[1:] for row in BAD_ARGUMENTS],
    ids=[row[0] for row in BAD_ARGUMENTS],
)
def test_xen_refuses_what_it_does_not_offer(
    number: int, arguments: tuple[int, str], result: int, run_program: Any
) -> None:
    ran = run_program(
        f"""{XEN_PAGE}
    mov rdi, {arguments[0]}
    mov rsi, words
    call 0x300000 + 64 * {number}
    mov [result], rax
    jmp done
    .align 8
words: .quad {arguments[1]}
    .align 16
{WRITE_MSR}""",
        "xen_hvm",
    )
    assert ran.words[0] == MINUS + result


def test_an_argument_that_is_not_mapped_gives_efault(run_program: Any) -> None:
    ran = run_program(
        f"{XEN_PAGE}\n mov rdi, 7\n mov rsi, 1 << 30\n call 0x300000 + 64 * 12\n"
        f" mov [result], rax\n jmp done\n{WRITE_MSR}",
        "xen_hvm",
    )
    assert ran.words[0] == MINUS - 14


HYPERV_PAGE = """
    mov rdi, 0x40000000
    mov rsi, 1 << 63
    call write_msr
    mov rdi, 0x40000001
    mov rsi, 0x300001
    call write_msr
"""


@pytest.mark.parametrize("vendor", OWN_INSTRUCTION)
@pytest.mark.parametrize(("code", "status"), [(8, 0), (0x77, 2)])
def test_hyperv_answers_through_its_page(
    code: int, status: int, vendor: str, run_program: Any
) -> None:
    ran = run_program(
        f"{HYPERV_PAGE}\n mov rcx, {code}\n call 0x300000\n mov [result], rax\n jmp done\n"
        + WRITE_MSR,
        "hyperv",
        vendor,
    )
    assert ran.outcome == "halted"
    assert ran.words[0] == status


def test_hyperv_has_no_hypercalls_for_a_guest_without_a_name(run_program: Any) -> None:
    unnamed = HYPERV_PAGE.replace("1 << 63", "0")
    ran = run_program(f"{unnamed}\n mov rcx, 8\n vmcall\n jmp done\n{WRITE_MSR}", "hyperv")
    assert "#UD" in ran.finished.outcome.detail


@pytest.mark.parametrize(("name", "stub"), [("xen_pv32", "int 0x82"), ("xen_pv64", "syscall")])
def test_a_pv_kernel_calls_by_the_instruction_of_its_mode(name: str, stub: str) -> None:
    from virtdocs.experiments.machines import assemble
    from virtdocs.guest.workloads import build
    from virtdocs.trace import Trace

    preset = technique(name)
    program = build("cpu", preset.build, levels=preset.levels)
    machine = assemble(preset, program, "intel", Trace())
    at = program.labels["hypercall_page"] + 64 * 29 + 16
    page = machine.board.memory.page(at >> PAGE_SHIFT)
    assert page is not None
    assert text_of(decode(page[at >> 3 & 511], page[(at >> 3 & 511) + 1])) == stub


@pytest.mark.parametrize(
    ("name", "transition"),
    [
        ("xen_pv32", {}),  # no VMX below it, and none needed
        ("xen_pv64", {}),
        ("xen_pvhvm", {"hypercall": 1}),
        ("kvm_virtio", {"hypercall": 1}),
    ],
)
def test_a_hypercall_is_a_vm_exit_only_in_guest_mode(name: str, transition: dict[str, int]) -> None:
    per_op = run("vmcall", name, params={"ops": 16}).counts_per_op
    assert per_op["vm_exit"] == transition
    hypercalls = per_op["hypercall"]
    assert isinstance(hypercalls, dict)
    assert sum(hypercalls.values()) == 1
