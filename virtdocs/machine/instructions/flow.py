"""Control flow: near and far jumps, calls, returns, interrupts, system calls.

A near target that is not canonical, or beyond the limit of cs, faults when it is fetched, not
at the jump (Intel's near jumps check first, SDM vol. 2, JMP): our rule, so that a jump
has no fault of its own. There are no call gates and no task switches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from virtdocs.machine.instructions.flags import writable_flags
from virtdocs.machine.isa import Declared, Handler, Instruction
from virtdocs.machine.paging import canonical
from virtdocs.machine.registers import (
    CF,
    CS,
    EFER_SCE,
    FLAGS_MASK,
    FLAGS_ONE,
    GP,
    MSR_FMASK,
    MSR_LSTAR,
    MSR_STAR,
    OF,
    R11,
    RCX,
    RSP,
    SF,
    SS,
    UD,
    WORD_MASK,
    ZF,
)
from virtdocs.machine.traps import Trap, TrapKind, Trapped, fault
from virtdocs.trace import ExitReason

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("flow", 0x30)


@DECLARED.instruction("jmp", "i", "r", "m")
def jmp(cpu: Cpu, ins: Instruction) -> None:
    """Jump to an absolute address."""
    cpu.next_rip = cpu.get_first(ins)


def _signed_less(flags: int) -> bool:
    return bool(flags & SF) != bool(flags & OF)


CONDITIONS: Final[dict[str, Callable[[int], bool]]] = {
    "e": lambda f: bool(f & ZF),
    "ne": lambda f: not f & ZF,
    "b": lambda f: bool(f & CF),
    "ae": lambda f: not f & CF,
    "be": lambda f: bool(f & (CF | ZF)),
    "a": lambda f: not f & (CF | ZF),
    "l": _signed_less,
    "ge": lambda f: not _signed_less(f),
    "le": lambda f: bool(f & ZF) or _signed_less(f),
    "g": lambda f: not f & ZF and not _signed_less(f),
    "s": lambda f: bool(f & SF),
    "ns": lambda f: not f & SF,
    "o": lambda f: bool(f & OF),
    "no": lambda f: not f & OF,
}


def _conditional(name: str, holds: Callable[[int], bool]) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        if holds(cpu.rflags):
            cpu.next_rip = ins.imm

    execute.__doc__ = f"Jump when the condition {name!r} holds for the flags."
    execute.__name__ = f"j{name}"
    return DECLARED.instruction(f"j{name}", "i")(execute)


for _name, _holds in CONDITIONS.items():
    _conditional(_name, _holds)


@DECLARED.instruction("jrcxz", "i")
def jrcxz(cpu: Cpu, ins: Instruction) -> None:
    """Jump when rcx is zero; reads no flag, which is why translators like it."""
    if cpu.regs[RCX] == 0:
        cpu.next_rip = ins.imm


@DECLARED.instruction("call", "i", "r", "m")
def call(cpu: Cpu, ins: Instruction) -> None:
    """Push the return address and jump."""
    target = cpu.get_first(ins)
    cpu.push(cpu.next_rip)
    cpu.next_rip = target


@DECLARED.instruction("ret")
def ret(cpu: Cpu, ins: Instruction) -> None:
    """Pop the return address."""
    cpu.next_rip = cpu.load_stack(0)
    cpu.regs[RSP] = cpu.regs[RSP] + 8 & WORD_MASK


@DECLARED.instruction("jmpf", "m")
def jmpf(cpu: Cpu, ins: Instruction) -> None:
    """Far jump through a 16-byte pointer: offset, selector. Sensitive: it reads descriptors."""
    target, selector = cpu.far_pointer(ins)
    segment = cpu.code_segment_for_jump(selector)
    cpu.next_rip = target
    cpu.set_code_segment(segment)


@DECLARED.instruction("callf", "m")
def callf(cpu: Cpu, ins: Instruction) -> None:
    """Far call through a 16-byte pointer: pushes cs and rip."""
    target, selector = cpu.far_pointer(ins)
    segment = cpu.code_segment_for_jump(selector)
    cpu.push_all(cpu.segments[CS].selector, cpu.next_rip)
    cpu.next_rip = target
    cpu.set_code_segment(segment)


@DECLARED.instruction("retf")
def retf(cpu: Cpu, ins: Instruction) -> None:
    """Far return: pops rip and cs, and rsp and ss when it returns to a less privileged ring."""
    target, selector = cpu.load_stack(0), cpu.load_stack(8) & 0xFFFF
    if selector & 3 > cpu.cpl:
        stack, stack_selector = cpu.load_stack(16), cpu.load_stack(24) & 0xFFFF
    else:
        stack, stack_selector = cpu.regs[RSP] + 16 & WORD_MASK, None
    cpu.return_to(selector, target, stack, stack_selector)


@DECLARED.instruction("iret")
def iret(cpu: Cpu, ins: Instruction) -> None:
    """Return from an interrupt: rip, cs, rflags, rsp, ss. IF is kept back as in popf."""
    target, selector = cpu.load_stack(0), cpu.load_stack(8) & 0xFFFF
    flags = cpu.load_stack(16)
    stack, stack_selector = cpu.load_stack(24), cpu.load_stack(32) & 0xFFFF
    mask = writable_flags(cpu.cpl, cpu.iopl)
    cpu.return_to(selector, target, stack, stack_selector)
    cpu.rflags = cpu.rflags & ~mask & FLAGS_MASK | flags & mask | FLAGS_ONE


@DECLARED.instruction("int", "i")
def int_n(cpu: Cpu, ins: Instruction) -> None:
    """Software interrupt through the IDT; the gate's DPL must allow the CPL."""
    raise Trapped(Trap(TrapKind.SOFTWARE_INTERRUPT, vector=ins.imm & 0xFF, ins=ins))


@DECLARED.instruction("ud2")
def ud2(cpu: Cpu, ins: Instruction) -> None:
    """Always #UD."""
    raise fault(UD)


@DECLARED.instruction("syscall")
def syscall(cpu: Cpu, ins: Instruction) -> None:
    """Enter CPL 0 at LSTAR; rcx and r11 keep rip and rflags (SDM vol. 2, SYSCALL)."""
    if not cpu.efer & EFER_SCE:
        raise fault(UD)
    if cpu.monitor_entry:
        raise Trapped(Trap(TrapKind.SYSCALL, ins=ins))
    enter_by_syscall(cpu, cpu.next_rip)


def enter_by_syscall(cpu: Cpu, return_rip: int) -> None:
    """What SYSCALL does to the CPU whose kernel is entered."""
    star = cpu.msrs[MSR_STAR]
    selector = star >> 32 & 0xFFFC
    cpu.system_calls += 1
    cpu.regs[RCX] = return_rip
    cpu.regs[R11] = cpu.rflags
    cpu.rflags = cpu.rflags & ~cpu.msrs[MSR_FMASK] & FLAGS_MASK | FLAGS_ONE
    cpu.set_code_segment(cpu.flat_segment(selector, code=True, dpl=0))
    cpu.segments[SS] = cpu.flat_segment(selector + 8, code=False, dpl=0)
    cpu.next_rip = cpu.msrs[MSR_LSTAR]


@DECLARED.instruction("sysret")
def sysret(cpu: Cpu, ins: Instruction) -> None:
    """Return to CPL 3 at rcx with the flags of r11; #GP outside CPL 0."""
    if not cpu.efer & EFER_SCE:
        raise fault(UD)
    if cpu.cpl != 0:
        raise fault(GP, 0)
    # Intel checks the target while still in ring 0, AMD faults in ring 3 (SDM vol. 2, SYSRET).
    if cpu.vendor == "intel" and not canonical(cpu.regs[RCX], cpu.mmu.levels):
        raise fault(GP, 0)
    selector = (cpu.msrs[MSR_STAR] >> 48) + 16 & 0xFFFF | 3
    cpu.rflags = cpu.regs[R11] & FLAGS_MASK | FLAGS_ONE
    cpu.set_code_segment(cpu.flat_segment(selector, code=True, dpl=3))
    cpu.segments[SS] = cpu.flat_segment(selector - 8 | 3, code=False, dpl=3)
    cpu.next_rip = cpu.regs[RCX]


@DECLARED.instruction("nop")
def nop(cpu: Cpu, ins: Instruction) -> None:
    """Do nothing."""


@DECLARED.instruction("pause")
def pause(cpu: Cpu, ins: Instruction) -> None:
    """Hint of a spin loop; a hypervisor may ask to be told."""
    cpu.intercept(ExitReason.PAUSE, ins)
