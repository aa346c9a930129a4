"""System instructions that a trace does itself, where the privilege it was recorded at allows.

They are specialised on what they found when they were recorded: MSRs, descriptors,
intercepts. These facts are compared again before a trace runs, and nothing in a
trace changes them.
"""

from __future__ import annotations

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CS,
    EFER_SCE,
    FLAGS_MASK,
    FLAGS_ONE,
    GS,
    IF,
    IOPL,
    IOPL_SHIFT,
    MSR_EFER,
    MSR_FMASK,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_LSTAR,
    MSR_STAR,
    R11,
    RCX,
    RSP,
    SS,
)
from virtdocs.machine.segment_unit import SegmentUnit
from virtdocs.machine.translate.flags import KEPT
from virtdocs.machine.translate.memory_access import push, top
from virtdocs.machine.translate.source import Source
from virtdocs.machine.translate.steps import Mode, Step, plain
from virtdocs.trace import ExitReason

NOT_HERE: tuple[int, ...] = ()


def translatable(cpu: Cpu, ins: Instruction, mode: Mode) -> bool:
    """Whether a trace may do this instruction itself."""
    name = ins.spec.name
    if plain(ins):
        return True
    if name in ("cli", "sti"):
        return mode.cpl <= cpu.iopl
    return name in FACTS and FACTS[name](cpu, ins, mode) != NOT_HERE


def facts(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    """What the translation of a system instruction relies on; empty where it relies on nothing."""
    find = FACTS.get(ins.spec.name)
    return find(cpu, ins, mode) if find is not None else NOT_HERE


def _pause(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    controls = cpu.controls
    return (1,) if controls is None or not controls.wants(ExitReason.PAUSE, {}) else NOT_HERE


def _swapgs(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    return NOT_HERE if mode.cpl else (1,)


def _system_call(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    msrs = cpu.msrs
    if cpu.monitor_entry or mode.limited or not msrs[MSR_EFER] & EFER_SCE:
        return NOT_HERE
    if ins.spec.name == "sysret":
        return NOT_HERE if mode.cpl else (msrs[MSR_STAR], cpu.mmu.levels)
    return (msrs[MSR_STAR], msrs[MSR_LSTAR], msrs[MSR_FMASK])


FACTS = {
    "pause": _pause,
    "swapgs": _swapgs,
    "syscall": _system_call,
    "sysret": _system_call,
}


# What they become ------------------------------------------------------------------------------


def pushf(source: Source, step: Step) -> None:
    """pushf."""
    source.settle_flags()
    push(source, "cpu.rflags")


def popf(source: Source, step: Step) -> None:
    """popf: which bits change depends on the privilege (flags.writable_flags)."""
    source.line(f"v = {top(source)}")
    source.put(RSP, f"{source.get(RSP)} + 8")
    cpl = step.mode.cpl
    if cpl == 0:
        mask = str(ARITHMETIC_FLAGS | IF | IOPL)
    else:
        source.line(
            f"c = {ARITHMETIC_FLAGS | IF} if {cpl} <= cpu.rflags >> {IOPL_SHIFT} & 3"
            f" else {ARITHMETIC_FLAGS}"
        )
        mask = "c"
    source.line(f"cpu.rflags = cpu.rflags & ~{mask} & {FLAGS_MASK} | v & {mask} | {FLAGS_ONE}")
    source.flags = KEPT


def _check_io_privilege(source: Source, step: Step) -> None:
    if step.mode.cpl:
        source.leave_unless(f"{step.mode.cpl} <= cpu.rflags >> {IOPL_SHIFT} & 3")


def cli(source: Source, step: Step) -> None:
    """cli."""
    _check_io_privilege(source, step)
    source.line(f"cpu.rflags &= {~IF}")


def sti(source: Source, step: Step) -> None:
    """sti: nothing is waiting to interrupt while a trace runs, but its shadow may outlive it."""
    _check_io_privilege(source, step)
    source.line(f"if not cpu.rflags & {IF}: cpu.interrupt_shadow = 1; cpu.rflags |= {IF}")


def pause(source: Source, step: Step) -> None:
    """pause, where nobody asked to be told."""


def swapgs(source: Source, step: Step) -> None:
    """swapgs."""
    one, other = MSR_GS_BASE, MSR_KERNEL_GS_BASE
    source.line("m = cpu.msrs")
    source.line(f"cpu.segment_base[{GS}] = v = m[{other}]; m[{other}] = m[{one}]; m[{one}] = v")


def syscall(source: Source, step: Step) -> None:
    """syscall, with STAR, LSTAR and FMASK as they were."""
    star, _, mask = step.facts
    selector = star >> 32 & 0xFFFC
    source.settle_flags()
    source.put(RCX, str(step.after))
    source.put(R11, "cpu.rflags")
    source.line(f"cpu.rflags = cpu.rflags & {~mask & FLAGS_MASK} | {FLAGS_ONE}")
    _switch(source, selector, selector + 8, 0)


def sysret(source: Source, step: Step) -> None:
    """sysret: both vendors agree while the target is in the lower half."""
    star, levels = step.facts
    selector = (star >> 48) + 16 & 0xFFFF | 3
    target = source.get(RCX)
    source.line(f"if {target} >> {11 + 9 * levels}: raise Leave")
    source.line(f"cpu.rflags = {source.get(R11)} & {FLAGS_MASK} | {FLAGS_ONE}")
    source.flags = KEPT
    _switch(source, selector, selector - 8 | 3, 3)
    source.line(f"if {target} != {step.target}: {source.exit(target, source.index + 1)}")


def _switch(source: Source, code: int, stack: int, cpl: int) -> None:
    """The flat segments that syscall and sysret load, and the mode that goes with them."""
    flat = SegmentUnit.flat_segment
    code_name = source.constant(flat(code, code=True, dpl=cpl))
    stack_name = source.constant(flat(stack, code=False, dpl=cpl))
    source.line(
        f"v = cpu.segments; v[{CS}] = {code_name}; v[{SS}] = {stack_name}; cpu.cpl = {code & 3}"
    )
    mode = source.mode
    source.enter(Mode(code & 3, mode.protect, mode.last, mode.limited))


EMIT = {
    "pushf": pushf, "popf": popf, "cli": cli, "sti": sti, "pause": pause,
    "swapgs": swapgs, "syscall": syscall, "sysret": sysret,
}  # fmt: skip
