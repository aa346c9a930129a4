"""Pieces that any ring may run: arithmetic, memory, stack, jumps, faults, segments, code that
rewrites code. ``user`` says whether wild stores may go anywhere the ring can reach."""

from __future__ import annotations

from typing import Final

from tests.properties import layout
from tests.properties.writer import SIZES, Memory, Writer, at
from virtdocs.machine.firmware import KERNEL_CS, KERNEL_SS, RING1_CS, RING1_SS, USER_CS, USER_SS
from virtdocs.machine.instructions import BY_FORM, SPECS
from virtdocs.machine.instructions.flow import CONDITIONS
from virtdocs.machine.isa import Instruction, encode
from virtdocs.machine.registers import RAX, RCX, RDX, RSP, WORD_MASK

TWO: Final = ("add", "sub", "cmp", "and", "or", "xor", "test", "mov")
ONE: Final = ("inc", "dec", "neg", "not")
SHIFTS: Final = ("shl", "shr", "sar")
SELECTORS: Final = (
    0, 3, KERNEL_CS, KERNEL_SS, RING1_CS | 1, RING1_SS | 1, USER_CS, USER_SS, 0x38, 0x40, 0x4B,
    0x50, 0x58, 0x63, 0x0C, 0xFFF8,
)  # fmt: skip


def is_user(w: Writer) -> bool:
    """Whether this code runs in ring 3."""
    return w.start >= layout.USER_CODE


def arithmetic(w: Writer) -> None:
    """A few operations on registers, and a jump over some of them."""
    for _ in range(w.rng.randrange(1, 5)):
        operate(w)
    if w.chance(0.5):
        taken = w.put(f"j{w.rng.choice([*CONDITIONS, 'rcxz'])}", "i")
        for _ in range(w.rng.randrange(1, 3)):
            operate(w)
        w.aim(taken)


def operate(w: Writer) -> None:
    """One operation on registers."""
    w.raw(*encode(operation(w)))


def operation(w: Writer) -> Instruction:
    """An instruction that touches registers and flags alone."""
    rng = w.rng
    kind = rng.randrange(8)
    a, b = w.register(), w.register()
    if kind < 4:
        name, form, fields = rng.choice(TWO), rng.choice(("rr", "ri")), {"a": a, "b": b}
        if form == "ri":
            fields = {"a": a, "imm": w.number()}
    elif kind == 4:
        name, form, fields = rng.choice(ONE), "r", {"a": a}
    elif kind == 5:
        name, form, fields = rng.choice(SHIFTS), "ri", {"a": a, "imm": rng.randrange(70)}
    elif kind == 6:
        name, form, fields = rng.choice(
            (("imul", "rr", {"a": a, "b": b}), ("imul", "ri", {"a": a, "imm": w.number()}),
             ("mul", "r", {"a": a}), ("div", "r", {"a": a}), ("xchg", "rr", {"a": a, "b": b}))
        )  # fmt: skip
    else:
        name = rng.choice(("stc", "clc", "nop", "pause", "shl"))
        form, fields = ("rr", {"a": a, "b": b}) if name == "shl" else ("", {})
    spec = BY_FORM[name, form]
    return Instruction(spec, form, **fields)


def access(w: Writer) -> None:
    """Loads and stores, of every size, wherever the ring may try."""
    rng, user = w.rng, is_user(w)
    for _ in range(rng.randrange(1, 4)):
        size = rng.choice(SIZES)
        kind = rng.randrange(8)
        if kind < 3:
            memory = w.memory(False, user)
            name = rng.choice((*TWO, "imul"))
            w.put(name, "rm", memory, a=w.register(), size=size)
        elif kind < 6:
            memory = w.memory(True, user)
            value = w.register(memory.base, memory.index)
            w.put(rng.choice((*TWO, "xchg")), "mr", memory, a=value, size=size)
        elif kind == 6:
            imm = w.rng.getrandbits(31)
            w.put(rng.choice(TWO), "mi", w.memory(True, user), imm=imm, size=size)
        else:
            name = rng.choice((*ONE, "mul", "div", "lea"))
            memory = w.memory(name in ONE, user)
            if name == "lea":
                w.put(name, "rm", memory, a=w.register())
            else:
                w.put(name, "m", memory, size=size)


def stack(w: Writer) -> None:
    """Push and pop, on the stack or on a page that may not be there."""
    rng, user = w.rng, is_user(w)
    moved = w.chance(0.25)
    if moved:
        w.load(RSP, w.place(True, user) & -8 | rng.choice((0, 0, 0, 4)))
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(5)
        if kind == 0:
            w.put("push", "m", w.memory(False, user))
        elif kind == 1:
            w.put("push", "i", imm=w.number())
        else:
            w.put("push", "r", a=rng.randrange(16))
    for _ in range(rng.randrange(1, 4)):
        if w.chance(0.3):
            w.put("pop", "m", w.memory(True, user))
        else:
            w.put("pop", "r", a=w.register())
    if moved:
        w.load(RSP, home(w))


def home(w: Writer) -> int:
    """The stack that belongs to this code."""
    if is_user(w):
        return layout.USER_STACK
    return layout.RING1_STACK if w.start == layout.RING1_CODE else layout.STACK


def loop(w: Writer) -> None:
    """A loop of a few turns: translated code is chained and runs again."""
    counter = w.register(RAX, RDX)
    w.load(counter, w.rng.randrange(2, 12))
    again = w.at
    for _ in range(w.rng.randrange(1, 4)):
        made = operation(w)
        if counter not in (made.a, made.b) and made.mnemonic not in ("mul", "div"):
            w.raw(*encode(made))
    w.put("dec", "r", a=counter)
    w.put("jne", "i", imm=again)


def functions(w: Writer) -> tuple[int, int]:
    """The functions that this ring calls: first address and number."""
    if is_user(w):
        size = layout.USER_FUNCTIONS_END - layout.USER_FUNCTIONS
        return layout.USER_FUNCTIONS, size // layout.FUNCTION_BYTES
    return layout.FUNCTIONS, layout.FUNCTION_PAGES * layout.PAGE // layout.FUNCTION_BYTES


def function(w: Writer) -> int:
    """One of them."""
    first, count = functions(w)
    return first + layout.FUNCTION_BYTES * w.rng.randrange(count)


def call(w: Writer) -> None:
    """Call functions: directly, through a register, through memory, in a loop of two targets."""
    rng = w.rng
    kind = rng.randrange(4)
    if kind == 0:
        w.put("call", "i", imm=function(w))
    elif kind == 1:
        register = w.register()
        w.load(register, function(w))
        w.put("call", "r", a=register)
    elif kind == 2:
        slot = (layout.USER_DATA if is_user(w) else layout.DATA) + 8 * rng.randrange(16)
        w.store(slot, function(w))
        w.put("call", "m", at(slot))
    else:
        one, other = function(w), function(w)
        w.put("push", "i", imm=3)
        again = w.at
        w.load(15, rng.choice((one, other)))
        w.put("call", "r", a=15)
        w.load(15, other)
        w.put("xchg", "mr", Memory(RSP, disp=0), a=14)
        w.put("dec", "r", a=14)
        w.put("xchg", "mr", Memory(RSP, disp=0), a=14)
        w.put("test", "mi", Memory(RSP, disp=0), imm=3)
        w.put("jne", "i", imm=again)
        w.put("pop", "r", a=14)


def rewrite(w: Writer) -> None:
    """Write an instruction into a function, directly or through another mapping, and call it."""
    rng = w.rng
    target = function(w)
    words = (rng.getrandbits(64), rng.getrandbits(8)) if w.chance(0.15) else encode(operation(w))
    site = target + 16 * rng.randrange(4)
    if w.chance(0.3):
        w.put("call", "i", imm=target)
    for n, word in enumerate(words):
        if w.chance(0.95):
            w.load(RCX, word)
            w.put("mov", "mr", at(site + 8 * n), a=RCX)
    w.put("call", "i", imm=target)


def rewrite_ahead(w: Writer) -> None:
    """Write the instructions that come next, in the same page and often the same block."""
    loads = [w.put("mov", "ri", a=RCX), w.put("mov", "mr", at(0), a=RCX)]
    loads += [w.put("mov", "ri", a=RCX), w.put("mov", "mr", at(0), a=RCX)]
    for _ in range(w.rng.randrange(3)):
        operate(w)
    site = w.at
    w.put("nop")
    words = encode(operation(w))
    for n, word in enumerate(words):
        w.words[loads[2 * n]] = (w.words[loads[2 * n]][0], word)
        low, _ = w.words[loads[2 * n + 1]]
        w.words[loads[2 * n + 1]] = (low, site + 8 * n)


def wild_jump(w: Writer) -> None:
    """Go where no code is, by jmp, call or ret."""
    rng = w.rng
    target = rng.choice(
        (w.hole(), w.edited(), w.at + 8, layout.DATA, layout.USER_DATA, BODYLESS, w.number())
    )
    kind = rng.randrange(3)
    if kind == 0:
        w.load(RAX, target)
        w.put("jmp", "r", a=RAX)
    elif kind == 1:
        w.load(RAX, target)
        w.put("call", "r", a=RAX)
    else:
        w.load(RAX, target)
        w.put("push", "r", a=RAX)
        w.put("ret")


BODYLESS: Final = layout.BODY + 1


def segments(w: Writer) -> None:
    """Load data segments, good and bad, and ask about descriptors."""
    rng = w.rng
    for _ in range(rng.randrange(1, 4)):
        register = w.register()
        w.load(register, rng.choice(SELECTORS))
        kind = rng.randrange(8)
        segment = rng.choice((0, 0, 3, 4, 5, 2, 1, 7))
        if kind < 3:
            w.put("mov", "sr", a=segment, b=register)
        elif kind == 3:
            w.put("push", "r", a=register)
            w.put("pop", "s", a=segment)
        elif kind == 4:
            w.put(rng.choice(("lar", "lsl")), "rr", a=w.register(), b=register)
        elif kind == 5:
            w.put(rng.choice(("verr", "verw")), "r", a=register)
        elif kind == 6:
            w.put("mov", "rs", a=w.register(), b=rng.choice((0, 1, 2, 3, 4, 5, 6)))
        else:
            w.put("push", "s", a=rng.choice((0, 1, 2, 3, 4, 5)))
            w.put("pop", "r", a=w.register())


def descriptors(w: Writer) -> None:
    """What a ring may know of the descriptor table."""
    for _ in range(w.rng.randrange(1, 5)):
        register = w.register()
        w.load(register, w.rng.choice(SELECTORS) | w.rng.choice((0, 3)))
        if w.chance(0.5):
            w.put(w.rng.choice(("lar", "lsl")), "rr", a=w.register(), b=register)
        else:
            w.put(w.rng.choice(("verr", "verw")), "r", a=register)
        w.put("pushf")
        w.put("pop", "r", a=w.register())


def undefined(w: Writer) -> None:
    """What no CPU without a hypervisor knows, or no CPU at all."""
    rng = w.rng
    if w.chance(0.2):
        w.raw(rng.getrandbits(64), rng.getrandbits(64))
    elif w.chance(0.1):
        w.put("ud2")
    else:
        spec = rng.choice([s for s in SPECS if s.group == "virtualization"])
        form = spec.forms[0]
        registers = {"a": 1} if "r" in form else {}
        w.put(spec.mnemonic, form, at(layout.DATA) if "m" in form else None, **registers)


def stack_segment(w: Writer) -> None:
    """Loads of ss, each with an access right behind it: no interrupt may come in between."""
    selector = home_selector(w)
    for _ in range(w.rng.randrange(1, 5)):
        w.load(RAX, selector)
        w.put("mov", "sr", a=2, b=RAX)
        w.put("mov", "rm", w.memory(False, is_user(w)), a=w.register())


def home_selector(w: Writer) -> int:
    """The stack segment that belongs to this code."""
    if is_user(w):
        return USER_SS
    return RING1_SS | 1 if w.start == layout.RING1_CODE else KERNEL_SS


def flags(w: Writer) -> None:
    """cli, sti, pushf, popf, with whatever else is in the word."""
    rng = w.rng
    for _ in range(rng.randrange(1, 5)):
        kind = rng.randrange(6)
        if kind < 2:
            w.put(rng.choice(("cli", "sti")))
        elif kind == 2:
            w.put("pushf")
            w.put("pop", "r", a=w.register())
        elif kind == 3:
            w.put("push", "i", imm=rng.getrandbits(16) if w.chance(0.7) else w.number())
            w.put("popf")
        elif kind == 4:
            w.put("pushf")
            w.put("cli")
            w.put(rng.choice(("nop", "stc", "clc")))
            w.put("popf")
        else:
            w.put("sti")
            w.put(rng.choice(("cli", "nop", "pushf", "sti")))


def clock(w: Writer) -> None:
    """Time and identity, where both are the guest's own."""
    if w.chance(0.6):
        w.put("rdtsc")
    else:
        w.load(RAX, 0)
        w.put("cpuid")


def interrupt(w: Writer) -> None:
    """int n, with a gate for this ring, for another ring, or without one."""
    vectors = (layout.RETURNING, layout.RETURNING, layout.KERNEL_ONLY, layout.TIMER, 3, 6, 14, 0xE0)
    w.put("int", "i", imm=w.rng.choice(vectors))


def privileged(w: Writer) -> None:
    """What only ring 0 may do, tried by the others."""
    rng = w.rng
    name = rng.choice(
        ("hlt", "cli", "sti", "clts", "wbinvd", "invd", "swapgs", "rdmsr", "wrmsr", "xsetbv",
         "sysret", "in", "out", "mov", "lgdt", "lidt", "ltr", "lldt", "lmsw", "invlpg")
    )  # fmt: skip
    if name in ("in", "out"):
        w.put(name, "ai" if name == "in" else "ia", imm=0xE9, size=1)
    elif name == "mov":
        w.put("mov", rng.choice(("cr", "rc")), a=rng.choice((0, 3)), b=rng.choice((0, 3)))
    elif name in ("lgdt", "lidt", "invlpg"):
        w.put(name, "m", at(layout.USER_DATA))
    elif name in ("ltr", "lldt", "lmsw"):
        w.put(name, "r", a=w.register())
    else:
        w.put(name)


def scramble(w: Writer) -> None:
    """Fill some registers with anything."""
    for _ in range(w.rng.randrange(1, 4)):
        w.load(w.register(), w.number() & WORD_MASK)
