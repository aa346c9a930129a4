"""The same kernels on this machine's two cores and on three peers, in one go.

    make bench

runs it with everything else, in an environment of the peers' own (``requirements.txt``);
``--json`` prints the figures for that.

alu is a step of xorshift64*, mem running sums over 32 KiB, both as in
``virtdocs/experiments/bench.py``: tinyrv runs them as RV64 code, unicorn as x86-64
code with a Python hook per instruction (what an instrumenting tool pays). py65 is an
8-bit processor: its loop has the same kinds of instruction, not the same result.
Each figure is the best of several runs, in CPU time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from virtdocs.experiments.bench import kernel, speed

BEST_OF = 3
ROUNDS = 2_000
SEED, FACTOR = 88172645463325252, 2685821657736338717
WORD = (1 << 64) - 1
CODE, DATA = 0x1000, 0x10_0000
MEM_STEPS = 512


@dataclass(frozen=True, slots=True)
class Figure:
    """A peer's speed on a kernel."""

    name: str
    kernel: str
    mips: float


def best(run: Callable[[], int]) -> float:
    """Millions of instructions a second; ``run`` returns how many it ran."""
    found = 0.0
    for _ in range(BEST_OF):
        began = time.process_time()
        instructions = run()
        found = max(found, instructions / (time.process_time() - began) / 1e6)
    return found


def expected_alu(rounds: int) -> int:
    """The sum that the kernel alu leaves, computed by itself."""
    state, total = SEED, 0
    for _ in range(rounds):
        state ^= state >> 12
        state ^= state << 25 & WORD
        state ^= state >> 27
        total = total + state * FACTOR & WORD
    return total


# RISC-V: register numbers, and just enough of an assembler ---------------------------------------


def _r(funct7: int, rs2: int, rs1: int, funct3: int, rd: int, opcode: int = 0x33) -> int:
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def _i(imm: int, rs1: int, funct3: int, rd: int, opcode: int = 0x13) -> int:
    return (imm & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def _s(imm: int, rs2: int, rs1: int) -> int:
    return (imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | 3 << 12 | (imm & 31) << 7 | 0x23


def _bne(offset: int, rs1: int, rs2: int) -> int:
    return (
        (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | 1 << 12
        | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7 | 0x63
    )  # fmt: skip


# x5 state, x6 factor, x7 scratch, x8 sum, x9 rounds
RISCV_ALU = [
    _i(12, 5, 5, 7), _r(0, 7, 5, 4, 5), _i(25, 5, 1, 7), _r(0, 7, 5, 4, 5),
    _i(27, 5, 5, 7), _r(0, 7, 5, 4, 5), _r(1, 6, 5, 0, 7), _r(0, 7, 8, 0, 8),
    _i(-1, 9, 0, 9), _bne(-36, 9, 0),
]  # fmt: skip
# x5 address, x8 sum, x9 steps
RISCV_MEM = [
    _i(0, 5, 3, 7, 0x03), _r(0, 7, 8, 0, 8), _i(8, 5, 3, 7, 0x03), _r(0, 7, 8, 0, 8),
    _s(8, 8, 5), _i(16, 5, 0, 5), _i(-1, 9, 0, 9), _bne(-28, 9, 0),
]  # fmt: skip


def tinyrv_run(code: list[int], registers: dict[int, int], rounds: int) -> tuple[int, int]:
    """Run a loop to its end; instructions, and the sum in x8."""
    import struct

    import tinyrv

    machine = tinyrv.sim(xlen=64)
    machine.trace_log = None
    machine.copy_in(CODE, struct.pack(f"<{len(code)}I", *code))
    for number, value in {**registers, 9: rounds}.items():
        machine.x[number] = value
    machine.pc = CODE
    end = CODE + 4 * len(code)
    machine.run(limit=0, bpts={end}, trace=False)
    return rounds * len(code), machine.x[8] & WORD


def tinyrv_figures() -> list[Figure]:
    """Both kernels."""
    signed = SEED  # below 2**63
    instructions, total = tinyrv_run(RISCV_ALU, {5: signed, 6: FACTOR}, 50)
    assert total == expected_alu(50), "tinyrv computes something else"
    assert instructions == 500
    alu = best(lambda: tinyrv_run(RISCV_ALU, {5: signed, 6: FACTOR}, ROUNDS)[0])
    mem = best(lambda: tinyrv_run(RISCV_MEM, {5: DATA}, MEM_STEPS * 8)[0])
    return [Figure("tinyrv 0.1.0", "alu", alu), Figure("tinyrv 0.1.0", "mem", mem)]


# x86-64 in unicorn --------------------------------------------------------------------------------

X86_ALU = bytes.fromhex(
    "4889d8 48c1e80c 4831c3 4889d8 48c1e019 4831c3 4889d8 48c1e81b 4831c3"
    "4889d8 490fafc4 4901c5 48ffc9 75d3"
)
X86_MEM = bytes.fromhex("4c032f 4c036f08 4c896f08 4883c710 48ffc9 75ec")


def unicorn_run(code: bytes, per_round: int, rounds: int, alu: bool) -> tuple[int, int]:
    """Run a loop with a Python hook per instruction; instructions, and the sum in r13."""
    import unicorn
    from unicorn import x86_const as x86

    machine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    machine.mem_map(0, 0x40_0000)
    machine.mem_write(CODE, code)
    start = {x86.UC_X86_REG_RCX: rounds, x86.UC_X86_REG_RDI: DATA, x86.UC_X86_REG_R13: 0}
    if alu:
        start |= {x86.UC_X86_REG_RBX: SEED, x86.UC_X86_REG_R12: FACTOR}
    for register, value in start.items():
        machine.reg_write(register, value)
    seen = 0

    def hook(*_: object) -> None:
        nonlocal seen
        seen += 1

    machine.hook_add(unicorn.UC_HOOK_CODE, hook)
    machine.emu_start(CODE, CODE + len(code))
    assert seen == rounds * per_round
    return seen, machine.reg_read(x86.UC_X86_REG_R13)


def unicorn_figures() -> list[Figure]:
    """Both kernels."""
    assert unicorn_run(X86_ALU, 14, 50, True)[1] == expected_alu(50), "unicorn computes otherwise"
    alu = best(lambda: unicorn_run(X86_ALU, 14, 10 * ROUNDS, True)[0])
    mem = best(lambda: unicorn_run(X86_MEM, 6, MEM_STEPS * 32, False)[0])
    name = "unicorn 2.1.4, hook per instruction"
    return [Figure(name, "alu", alu), Figure(name, "mem", mem)]


# 6502 ---------------------------------------------------------------------------------------------

# The same loop by hand: txa, eor, adc, sta, lsr, eor, sta, dex, and a branch back to its start.
P65_LOOP = bytes.fromhex("8a 495a 6510 8510 4a 4511 8511 ca d0f1")


def py65_figures() -> list[Figure]:
    """An 8-bit loop of the same kinds of instruction."""
    from py65.devices.mpu6502 import MPU

    def run() -> int:
        machine = MPU()
        machine.memory[0x200 : 0x200 + len(P65_LOOP)] = list(P65_LOOP)
        machine.pc = 0x200
        count = 9 * 256 * 20
        for _ in range(count):
            if machine.pc == 0x200 + len(P65_LOOP):
                machine.pc = 0x200
            machine.step()
        return count

    return [Figure("py65 1.2.0 (8 bits)", "alu", best(run))]


def own_figures() -> list[Figure]:
    """This machine, whole and with paging on, on both cores."""
    return [
        Figure(f"virtdocs, {core} core", name, speed(kernel(name, rounds), "native", core).mips)
        for core, sizes in (("fast", (100_000, 60)), ("reference", (4_000, 2)))
        for name, rounds in zip(("alu", "mem"), sizes, strict=True)
    ]


def figures() -> list[Figure]:
    """Everybody's; ModuleNotFoundError for a peer that is not installed."""
    return own_figures() + tinyrv_figures() + py65_figures() + unicorn_figures()


def main() -> int:
    """Print the table; 1 when a peer is not installed."""
    try:
        found = figures()
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is not installed: `make bench` installs it")
        return 1
    if "--json" in sys.argv:
        print(json.dumps([asdict(one) for one in found]))
        return 0
    fast = {one.kernel: one.mips for one in found if "fast" in one.name}
    for one in found:
        ratio = fast[one.kernel] / one.mips
        print(f"{one.name:38s} {one.kernel:4s} {one.mips:8.3f} MIPS   fast core is {ratio:6.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
