"""Pieces that change ring or segment: far transfers, returns, and excursions to rings 1 and 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.properties import layout, plain_pieces
from tests.properties.writer import Writer, at
from virtdocs.machine.firmware import KERNEL_CS, KERNEL_SS, RING1_CS, RING1_SS, USER_CS, USER_SS
from virtdocs.machine.registers import IF, R11, RAX, RCX, RSP

Piece = Callable[[Writer], None]
RING1_SELECTORS: Final = (RING1_CS | 1, RING1_SS | 1)
USER_SELECTORS: Final = (USER_CS, USER_SS)


def far_transfer(w: Writer) -> None:
    """Far jump or call within the ring, to good and bad selectors."""
    rng = w.rng
    user = plain_pieces.is_user(w)
    own = USER_CS if user else KERNEL_CS
    selector = own if w.chance(0.6) else rng.choice(plain_pieces.SELECTORS)
    slot = layout.USER_DATA + 128 if user else layout.FAR_POINTER
    target = w.put("mov", "mi", at(slot))
    w.put("mov", "mi", at(slot + 8), imm=selector)
    call = w.chance(0.5)
    w.put("callf" if call else "jmpf", "m", at(slot))
    if call and w.chance(0.5):
        w.put("pop", "r", a=RAX)
    low, address = w.words[target]
    w.words[target] = low, address | w.at << 32


def far_return(w: Writer) -> None:
    """retf within the ring, or with a selector that does not fit."""
    own = USER_CS if plain_pieces.is_user(w) else KERNEL_CS
    w.put("push", "i", imm=own if w.chance(0.7) else w.rng.choice(plain_pieces.SELECTORS))
    target = w.put("push", "i")
    w.put("retf")
    w.aim(target)


def interrupt_return(w: Writer) -> None:
    """iret within the ring, with flags of all kinds."""
    user = plain_pieces.is_user(w)
    code, data = USER_SELECTORS if user else (KERNEL_CS, KERNEL_SS)
    choices = plain_pieces.SELECTORS
    w.put("mov", "rr", a=RAX, b=RSP)
    w.put("push", "i", imm=data if w.chance(0.9) else w.rng.choice(choices))
    w.put("push", "r", a=RAX)
    w.put("push", "i", imm=w.rng.getrandbits(16))
    w.put("push", "i", imm=code if w.chance(0.8) else w.rng.choice(choices))
    target = w.put("push", "i")
    w.put("iret")
    w.aim(target)


def enter(w: Writer, target: int, selectors: tuple[int, int], stack: int) -> None:
    """iret or retf outward."""
    code, data = selectors
    w.put("push", "i", imm=data)
    w.put("push", "i", imm=stack)
    if w.chance(0.75):
        flags = w.rng.getrandbits(16)
        w.put("push", "i", imm=flags | IF if w.chance(0.7) else flags)
        w.put("push", "i", imm=code)
        w.put("push", "i", imm=target)
        w.put("iret")
    else:
        w.put("push", "i", imm=code)
        w.put("push", "i", imm=target)
        w.put("retf")


def enter_by_sysret(w: Writer, target: int) -> None:
    """The fast way into ring 3."""
    w.load(RCX, target if w.chance(0.95) else w.hole())
    w.load(R11, w.rng.getrandbits(16) | IF)
    w.load(RSP, layout.USER_STACK)
    w.put("sysret")


def short_code(w: Writer) -> None:
    """A code segment that ends before the functions that are called from it."""
    function = plain_pieces.function(w)
    w.put("lgdt", "m", at(layout.TABLE_POINTERS + 16))
    for selector in (KERNEL_CS, layout.SHORT_CODE, KERNEL_CS):
        w.put("push", "i", imm=selector)
        target = w.put("push", "i")
        w.put("retf")
        w.aim(target)
        w.put("call", "i", imm=function)


def hidden_registers(w: Writer) -> None:
    """User code that stores what a monitor would rather hide, while CR4.UMIP forbids it."""
    for _ in range(w.rng.randrange(1, 4)):
        name = w.rng.choice(("sgdt", "sidt", "sldt", "str", "smsw"))
        w.put(name, "m", at(layout.USER_DATA + 8 * w.rng.randrange(64)))


def system_call(w: Writer) -> None:
    """From ring 3, and from others that should not."""
    w.load(RAX, w.rng.randrange(1, 9))
    w.put("syscall")


def leave(w: Writer) -> None:
    """Back to ring 0, one way or another; what comes behind is never reached."""
    start = w.at
    if w.chance(0.6):
        w.put("int", "i", imm=layout.BACK_TO_KERNEL)
    w.load(RAX, 0)
    w.put("syscall")
    w.put("int", "i", imm=layout.BACK_TO_KERNEL)
    w.put("jmp", "i", imm=start)
