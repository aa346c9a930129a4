"""How fast the machine runs: guest MIPS of small kernels and whole workloads, time per exit.

CPU time of this process, the best of several short runs: other programs on the same
computer disturb it least. Speeds are of whole runs, booting included; what is translated
once is kept for the runs that follow.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.devices.registry import DeviceType, Options
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.run import NO_OPTIONS, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, build, workload
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
# Workloads in the whole machine, with how many operations; half of them is run as well, so
# that boot and translation drop out of the time for one.
WORKLOADS: Final = MappingProxyType(
    {
        "cpu": 100_000, "memory": 512, "syscall": 12_000, "page_fault": 1_024,
        "context_switch": 1_200, "disk_read": 800,
    }
)  # fmt: skip
DISK: Final = "nvme"
BARE: Final = "native"
VM: Final = "hw_nested"


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
class Operation:
    """A workload in the whole machine: its speed, and what one more operation takes."""

    mips: float
    us_per_op: float
    instructions_per_op: float
    exits_per_op: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What ``virtdocs bench`` answers."""

    kernels: Mapping[str, Speed]
    bare: Mapping[str, Operation]
    vm: Mapping[str, Operation]
    us_per_exit: float
    first_result_ms: float


def kernel(name: str, rounds: int | None = None) -> Program:
    """The program of a kernel."""
    text, usual = KERNELS[name]
    source = text.format(rounds=rounds or usual)
    return assemble(source, f"{name}.s", constants={**BUILDS["native"].constants, "LEVELS": 4})


def speed(
    program: Program,
    technique_name: str,
    core: str = "fast",
    device: DeviceType | None = None,
    options: Options = NO_OPTIONS,
) -> Speed:
    """The best of several runs."""
    runs = []
    for _ in range(BEST_OF):
        began = time.process_time()
        finished = execute(
            technique(technique_name), program, "intel", BUDGET, device=device, options=options,
            core=core,
        )  # fmt: skip
        seconds = time.process_time() - began
        board, trace = finished.machine.board, finished.machine.trace
        runs.append(Speed(board.retired, seconds, trace.total(EventKind.VM_EXIT)))
    return min(runs, key=lambda one: one.seconds)


def workload_speed(name: str, technique_name: str, ops: int, core: str = "fast") -> Speed:
    """The best of several runs of a workload."""
    preset = technique(technique_name)
    found = workload(name)
    device = device_for(preset, found.device, DISK) if found.device else None
    drivers = device.drivers if device is not None else ()
    program = build(name, preset.build, ops=ops, levels=preset.levels, drivers=drivers)
    options = found.constants(found.checked_params({}))
    return speed(program, technique_name, core, device, options)


def operation(name: str, technique_name: str, ops: int, core: str = "fast") -> Operation:
    """A workload's speed, and the difference that the second half of its operations makes."""
    half = workload_speed(name, technique_name, ops // 2, core)
    whole = workload_speed(name, technique_name, ops, core)
    more = ops - ops // 2
    return Operation(
        whole.mips,
        (whole.seconds - half.seconds) / more * 1e6,
        (whole.instructions - half.instructions) / more,
        (whole.exits - half.exits) / more,
    )


def exit_time() -> float:
    """Microseconds for one more exit: a round of the workload cpuid, its guest code included."""
    few = workload_speed("cpuid", VM, EXIT_ROUNDS)
    many = workload_speed("cpuid", VM, 3 * EXIT_ROUNDS)
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
    kernels = {name: speed(kernel(name), BARE) for name in KERNELS}
    kernels["sys"] = workload_speed("syscall", BARE, SYSTEM_CALLS)
    bare, vm = (
        {name: operation(name, where, ops) for name, ops in WORKLOADS.items()}
        for where in (BARE, VM)
    )
    return Bench(kernels, bare, vm, exit_time(), first_result())
