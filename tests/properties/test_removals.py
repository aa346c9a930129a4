"""Each check that keeps a guest in: with it a hostile program gets nowhere, without it the
oracle below the monitor sees the guest leave (or the guest's state is wrong)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.devices import test_virtio_blk as ring
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.machines import assemble as put_together
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.board import different_state
from virtdocs.machine.dma import Dma
from virtdocs.machine.firmware import TABLES_ADDRESS
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm import hypercall
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.exit_loop import run
from virtdocs.vmm.host import GUEST, NEIGHBOUR, NEIGHBOUR_FRAMES, SECRET, Host, OracleViolation
from virtdocs.vmm.monitor_region import region_base
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.permission_maps import MsrMap, PortMap
from virtdocs.vmm.shadow_paging import ShadowPaging

BUDGET: Final = 2_000
PAGE: Final = 0x40_0000  # a page of the guest's
TAKEN: Final = 0x50_0000  # a page that the host takes back before the run
FOREIGN_ENTRY: Final = 3 << 12 | 7  # maps the neighbour's fourth frame, writable, for everybody
NAMES: Final = {
    "PAGE": PAGE, "TAKEN": TAKEN, "FOREIGN": FOREIGN_ENTRY, "FIRST": NEIGHBOUR_FRAMES,
    "REGION": region_base(4) - (1 << 64), "REGION2": region_base(2) - (1 << 64),
    "ROOT": TABLES_ADDRESS, "EXTRA": 20, "EXTRA_ADDRESS": 20 << 21,
}  # fmt: skip

PV: Final = """
.org 0x100000
start:
{body}
reached:
    mov rsi, 1
    jmp shutdown
refused:
    mov rsi, 0
shutdown:
    mov rdi, 2
    call hypercall_page + 64 * 29
.align 4096
hypercall_page: .zero 4096
"""
MAP_THE_NEIGHBOUR: Final = """
    mov rdi, PAGE
    mov rsi, FOREIGN
    mov rdx, 2
    call hypercall_page + 64 * 14   ; update_va_mapping
    test rax, rax
    jne refused
    mov rax, [PAGE]
"""
# A page that stays writable becomes a last-level table, whose entries the guest then writes.
WRITABLE_TABLE: Final = """
    mov [PAGE + 0x1000], 0          ; pin as a last-level table
    mov [PAGE + 0x1008], FIRST + PAGE / 4096
    mov rdi, PAGE + 0x1000
    mov rsi, 1
    call hypercall_page + 64 * 26   ; mmuext_op
    test rax, rax
    jne refused
    mov [PAGE + 0x1000], (FIRST + ROOT / 4096) * 4096 + 8 * EXTRA
    mov [PAGE + 0x1008], (FIRST + PAGE / 4096) * 4096 + 7
    mov rdi, PAGE + 0x1000
    mov rsi, 1
    mov rdx, 0
    call hypercall_page + 64 * 1    ; mmu_update
    test rax, rax
    jne refused
    mov rax, FOREIGN
    mov [PAGE], rax
    mov rax, [EXTRA_ADDRESS]
"""
# Tables that nobody checked, and a cr3 that points to them.
UNCHECKED_ROOT: Final = """
    mov rcx, 0
copy:
    mov rax, [rcx*8 + ROOT]
    mov [rcx*8 + PAGE], rax
    inc rcx
    cmp rcx, 8
    jne copy
    mov rax, (FIRST + PAGE / 4096 + 1) * 4096 + 7
    mov [PAGE + 8 * EXTRA], rax
    mov rax, FOREIGN
    mov [PAGE + 0x1000], rax
    mov [PAGE + 0x2000], 5          ; new_baseptr
    mov [PAGE + 0x2008], FIRST + PAGE / 4096
    mov rdi, PAGE + 0x2000
    mov rsi, 1
    call hypercall_page + 64 * 26
    test rax, rax
    jne refused
    mov rax, [EXTRA_ADDRESS]
"""
PRINT_THE_HYPERVISOR: Final = """
    mov rdi, 0
    mov rsi, 64
    mov rdx, REGION2
    call hypercall_page + 64 * 18   ; console_io
    test rax, rax
    jne refused
"""
READ_THE_MONITOR: Final = "mov rbx, REGION\nmov rax, [rbx]\n"
RESET_THE_HOST: Final = "mov rdx, 0xcf9\nmov rax, 6\nout dx, al\nmov rax, 0\nout 0xf4, al\n"
HOST_PRIORITY: Final = (
    "mov rcx, 0x808\nmov rax, 0x50\nmov rdx, 0\nwrmsr\nmov rax, 0\nout 0xf4, al\n"
)
READ_TAKEN: Final = "mov rax, [TAKEN]\nmov rbx, rax\nmov rax, 0\nout 0xf4, al\n"


@dataclass(frozen=True, slots=True)
class Removal:
    """A check by its owner and name, what stands in for it, and the program that it stops.

    ``contained`` is how the program ends while the check is there.
    """

    owner: object
    name: str
    replacement: Callable[..., object]
    technique: str
    text: str
    contained: str
    before: Callable[[Host], None] | None = None

    def program(self) -> Program:
        """The hostile program, assembled."""
        build = BUILDS[technique(self.technique).build]
        text = PV.format(body=self.text) if build.pv else f"start:\n{self.text}"
        return assemble(text, f"{self.name}.s", constants={**build.constants, **NAMES})


def take(host: Host) -> None:
    """The host gives one of the guest's frames to the neighbour, and forgets to tell."""
    frame = host.guest_memory.frame_of[TAKEN >> 12]
    assert frame is not None
    host.memory.owners[frame] = NEIGHBOUR
    page = host.memory.page(frame)
    assert page is not None
    page[:] = [SECRET] * len(page)


def yes(*_: object) -> bool:
    return True


def no(*_: object) -> bool:
    return False


def nothing(*_: object) -> None:
    return None


REMOVALS: Final = {
    "owner of the frame in a page-table entry": Removal(
        DirectPaging, "owns", yes, "xen_pv32", MAP_THE_NEIGHBOUR, "exit code 0"
    ),
    "type count of a pinned table": Removal(
        DirectPaging, "conflicts", no, "xen_pv32", WRITABLE_TABLE, "exit code 0"
    ),
    "validation of a new top table": Removal(
        DirectPaging, "check_root", nothing, "xen_pv32", UNCHECKED_ROOT, "exit code 0"
    ),
    "range of a hypercall's pointer": Removal(
        hypercall, "argument_ok", yes, "xen_pv32", PRINT_THE_HYPERVISOR, "exit code 0"
    ),
    "segment limit of a ring-1 kernel": Removal(
        DeprivilegedEngine, "truncated", staticmethod(lambda limit: (1 << 64) - 1),
        "trap_emulate", READ_THE_MONITOR, "unhandled #PF",
    ),
    "bitmap of ports": Removal(PortMap, "exits", no, "hw_nested", RESET_THE_HOST, "exit code 0"),
    "bitmap of MSRs": Removal(MsrMap, "exits", no, "hw_nested", HOST_PRIORITY, "exit code 0"),
    "owner of the frame in a nested entry": Removal(
        NestedPaging, "owns", yes, "hw_nested", READ_TAKEN, "exit code 0", take
    ),
}  # fmt: skip


def attack(removal: Removal) -> tuple[Assembled, str]:
    """Run the hostile program; the machine and how it ended."""
    preset = technique(removal.technique)
    machine = put_together(preset, removal.program(), "intel", Trace())
    assert machine.host is not None
    if removal.before is not None:
        removal.before(machine.host)
    return machine, run(machine.board, machine.engines, BUDGET).detail


@pytest.mark.parametrize("what", REMOVALS)
def test_the_check_stops_the_hostile_program(what: str) -> None:
    machine, detail = attack(REMOVALS[what])
    assert detail.startswith(REMOVALS[what].contained)
    assert SECRET not in machine.board.cpus[0].regs


@pytest.mark.parametrize("what", REMOVALS)
def test_without_the_check_the_oracle_sees_the_guest_leave(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = REMOVALS[what]
    monkeypatch.setattr(removal.owner, removal.name, removal.replacement)
    with pytest.raises(OracleViolation):
        attack(removal)


def test_the_host_protects_its_ports_and_msrs_from_ring_1_too() -> None:
    """On the hardware CPU of a deprivileged guest nothing is passed through."""
    machine = put_together(technique("bt"), assemble("out 0xf4, al\n", "end.s"), "intel", Trace())
    assert machine.host is not None
    assert machine.host.passed == set()


# Where a check keeps the guest's own state right, the state is what shows that it is gone.
REMAP: Final = """
start:
    mov [0x400000], 1
    mov [0x401000], 2
    mov rax, 0x401003
    mov [0x2000 + 8 * 0x400], rax
    invlpg [0x400000]
    mov rbx, [0x400000]
    out 0xf4, al
"""


@pytest.mark.parametrize("name", ["hw_shadow", "bt"])
def test_without_write_protection_of_shadowed_tables_the_guest_sees_an_old_page(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = assemble(REMAP, "remap.s")

    def differences() -> list[str]:
        boards = []
        for each in ("native", name):
            machine = put_together(technique(each), program, "intel", Trace())
            run(machine.board, machine.engines, BUDGET)
            boards.append(machine.board)
        return list(different_state(*boards))

    assert differences() == []
    monkeypatch.setattr(ShadowPaging, "follows", no)
    assert any("regs" in what for what in differences())


def test_without_the_range_check_of_a_ring_the_device_leaves_the_guest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = ring.hostile(*ring.LIES["data behind the guest's last frame"])
    assert ring.go(program).outcome.detail == "exit code 0"
    monkeypatch.setattr(Dma, "in_range", yes)
    with pytest.raises(OracleViolation):
        ring.go(program)


def test_a_frame_that_was_taken_back_reads_as_no_memory_under_every_monitor() -> None:
    for name in ("trap_emulate", "bt", "hw_shadow", "hw_nested"):
        removal = Removal(NestedPaging, "owns", yes, name, READ_TAKEN, "", take)
        machine, detail = attack(removal)
        assert (detail, machine.board.cpus[0].regs[3]) == ("exit code 0", (1 << 64) - 1)
        unclaimed = machine.trace.by_key(EventKind.UNCLAIMED)
        assert unclaimed == {f"mmio read {TAKEN:#x}": 1}
        assert machine.host is not None
        assert machine.host.memory.owner(machine.host.guest_memory.frame_of[0] or 0) == GUEST
