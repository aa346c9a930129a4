"""The arithmetic flags as Python expressions over the locals of a trace.

An instruction does not compute its flags: it leaves expressions for them, which are
put into text where a branch, an exit or a fault sees them, and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.registers import ARITHMETIC_FLAGS, CF, OF, SF, SIGN_BIT, WORD_MASK, ZF

LOCAL: Final = re.compile(r"\b[rf]\d+\b")
RFLAGS: Final = "cpu.rflags"


@dataclass(frozen=True, slots=True)
class Flags:
    """Four expressions, true or false; ``less`` is a shorter way to say SF != OF."""

    cf: str
    zf: str
    sf: str
    of: str
    less: str = ""

    @property
    def names(self) -> set[str]:
        """The locals that the expressions read."""
        return set(LOCAL.findall(" ".join((self.cf, self.zf, self.sf, self.of, self.less))))

    def renamed(self, new: dict[str, str]) -> Flags:
        """The same flags after some of the locals were copied elsewhere."""

        def put(text: str) -> str:
            return LOCAL.sub(lambda found: new.get(found[0], found[0]), text)

        return Flags(put(self.cf), put(self.zf), put(self.sf), put(self.of), put(self.less))

    @property
    def from_head(self) -> bool:
        """Whether any of them is still that of a loop's head."""
        return "@" in self.cf or "@" in self.zf or "@" in self.sf or "@" in self.of

    @property
    def value(self) -> str:
        """An expression for RFLAGS with these flags in it."""
        if self == KEPT:
            return RFLAGS
        parts = [f"{RFLAGS} & {~ARITHMETIC_FLAGS}"]
        for bit, text in ((CF, self.cf), (ZF, self.zf), (SF, self.sf), (OF, self.of)):
            if text == f"{RFLAGS} & {bit}":
                parts.append(text)
            elif text != "0":
                parts.append(f"({bit} if {text} else 0)")
        return " | ".join(parts)


KEPT: Final = Flags(*(f"{RFLAGS} & {bit}" for bit in (CF, ZF, SF, OF)))


def _result(result: str, cf: str, of: str) -> Flags:
    return Flags(cf, f"{result} == 0", f"{result} >> 63", of)


def after_add(result: str, addend: str) -> Flags:
    """After result = a + addend modulo 2**64."""
    before = f"{result} - {addend}"
    return _result(
        result,
        f"{result} < {addend}",
        f"({before} ^ {result}) & ({addend} ^ {result}) & {SIGN_BIT}",
    )


def after_sub(result: str, subtrahend: str) -> Flags:
    """After result = a - subtrahend modulo 2**64."""
    before = f"({result} + {subtrahend} & {WORD_MASK})"
    return Flags(
        f"{result} + {subtrahend} > {WORD_MASK}",
        f"{result} == 0",
        f"{result} >> 63",
        f"({before} ^ {subtrahend}) & ({before} ^ {result}) & {SIGN_BIT}",
        f"({before} ^ {SIGN_BIT}) < ({subtrahend} ^ {SIGN_BIT})",
    )


def after_compare(a: str, b: str) -> Flags:
    """After cmp a, b: neither is changed."""
    return Flags(
        f"{a} < {b}",
        f"{a} == {b}",
        f"({a} - {b}) & {SIGN_BIT}",
        f"({a} ^ {b}) & ({a} ^ {a} - {b}) & {SIGN_BIT}",
        f"({a} ^ {SIGN_BIT}) < ({b} ^ {SIGN_BIT})",
    )


def after_logic(result: str) -> Flags:
    """After and, or, xor, test."""
    return Flags("0", f"{result} == 0", f"{result} >> 63", "0", f"{result} >> 63")


def after_step(result: str, before: Flags, overflow: int) -> Flags:
    """After inc or dec: CF stays; OF when the result is ``overflow``."""
    return _result(result, before.cf, f"{result} == {overflow}")


def after_shift(result: str, carry: str, overflow: str) -> Flags:
    """After a shift by a fixed count that is not zero."""
    return _result(result, carry, overflow)


def after_multiply(result: str, overflow: str) -> Flags:
    """After mul or imul: CF and OF agree."""
    return _result(result, overflow, overflow)


def with_carry(before: Flags, carry: str) -> Flags:
    """After stc or clc."""
    return Flags(carry, before.zf, before.sf, before.of)


def condition(name: str, flags: Flags) -> str:
    """When a conditional jump of that name is taken."""
    zf, less = flags.zf, flags.less
    if not less:
        less = f"(not ({flags.sf})) != (not ({flags.of}))"
    return {
        "e": zf,
        "ne": f"not ({zf})",
        "b": flags.cf,
        "ae": f"not ({flags.cf})",
        "be": f"{flags.cf} or {zf}",
        "a": f"not ({flags.cf} or {zf})",
        "l": less,
        "ge": f"not ({less})",
        "le": f"{zf} or {less}",
        "g": f"not ({zf} or {less})",
        "s": flags.sf,
        "ns": f"not ({flags.sf})",
        "o": flags.of,
        "no": f"not ({flags.of})",
    }[name]
