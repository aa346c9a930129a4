"""How fast the machine runs: guest MIPS of small kernels and whole workloads, time per exit.

CPU time of this process, the best of several short runs: other programs on the same
computer disturb it least. Runs are whole: booting and translating are in them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, build
from virtdocs.trace import EventKind

BEST_OF: Final = 3
BUDGET: Final = 100_000_000
FIRST_RESULT: Final = ("-m", "virtdocs", "run", "rings", "--json")
EXIT_ROUNDS: Final = 1_500

# Each kernel runs on bare hardware with paging on; {rounds} is how often it goes round.
KERNELS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        # A step of xorshift64*, as in the workload cpu.
        "alu": (
            """
start:
    mov rbx, 88172645463325252
    mov r12, 2685821657736338717
    mov rcx, {rounds}
again:
    mov rax, rbx
    shr rax, 12
    xor rbx, rax
    mov rax, rbx
    shl rax, 25
    xor rbx, rax
    mov rax, rbx
    shr rax, 27
    xor rbx, rax
    mov rax, rbx
    imul rax, r12
    add r13, rax
    dec rcx
    jne again
    out 0xf4, eax
""",
            100_000,
        ),
        # Running sums over 32 KiB: two loads, a store.
        "mem": (
            """
start:
    mov rcx, {rounds}
pass:
    mov rdi, 0x300000
    mov rdx, 2048
again:
    add r13, [rdi]
    add r13, [rdi + 8]
    mov [rdi + 8], r13
    add rdi, 16
    dec rdx
    jne again
    dec rcx
    jne pass
    out 0xf4, eax
""",
            60,
        ),
    }
)
SYSTEM_CALLS: Final = 12_000  # kernel "sys": the workload syscall on bare hardware
VM: Final = MappingProxyType(
    {"cpu": 100_000, "memory": 512, "syscall": 12_000, "page_fault": 512, "context_switch": 600}
)


@dataclass(frozen=True, slots=True)
class Speed:
    """One measured run."""

    instructions: int
    seconds: float
    exits: int

    @property
    def mips(self) -> float:
        """Millions of guest instructions a second."""
        return self.instructions / self.seconds / 1e6


@dataclass(frozen=True, slots=True)
class Bench:
    """What ``virtdocs bench`` answers."""

    kernels: Mapping[str, Speed]
    vm: Mapping[str, Speed]
    us_per_exit: float
    first_result_ms: float


def kernel(name: str, rounds: int | None = None) -> Program:
    """The program of a kernel."""
    text, usual = KERNELS[name]
    source = text.format(rounds=rounds or usual)
    return assemble(source, f"{name}.s", constants={**BUILDS["native"].constants, "LEVELS": 4})


def speed(program: Program, technique_name: str, core: str = "fast") -> Speed:
    """The best of several runs."""
    runs = []
    for _ in range(BEST_OF):
        began = time.process_time()
        finished = execute(technique(technique_name), program, "intel", BUDGET, core=core)
        seconds = time.process_time() - began
        board, trace = finished.machine.board, finished.machine.trace
        runs.append(Speed(board.retired, seconds, trace.total(EventKind.VM_EXIT)))
    return min(runs, key=lambda one: one.seconds)


def workload_speed(name: str, technique_name: str, ops: int, core: str = "fast") -> Speed:
    """The best of several runs of a workload."""
    preset = technique(technique_name)
    return speed(build(name, preset.build, ops=ops, levels=preset.levels), technique_name, core)


def exit_time() -> float:
    """Microseconds for one more exit: a round of the workload cpuid, its guest code included."""
    few = workload_speed("cpuid", "hw_nested", EXIT_ROUNDS)
    many = workload_speed("cpuid", "hw_nested", 3 * EXIT_ROUNDS)
    return (many.seconds - few.seconds) / (many.exits - few.exits) * 1e6


def first_result() -> float:
    """Milliseconds from starting Python to a first answer, files and caches warm."""
    times = []
    for _ in range(BEST_OF):
        began = time.perf_counter()
        subprocess.run([sys.executable, *FIRST_RESULT], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def bench() -> Bench:
    """Everything."""
    kernels = {name: speed(kernel(name), "native") for name in KERNELS}
    kernels["sys"] = workload_speed("syscall", "native", SYSTEM_CALLS)
    vm = {name: workload_speed(name, "hw_nested", ops) for name, ops in VM.items()}
    return Bench(kernels, vm, exit_time(), first_result())
