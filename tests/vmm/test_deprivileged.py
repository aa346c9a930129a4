"""Ring deprivileging: the descriptor table behind the guest's back, and the limits."""

from __future__ import annotations

import pytest

from tests.vmm.bench import TO_USER, differences, go, ready
from virtdocs.machine.registers import DS
from virtdocs.machine.segments import NO_LIMIT, Segment, make_descriptor
from virtdocs.trace import EventKind
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.monitor_region import GUEST_LIMIT, region_base

USER = (
    TO_USER
    + """
{body}
    int 3
.org 0x1000 + 16 * 3
    .quad 0xee0000080000 | end & 0xffff | (end >> 16) << 48, 0
"""
)
DATA3 = make_descriptor("data", 3)
PROBE = "mov rcx, 0x43\nmov rax, 0\nlar rax, rcx\nmov es, rcx\nmov rbx, es\n"
TABLE = f"""
.org 0x300000 + {{offset}}
    .quad 0, {make_descriptor("code", 0):#x}, {make_descriptor("data", 0):#x}
    .quad {make_descriptor("code", 1):#x}, {make_descriptor("data", 1):#x}
    .quad {DATA3:#x}, {make_descriptor("code", 3):#x}
    .quad {make_descriptor("tss", 0, base=0xF000, limit=103):#x}, {{last:#x}}
.org 0x310000
    .quad 71, 0x300000 + {{offset}}
"""


@pytest.mark.parametrize("offset", [0, 5, 4080, 4089])
@pytest.mark.parametrize("name", ["trap_emulate", "bt"])
def test_the_guest_s_table_may_lie_anywhere(name: str, offset: int) -> None:
    text = "lgdt [0x310000]\n" + USER.format(body=PROBE) + TABLE.format(offset=offset, last=DATA3)
    assert go(text, name).regs[3] == 0x43


@pytest.mark.parametrize("name", ["trap_emulate", "bt"])
@pytest.mark.parametrize("how", ["store", "remap", "large", "switch"])
def test_a_change_of_the_table_reaches_user_code_whichever_way_it_was_made(
    name: str, how: str
) -> None:
    """A second table without the last descriptor takes the first one's place."""
    change = {
        "store": "mov [0x300000 + 64], 0\n",
        "remap": "mov rax, 0x301003\nmov [0x2000 + 8 * 0x300], rax\ninvlpg [0x300000]\n",
        "large": "mov rax, 0x400083\nmov [0xa008], rax\nmov rax, cr3\nmov cr3, rax\n",
        "switch": "mov [0x310000], 63\nlgdt [0x310000]\n",
    }[how]
    first = "lgdt [0x310000]\nmov rax, [0x300000]\n" + change
    text = first + USER.format(body="mov rcx, 0x43\nmov rdx, 7\nverr rcx\npushf\npop rdx\n")
    text += TABLE.format(offset=0, last=DATA3)
    same = f"""
    .quad 0, {make_descriptor("code", 0):#x}, {make_descriptor("data", 0):#x}
    .quad {make_descriptor("code", 1):#x}, {make_descriptor("data", 1):#x}
    .quad {DATA3:#x}, {make_descriptor("code", 3):#x}
    .quad {make_descriptor("tss", 0, base=0xF000, limit=103):#x}, 0
"""
    text += f".org 0x301000\n{same}.org 0x500000\n{same}"
    assert not go(text, name).regs[2] & 1 << 6  # ZF: nothing to see
    assert go(text.replace(change, ""), name).regs[2] & 1 << 6


@pytest.mark.parametrize("levels", [2, 4])
def test_no_segment_of_the_hardware_reaches_the_monitor(levels: int) -> None:
    machine, _ = ready("nop\n", "trap_emulate", levels=levels)
    engine = machine.engines[0]
    assert isinstance(engine, DeprivilegedEngine)
    assert all(s.limit <= GUEST_LIMIT for s in engine.hardware.segments)
    assert region_base(levels) > GUEST_LIMIT
    whole = Segment(8, 0, NO_LIMIT, True, True, False)
    assert engine.deprivileged(DS, whole).limit == GUEST_LIMIT


@pytest.mark.parametrize("name", ["trap_emulate", "bt"])
@pytest.mark.parametrize("base", ["rbx", "rsp", "rbp"])
def test_the_monitor_s_address_gives_the_guest_its_own_page_fault(name: str, base: str) -> None:
    text = f"mov {base}, {region_base(4) - (1 << 64)}\nmov rax, [{base}]\n"
    done = go(text, name)
    assert done.outcome.detail.startswith("unhandled #PF")
    assert differences(text, name) == []


@pytest.mark.parametrize("what", ["sgdt [0x900000]", "smsw rax", "str rax"])
def test_umip_keeps_a_program_from_looking_at_the_monitor_s_registers(what: str) -> None:
    text = "mov rax, 0x800\nmov cr4, rax\n" + USER.format(body=what + "\n")
    assert differences(text, "bt") == []


def test_popf_fails_silently_where_nothing_was_translated() -> None:
    text = "sti\npush 2\npopf\nmov rbx, 1\n"
    done = go(text, "trap_emulate")
    assert done.board.cpus[0].rflags & 1 << 9
    assert "gp" in done.counts(EventKind.TRAP)  # sti and out did trap
    assert any("rflags" in what for what in differences(text, "trap_emulate"))
