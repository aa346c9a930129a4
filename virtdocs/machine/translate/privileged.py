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
from virtdocs.machine.segments import Segment
from virtdocs.machine.translate.flags import KEPT
from virtdocs.machine.translate.memory_access import fixed, load, offset, push, top
from virtdocs.machine.translate.source import Source
from virtdocs.machine.translate.steps import Mode, Step, plain
from virtdocs.trace import ExitReason

NOT_HERE: tuple[int, ...] = ()
READABLE = (0, 2, 3, 4)  # control registers that are plain words here


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
    return NOT_HERE if _exits(cpu, ExitReason.PAUSE, {}) else (1,)


def _swapgs(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    return NOT_HERE if mode.cpl else (1,)


def _system_call(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    msrs = cpu.msrs
    if cpu.monitor_entry or mode.limited or not msrs[MSR_EFER] & EFER_SCE:
        return NOT_HERE
    if ins.spec.name == "sysret":
        return NOT_HERE if mode.cpl else (msrs[MSR_STAR], cpu.mmu.levels)
    return (msrs[MSR_STAR], msrs[MSR_LSTAR], msrs[MSR_FMASK])


def _control_register(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    writing = ins.form == "cr"
    number = ins.a if writing else ins.b
    if mode.cpl or number not in ((3,) if writing else READABLE):
        return NOT_HERE
    detail = {"cr": number, "write": int(writing), "reg": ins.b if writing else ins.a}
    return NOT_HERE if _exits(cpu, ExitReason.CR_ACCESS, detail) else (1,)


def _invlpg(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    return NOT_HERE if mode.cpl or _exits(cpu, ExitReason.INVLPG, {"address": 0}) else (1,)


def _exits(cpu: Cpu, reason: ExitReason, detail: dict[str, int]) -> bool:
    return cpu.controls is not None and cpu.controls.wants(reason, detail)


def _iret(cpu: Cpu, ins: Instruction, mode: Mode) -> tuple[int, ...]:
    if mode.cpl or mode.limited:
        return NOT_HERE
    return (*cpu.gdtr, 1 << 11 + 9 * cpu.mmu.levels)


FACTS = {
    "mov_cr": _control_register,
    "invlpg": _invlpg,
    "iret": _iret,
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
    source.advance(RSP, 8)
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
    source.line("cpu.system_calls += 1")
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
    _load_segments(
        source, flat(code, code=True, dpl=cpl), flat(stack, code=False, dpl=cpl), code & 3
    )


def _load_segments(source: Source, code: Segment, stack: Segment, cpl: int) -> None:
    code_name, stack_name = source.constant(code), source.constant(stack)
    source.line(f"p = cpu.segments; p[{CS}] = {code_name}; p[{SS}] = {stack_name}; cpu.cpl = {cpl}")
    mode = source.mode
    source.enter(Mode(cpl, mode.protect, mode.last, mode.limited))


def control_register(source: Source, step: Step) -> None:
    """mov r, crN and mov cr3, r: after the latter the next instruction is fetched anew."""
    ins = step.ins
    if ins.form == "rc":
        source.put(ins.a, f"cpu.cr{ins.b}")
        return
    value = source.get(ins.b)
    source.line(f"if {value} >> 52: raise Leave")
    source.line(f"cpu.load_cr3({value})")


def invlpg(source: Source, step: Step) -> None:
    """invlpg, unless the page is one that the trace relies on."""
    name = source.view("R")
    source.line(f"forget{name[1:]}({offset(source, step.ins)})")


def iret(source: Source, step: Step) -> None:
    """iret to the selectors of the recorded frame, outward or within the ring."""
    base, _, lower_half = step.facts
    (code, _), (stack, _) = step.returned
    source.line(f"t = {top(source)}")
    source.line(f"c = {top(source, 8)}")
    source.line(f"v = {top(source, 16)}")
    source.line(f"s = {top(source, 24)}")
    source.line(f"w = {top(source, 32)}")
    source.leave_unless(
        f"c & 65535 == {code.selector} and w & 65535 == {stack.selector} and t < {lower_half}"
    )
    for segment, raw in step.returned:
        found = load(source, fixed(base + (segment.selector & 0xFFF8)))
        source.line(f"p = {found}")
        source.line(f"if p != {raw}: raise Leave")
    mask = ARITHMETIC_FLAGS | IF | IOPL
    ring = code.selector & 3
    _load_segments(source, code, stack, ring)
    if ring:
        source.line(f"cpu.drop_inner_segments({ring})")
    source.line(f"cpu.rflags = cpu.rflags & {~mask & FLAGS_MASK} | v & {mask} | {FLAGS_ONE}")
    source.flags = KEPT
    source.put(RSP, "s")
    source.line(f"if t != {step.target}: {source.exit('t', source.index + 1)}")


EMIT = {
    "pushf": pushf, "popf": popf, "cli": cli, "sti": sti, "pause": pause,
    "swapgs": swapgs, "mov_cr": control_register, "invlpg": invlpg, "iret": iret,
    "syscall": syscall, "sysret": sysret,
}  # fmt: skip
