"""Every workload on bare hardware: it halts with the right result, and counts are linear in N."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.disassembler import instruction_at
from virtdocs.guest.workloads import BUILDS, WORKLOADS, build
from virtdocs.machine.firmware import KERNEL_CS, USER_CS
from virtdocs.machine.memory import read_physical
from virtdocs.machine.registers import WORD_MASK
from virtdocs.trace import EventKind

RunNative = Callable[..., Any]


# Those that use a device are tested with it, in tests/devices.
WITHOUT_DEVICE = [name for name, found in WORKLOADS.items() if not found.device]


def small(name: str) -> int:
    """A small N for which counts are linear."""
    found = WORKLOADS[name]
    return max(found.ops // 8 // found.ops_step, 1) * found.ops_step


def cpu_model(ops: int) -> list[int]:
    """xorshift64* (Vigna 2016), summed."""
    state, total = 88172645463325252, 0
    for _ in range(ops):
        state ^= state >> 12
        state ^= state << 25 & WORD_MASK
        state ^= state >> 27
        total += state * 2685821657736338717
    return [total & WORD_MASK, state]


def memory_model(ops: int, pages: int = 32) -> list[int]:
    """Two programs; each page starts out as zeros, as the kernel must give it."""
    results = []
    for program in (0, 1):
        state, total, left = program + 0x1E3779B9, 0, (ops + 1) // 2
        while left:
            for _ in range(min(pages, left)):
                state ^= state << 13 & WORD_MASK
                state ^= state >> 7
                state ^= state << 17 & WORD_MASK
                page = [0] * 512
                at = (state & 0x7F8) // 8
                page[at] = state
                for step in range(8):
                    total = total + page[at + 2 * step] & WORD_MASK
                    page[at + 2 * step + 1] = page[at + 2 * step + 1] + total & WORD_MASK
            left -= min(pages, left)
        results.append(total)
    return results


def tlb_miss_model(ops: int, pages: int = 256) -> list[int]:
    """Each visit adds what the page holds, then what is left to do to the page."""
    memory: Counter[int] = Counter()
    total = 0
    for done in range(ops):
        total += memory[done % pages]
        memory[done % pages] += ops - done
    return [total & WORD_MASK]


def fork_model(ops: int, pages: int = 8) -> list[int]:
    """The child's exit code shows its own page; the parent never sees the child's write."""
    memory = [pages - page for page in range(pages)]
    total = 0
    for done in range(ops):
        total += memory[done % pages] + 1000
        memory[done % pages] += 1
    return [total + sum(memory)]


MODELS: dict[str, Callable[[int], list[int]]] = {
    "cpu": cpu_model,
    "memory": memory_model,
    "syscall": lambda ops: [ops],  # its process is number 1
    "popf_wait": lambda ops: [ops],
    "page_fault": lambda ops: [ops * (ops + 1) // 2],
    "pte_churn": lambda ops: [ops],
    "tlb_miss": tlb_miss_model,
    # Each program counts its turns from its own number on.
    "context_switch": lambda ops: [(ops + 1) // 2, (ops + 1) // 2 + 1],
    "fork": fork_model,
    "ipi": lambda ops: [ops, ops],
    "timer_tick": lambda ops: [ops],
    "vmcall": lambda ops: [ops],
    "read_time": lambda ops: [ops],  # no reading is before the one before it
}
WHO_RUNS_ME = {
    "cpuid",
    "red_pill",
    "rings",
}  # their results are answers of the machine, tested below


def test_every_workload_has_a_model_or_asks_who_runs_it() -> None:
    assert set(WITHOUT_DEVICE) == set(MODELS) | WHO_RUNS_ME


@pytest.mark.parametrize("name", MODELS)
def test_a_workload_halts_with_the_result_of_its_model(name: str, run_native: RunNative) -> None:
    ops = small(name)
    finished = run_native(build(name, ops=ops))
    assert (finished.outcome.kind, finished.outcome.detail) == ("halted", "exit code 0")
    assert finished.result == MODELS[name](ops)


@pytest.mark.parametrize("levels", BUILDS["native"].levels)
@pytest.mark.parametrize("name", ["memory", "fork"])
def test_the_same_text_runs_at_any_depth_of_page_tables(
    name: str, levels: int, run_native: RunNative
) -> None:
    ops = small(name)
    finished = run_native(build(name, ops=ops, levels=levels), levels)
    assert finished.outcome.detail == "exit code 0"
    assert finished.result == MODELS[name](ops)


@pytest.mark.parametrize("name", ["memory", "fork", "context_switch", "pte_churn", "syscall"])
def test_ticks_at_any_moment_change_no_result(name: str, run_native: RunNative) -> None:
    ops = small(name)
    finished = run_native(build(name, params={"tick": 2_003}, ops=ops))
    assert finished.outcome.detail == "exit code 0"
    assert finished.count(EventKind.IRQ, "0x40") >= 3
    assert finished.result == MODELS[name](ops)


# What one op is made of, on bare hardware (interface.md, "counts_per_op").
PER_OP = [
    ("page_fault", EventKind.EXCEPTION, "pf", 1),
    ("pte_churn", EventKind.EXCEPTION, "pf", 1),
    ("memory", EventKind.EXCEPTION, "pf", 1),
    ("fork", EventKind.EXCEPTION, "pf", 4),  # child: its stack, its page; parent: the same two
    ("ipi", EventKind.IRQ, "0x50", 2),
    ("timer_tick", EventKind.IRQ, "0x40", 1),
    ("popf_wait", EventKind.IRQ, "0x40", 1),
    ("vmcall", EventKind.EXCEPTION, "ud", 1),
    ("syscall", EventKind.EXCEPTION, "pf", 0),
]


@pytest.mark.parametrize(("name", "kind", "key", "expected"), PER_OP)
def test_one_op_is_made_of(
    name: str, kind: EventKind, key: str, expected: int, run_native: RunNative
) -> None:
    ops = small(name)
    once, twice = (run_native(build(name, ops=n * ops)).count(kind, key) for n in (1, 2))
    assert twice - once == expected * ops


@pytest.mark.parametrize("name", WITHOUT_DEVICE)
def test_counts_are_linear_in_the_number_of_ops(name: str, run_native: RunNative) -> None:
    ops = small(name)
    runs = [run_native(build(name, ops=n * ops)) for n in (1, 2, 3)]
    instructions = [run.board.retired for run in runs]
    assert instructions[1] - instructions[0] == instructions[2] - instructions[1]
    assert (instructions[1] > instructions[0]) is (name != "rings")  # which asks only once
    counts = [run.board.trace.counts for run in runs]
    for key in counts[2]:
        if key[0] in (EventKind.TLB_MISS, EventKind.WALK_REFS):
            continue  # which page leaves the TLB depends on what came before
        assert counts[1][key] - counts[0][key] == counts[2][key] - counts[1][key], key


def test_a_page_beyond_the_tlb_costs_one_miss(run_native: RunNative) -> None:
    ops = small("tlb_miss")
    once, twice = (
        run_native(build("tlb_miss", ops=n * ops)).count(EventKind.TLB_MISS) for n in (1, 2)
    )
    # One for the page, and now and then one for the code, which the FIFO throws out too.
    assert ops <= twice - once <= 1.1 * ops


@pytest.mark.parametrize("name", WITHOUT_DEVICE)
def test_two_runs_end_in_the_same_state(name: str, run_native: RunNative) -> None:
    program = build(name, ops=small(name))
    assert run_native(program).board.state_hash() == run_native(program).board.state_hash()


def test_a_shared_frame_is_copied_and_all_frames_come_back(run_native: RunNative) -> None:
    """After fork no page is left: every frame handed out is on the free list again."""
    finished = run_native(build("fork", ops=8))
    start, free = finished.at("next_frame"), finished.at("free_frames")
    frames = set()
    while free:
        assert free not in frames
        frames.add(free)
        free = finished.words(free, 1)[0]
    assert frames == set(range(0x300000, start, 4096))
    assert finished.words(0x1A0000, 512) == [0] * 512  # no frame is counted as mapped


def test_bare_hardware_looks_like_itself(run_native: RunNative) -> None:
    assert run_native(build("cpuid")).result[1] >> 31 == 0
    assert run_native(build("rings")).result == [KERNEL_CS, USER_CS]
    words = run_native(build("red_pill")).result
    kernel, user = words[:16], words[16:]
    assert [word & 3 for word in (kernel[0], user[0])] == [0, 3]
    assert kernel[3:6] == user[3:6]  # sgdt, sidt, smsw tell everybody the same
    assert (kernel[11], kernel[12]) == (0, 1 << 9)  # cli and sti show in the flags
    assert (kernel[8], user[8]) == (0, 0)


@pytest.mark.parametrize("port", ["pv32", "pv64"])
@pytest.mark.parametrize("name", WITHOUT_DEVICE)
def test_every_port_assembles_and_reserves_a_page_for_hypercalls(name: str, port: str) -> None:
    program = build(name, port, levels=BUILDS[port].levels[0])
    page = program.labels["hypercall_page"]
    assert page % 4096 == 0
    assert program.bytes_at(page, 4096) == bytes(4096)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"ipi"}))
def test_the_pv_port_leaves_the_same_result(name: str) -> None:
    ops = small(name)
    preset = technique("xen_pv32")
    program = build(name, preset.build, ops=ops, levels=preset.levels)
    finished = execute(preset, program, "intel", 3_000_000)
    assert (finished.outcome.kind, finished.outcome.detail) == ("halted", "exit code 0")
    assert program.result is not None
    expected = b"".join(word.to_bytes(8, "little") for word in MODELS[name](ops))
    assert read_physical(finished.machine.board.memory, *program.result) == expected


def test_a_kernel_for_two_processors_says_so_when_it_finds_only_one(
    run_native: RunNative,
) -> None:
    finished = run_native(build("ipi"), cpus=1)
    assert finished.outcome.detail == f"exit code {64 + 60}"


PRIVILEGED = {"cli", "sti", "hlt", "lidt", "wrmsr", "swapgs", "invlpg", "sysret", "popf"}


@pytest.mark.parametrize("name", WITHOUT_DEVICE)
def test_the_port_has_no_privileged_instruction_left(name: str) -> None:
    for port, expected in (("native", True), ("pv32", False)):
        program = build(name, port, levels=2)
        mnemonics = {
            ins.mnemonic
            for address, line in program.lines.items()
            if line.instruction and (ins := instruction_at(program, address)) is not None
        }
        assert bool(mnemonics & PRIVILEGED) is expected


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: build("cpx"), "unknown workload 'cpx'. Did you mean cpu?"),
        (lambda: build("cpu", "pv23"), "unknown build 'pv23'. Did you mean pv32?"),
        (lambda: build("cpu", "pv32"), "the pv32 build does not run with 4 levels"),
        (lambda: build("cpu", params={"tik": 1}), "unknown parameter 'tik'. Did you mean tick?"),
        (lambda: build("cpu", params={"tick": 1}), "tick=1 is not between 2000 and"),
        (lambda: build("cpu", params={"tick": "x"}), "tick='x' is no integer"),
        (lambda: build("memory", params={"pages": 121}), "pages=121 is not between 1 and 120"),
        (lambda: build("cpu", ops=0), "ops=0 is not between 1 and"),
    ],
)
def test_a_wrong_name_or_value_is_told(mistake: Callable[[], object], message: str) -> None:
    with pytest.raises((UnknownName, BadValue)) as caught:
        mistake()
    assert message in str(caught.value)
