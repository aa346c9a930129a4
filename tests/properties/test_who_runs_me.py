"""What random guests must leave out: the instructions and habits that show who runs a guest.

The first table is the red pill of user code, instruction by instruction: what differs
from bare hardware, and nowhere else. The second is code that uses a translation after
its table changed: x86 leaves open what happens, so does each technique.
"""

from __future__ import annotations

import pytest

from tests.vmm.bench import TO_USER, Done, go
from virtdocs.machine.segments import make_descriptor

TECHNIQUES = ("bt", "hw_shadow", "hw_nested", "qemu_tcg")
USER = (
    "{before}\n"
    + TO_USER
    + """
{body}
    mov r15, 1
    int 3
.org 0x1000 + 16 * 3
    .quad 0xee0000080000 | end & 0xffff | (end >> 16) << 48, 0
.org 0x300000
    .quad 0, {kernel:#x}, 0xcf92000000ffff, 0, 0, 0xcff2000000ffff, 0xcffa000000ffff
    .quad 0x890f0000067, {conforming:#x}
.org 0x310000
    .quad 71, 0x300000
"""
)
CONFORMING = make_descriptor("code", 0) | 1 << 42
LOAD = "mov rax, {leaf:#x}\ncpuid\n"


def user(body: str, before: str = "") -> str:
    return USER.format(
        body=body, before=before, kernel=make_descriptor("code", 0), conforming=CONFORMING
    )


def told(text: str) -> set[str]:
    """Under which techniques the registers or the stored words are not bare hardware's."""

    def seen(done: Done) -> object:
        return done.regs, done.board.memory.page(0x900)

    native = seen(go(text, "native"))
    return {name for name in TECHNIQUES if seen(go(text, name)) != native}


HYPERVISORS = {"hw_shadow", "hw_nested", "qemu_tcg"}
ANSWERS: dict[str, tuple[str, set[str]]] = {
    # Direct execution of user code lets it see the real registers (binary translation only).
    "sgdt": (user("sgdt [0x900000]\n"), {"bt"}),
    "sidt": (user("sidt [0x900000]\n"), {"bt"}),
    "str": (user("str rax\n"), {"bt"}),
    "smsw after CR0.MP was set": (
        user("smsw rax\n", "mov rax, cr0\nor rax, 2\nmov cr0, rax\n"), {"bt"}
    ),
    "lar of a conforming ring-0 segment": (
        user("mov rcx, 0x40\nlar rax, rcx\n", "lgdt [0x310000]\n"), {"bt"}
    ),
    # Equal, as there is nothing to tell apart, or as the monitor takes over in time.
    "sldt": (user("sldt rax\n"), set()),
    "smsw": (user("smsw rax\n"), set()),
    "mov from cs": (user("mov rax, cs\npush ss\npop rbx\n"), set()),
    "pushf": (user("pushf\npop rax\n"), set()),
    "lsl": (user("mov rcx, 0x33\nlsl rax, rcx\n"), set()),
    "verr and verw": (user("mov rcx, 0x2b\nverr rcx\nmov rcx, 8\nverw rcx\n"), set()),
    "rdtsc": (user("rdtsc\n"), set()),
    "cpuid, vendor": (user(LOAD.format(leaf=0)), set()),
    # A hypervisor that exits on cpuid, or emulates it, says that it is there.
    "cpuid, hypervisor bit": (user(LOAD.format(leaf=1)), HYPERVISORS),
    "cpuid, hypervisor's name": (user(LOAD.format(leaf=0x4000_0000)), HYPERVISORS),
    "cpuid in the kernel": (LOAD.format(leaf=1), HYPERVISORS | {"bt"}),
    "sgdt in the kernel": ("sgdt [0x900000]\n", set()),
    "mov from cs in the kernel": ("mov rax, cs\n", set()),
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
def test_exactly_these_techniques_show_themselves(what: str) -> None:
    text, expected = ANSWERS[what]
    assert told(text) == expected


# A store into the table, and a use of the page without invlpg in between.
REMAP = """
    mov [0x400000], 1
    mov [0x401000], 2
    mov rax, [0x400000]
    mov rax, 0x401063
    mov [0x2000 + 8 * 0x400], rax
    mov rbx, [0x400000]         ; stale?
    invlpg [0x400000]
    mov rcx, [0x400000]
"""
FORBID = """
    mov rax, [0x400000]
    mov rax, 0x400020
    mov [0x2000 + 8 * 0x400], rax
    mov rbx, [0x400000]         ; stale?
    mov rcx, 5
"""
OLD, NEW = 1, 2


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("native", OLD),  # the TLB still holds it
        ("hw_nested", OLD),
        ("qemu_tcg", OLD),  # a TLB in software
        ("hw_shadow", NEW),  # the store was followed: the shadow and the TLB are up to date
        ("bt", NEW),
        ("trap_emulate", NEW),
    ],
)
def test_without_invlpg_a_changed_entry_is_seen_where_its_table_is_followed(
    name: str, seen: int
) -> None:
    done = go(REMAP, name)
    assert (done.regs[3], done.regs[1]) == (seen, NEW)
    fault = go(FORBID, name).outcome.detail.startswith("unhandled #PF")
    assert fault is (seen == NEW)
