"""Arithmetic and logic on 64-bit words. Innocuous everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from virtdocs.machine.isa import Declared, Handler, Instruction
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CF,
    DE,
    OF,
    RAX,
    RDX,
    SF,
    SIGN_BIT,
    WORD_MASK,
    ZF,
)
from virtdocs.machine.traps import fault

if TYPE_CHECKING:
    from virtdocs.machine.cpu import Cpu

DECLARED: Final = Declared("alu", 0x10)
TWO_OPERANDS: Final = ("rr", "ri", "rm", "mr", "mi")


def _flags(cpu: Cpu, result: int, extra: int = 0, keep: int = 0) -> None:
    flags = cpu.rflags & (~ARITHMETIC_FLAGS | keep) | extra
    if result == 0:
        flags |= ZF
    if result & SIGN_BIT:
        flags |= SF
    cpu.rflags = flags


def _add(cpu: Cpu, a: int, b: int) -> int:
    total = a + b
    result = total & WORD_MASK
    overflow = OF if (a ^ result) & (b ^ result) & SIGN_BIT else 0
    _flags(cpu, result, (CF if total > WORD_MASK else 0) | overflow)
    return result


def _sub(cpu: Cpu, a: int, b: int) -> int:
    result = a - b & WORD_MASK
    overflow = OF if (a ^ b) & (a ^ result) & SIGN_BIT else 0
    _flags(cpu, result, (CF if a < b else 0) | overflow)
    return result


def _logic(operation: Callable[[int, int], int]) -> Callable[[Cpu, int, int], int]:
    def apply(cpu: Cpu, a: int, b: int) -> int:
        result = operation(a, b)
        _flags(cpu, result)
        return result

    return apply


_and = _logic(int.__and__)
_or = _logic(int.__or__)
_xor = _logic(int.__xor__)


def _two(mnemonic: str, doc: str, compute: Callable[[Cpu, int, int], int], write: bool) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        flags = cpu.rflags
        result = compute(cpu, cpu.get_first(ins), cpu.get_second(ins))
        if write:
            try:
                cpu.set_first(ins, result)
            except Exception:
                cpu.rflags = flags  # a faulting store leaves the flags as they were
                raise

    execute.__doc__ = doc
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, *TWO_OPERANDS)(execute)


_two("add", "Add; sets CF, ZF, SF, OF.", _add, write=True)
_two("sub", "Subtract; sets CF, ZF, SF, OF.", _sub, write=True)
_two("cmp", "Subtract, keep only the flags.", _sub, write=False)
_two("and", "Bitwise and; clears CF and OF.", _and, write=True)
_two("or", "Bitwise or; clears CF and OF.", _or, write=True)
_two("xor", "Bitwise exclusive or; clears CF and OF.", _xor, write=True)
_two("test", "Bitwise and, keep only the flags.", _and, write=False)


def _one(mnemonic: str, doc: str, compute: Callable[[Cpu, int], int]) -> Handler:
    def execute(cpu: Cpu, ins: Instruction) -> None:
        flags = cpu.rflags
        result = compute(cpu, cpu.get_first(ins))
        try:
            cpu.set_first(ins, result)
        except Exception:
            cpu.rflags = flags
            raise

    execute.__doc__ = doc
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, "r", "m")(execute)


def _inc(cpu: Cpu, a: int) -> int:
    result = a + 1 & WORD_MASK
    _flags(cpu, result, OF if result == SIGN_BIT else 0, keep=CF)
    return result


def _dec(cpu: Cpu, a: int) -> int:
    result = a - 1 & WORD_MASK
    _flags(cpu, result, OF if a == SIGN_BIT else 0, keep=CF)
    return result


def _neg(cpu: Cpu, a: int) -> int:
    return _sub(cpu, 0, a)


def _not(cpu: Cpu, a: int) -> int:
    return a ^ WORD_MASK


_one("inc", "Add one; CF is kept.", _inc)
_one("dec", "Subtract one; CF is kept.", _dec)
_one("neg", "Two's complement.", _neg)
_one("not", "One's complement; no flag.", _not)


def _signed(value: int) -> int:
    return value - (1 << 64) if value & SIGN_BIT else value


def _shift(mnemonic: str, doc: str, shifted: Callable[[int, int], tuple[int, int]]) -> Handler:
    """Shifts share one rule: the count is taken modulo 64, and a zero count sets no flag.

    OF tells whether a shift by one changed the sign; other counts leave it undefined on
    x86 and clear it here, as a defined result keeps every technique comparable.
    """

    def execute(cpu: Cpu, ins: Instruction) -> None:
        value, count = cpu.get_first(ins), cpu.get_second(ins) & 63
        if count:
            result, carry = shifted(value, count)
            overflow = OF if count == 1 and (value ^ result) & SIGN_BIT else 0
            cpu.set_first(ins, result)
            _flags(cpu, result, (CF if carry else 0) | overflow)

    execute.__doc__ = doc
    execute.__name__ = mnemonic
    return DECLARED.instruction(mnemonic, "ri", "rr")(execute)


_shift("shl", "Shift left.", lambda v, n: (v << n & WORD_MASK, v >> (64 - n) & 1))
_shift("shr", "Shift right, zeros come in.", lambda v, n: (v >> n, v >> (n - 1) & 1))
_shift(
    "sar",
    "Shift right, the sign comes in.",
    lambda v, n: (_signed(v) >> n & WORD_MASK, _signed(v) >> (n - 1) & 1),
)


@DECLARED.instruction("imul", "rr", "ri", "rm")
def imul(cpu: Cpu, ins: Instruction) -> None:
    """Signed multiply, low 64 bits; CF and OF when the product does not fit."""
    product = _signed(cpu.get_first(ins)) * _signed(cpu.get_second(ins))
    result = product & WORD_MASK
    _flags(cpu, result, 0 if _signed(result) == product else CF | OF)
    cpu.regs[ins.a] = result


@DECLARED.instruction("mul", "r", "m")
def mul(cpu: Cpu, ins: Instruction) -> None:
    """Unsigned multiply of rax into rdx:rax."""
    product = cpu.regs[RAX] * cpu.get_first(ins)
    cpu.regs[RAX], cpu.regs[RDX] = product & WORD_MASK, product >> 64
    _flags(cpu, cpu.regs[RAX], CF | OF if product >> 64 else 0)


@DECLARED.instruction("div", "r", "m")
def div(cpu: Cpu, ins: Instruction) -> None:
    """Unsigned divide of rdx:rax; #DE on zero or when the quotient does not fit."""
    divisor = cpu.get_first(ins)
    dividend = cpu.regs[RDX] << 64 | cpu.regs[RAX]
    if divisor == 0 or dividend // divisor > WORD_MASK:
        raise fault(DE)
    cpu.regs[RAX], cpu.regs[RDX] = dividend // divisor, dividend % divisor
