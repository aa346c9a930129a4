"""The loop that everything runs in, with engines and exits made up for the purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.vmm.bench import go, ready
from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PhysicalMemory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.machine.registers import IF, PF, RAX, RBX
from virtdocs.machine.traps import Trap, TrapKind
from virtdocs.trace import EventKind, ExitReason, Trace
from virtdocs.vmm import exit_loop
from virtdocs.vmm.exit_loop import TURN, Outcome, OutcomeKind, Shutdown, run
from virtdocs.vmm.hardware_assist import HardwareAssistEngine


@dataclass
class Puppet:
    """An engine that does what its script says: retire, fault, halt, nothing, die."""

    board: Board
    cpu: Cpu
    script: str
    done: list[str] = field(default_factory=list)
    settled: int = 0

    @property
    def position(self) -> int:
        return 0x1000

    def boundary(self) -> None:
        if self.cpu.halted and self.cpu.apic.requested:
            self.cpu.halted = False
            self.cpu.apic.requested = 0

    def settle(self) -> None:
        self.settled += 1

    def run_one(self) -> None:
        act = self.script[len(self.done) % len(self.script)]
        self.done.append(act)
        if act == "r":
            self.board.retire()
        elif act == "f":
            self.board.faults += 1
        elif act == "h":
            self.cpu.halted = True
            self.board.retire()
        elif act == "d":
            raise Shutdown(Trap(TrapKind.SHUTDOWN, PF, 0, 0x123), self.cpu)
        elif act == "x":
            self.board.exit_code = 7


def puppets(*scripts: str) -> tuple[Board, list[Puppet]]:
    memory = PhysicalMemory(16)
    board = Board(memory, 4, Trace())
    made = []
    for script in scripts:
        made.append(Puppet(board, board.add_cpu(SoftwareMmu(memory, 4)), script))
    return board, made


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("rrx", Outcome(OutcomeKind.HALTED, "exit code 7")),
        ("r", Outcome(OutcomeKind.BUDGET, "100 instructions retired")),
        ("f", Outcome(OutcomeKind.BUDGET, "0 instructions retired")),  # faults are bounded, too
        ("...r", Outcome(OutcomeKind.BUDGET, "100 instructions retired")),  # a monitor's steps not
        ("rh", Outcome(OutcomeKind.HUNG, "hlt that nothing can end, rip 0x0")),
        (
            "rd",
            Outcome(OutcomeKind.FAULT, "unhandled #PF (vector 14) at rip 0x0 at address 0x123"),
        ),
    ],
)
def test_a_run_ends_by_what_its_guest_does(script: str, outcome: Outcome) -> None:
    board, engines = puppets(script)
    assert run(board, engines, 100) == outcome
    assert board.retired <= 100


def test_a_monitor_that_makes_no_progress_is_told_apart_from_a_guest_that_does_not_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exit_loop, "ATTEMPTS", 50)
    board, engines = puppets(".")
    with pytest.raises(AssertionError, match="without progress at 0x1000"):
        run(board, engines, 100)


def test_every_cpu_is_brought_up_to_date_but_the_one_that_died() -> None:
    board, (one, other) = puppets("r", "rd")
    assert run(board, [one, other], 1000).kind is OutcomeKind.FAULT
    assert (one.settled, other.settled) == (1, 0)


def test_two_cpus_take_turns_by_what_their_guests_do_whatever_the_monitors_need() -> None:
    board, (plain, laborious) = puppets("r", "....r")
    run(board, [plain, laborious], 4 * TURN)
    assert plain.done.count("r") == laborious.done.count("r") == 2 * TURN


def test_a_halted_cpu_wakes_when_the_clock_brings_an_interrupt() -> None:
    board, (engine,) = puppets("hrrx")
    engine.cpu.rflags |= IF
    board.agenda.schedule(500, lambda: engine.cpu.apic.request(0x40))
    assert run(board, [engine], 100).kind is OutcomeKind.HALTED
    assert board.agenda.now == 502


def made_up(text: str, trap: Trap, vendor: str = "intel") -> HardwareAssistEngine:
    """A guest that stands at its first instruction, and an exit that it did not cause."""
    machine, _ = ready(text, "hw_nested", vendor=vendor, record=True)
    engine = machine.engines[0]
    assert isinstance(engine, HardwareAssistEngine)
    engine.cpu.regs[RAX] = 0
    engine.handle_exit(trap)
    return engine


def test_an_exit_for_cpuid_is_performed_and_the_guest_goes_on_behind_it() -> None:
    engine = made_up("cpuid\n", Trap(TrapKind.EXIT, reason=ExitReason.CPUID, detail={"leaf": 0}))
    assert (engine.cpu.regs[RAX], engine.cpu.regs[RBX]) == (1, 0x756E6547)
    assert engine.cpu.rip == 0x10_0010
    assert engine.board.retired == 1
    kinds = [event.kind for event in engine.board.trace.events]
    assert kinds == [
        EventKind.VM_EXIT, EventKind.DISPATCH, EventKind.EMULATE, EventKind.VM_ENTRY
    ]  # fmt: skip


def test_an_exit_for_a_missing_nested_entry_fills_it_and_the_instruction_runs_again() -> None:
    detail = {"guest_physical": 0x40_0000, "access": 0}
    engine = made_up("mov rax, [0x400000]\n", Trap(TrapKind.EXIT, reason=ExitReason.NESTED_FAULT,
                                                    detail=detail))  # fmt: skip
    assert engine.cpu.rip == 0x10_0000
    assert engine.board.retired == 0
    assert engine.board.trace.by_key(EventKind.NESTED_FILL) == {"": 1}
    assert engine.board.trace.by_key(EventKind.VM_EXIT) == {"nested_fault": 1}


def test_the_same_exit_where_the_guest_has_no_memory_is_a_device_s() -> None:
    detail = {"guest_physical": 1 << 30, "access": 0}
    text = "mov rbx, 0x5000003\nmov [0x2000 + 8 * 0x400], rbx\nmov rax, [0x400000]\n"
    machine, _ = ready(text, "hw_nested")
    engine = machine.engines[0]
    assert isinstance(engine, HardwareAssistEngine)
    for _ in range(40):
        if engine.position == 0x10_0020:
            break
        engine.run_one()
    before = engine.board.trace.by_key(EventKind.VM_EXIT)
    engine.handle_exit(Trap(TrapKind.EXIT, reason=ExitReason.NESTED_FAULT, detail=detail))
    after = engine.board.trace.by_key(EventKind.VM_EXIT)
    assert after["mmio"] == before.get("mmio", 0) + 1
    assert engine.cpu.regs[RAX] == (1 << 64) - 1
    assert engine.board.trace.by_key(EventKind.UNCLAIMED) == {"mmio read 0x5000000": 1}


def test_an_interrupt_that_must_wait_opens_a_window_once() -> None:
    """A request comes while IF is off: one exit for it, one when the guest opens."""
    text = """
    mov rcx, 0x830
    mov rdx, 0
    mov rax, 0x40050        ; to itself, vector 0x50
    cli
    wrmsr
    nop
    nop
    sti
    nop
    nop
.org 0x1500
    .quad 0x8e0000080000 | handler & 0xffff | (handler >> 16) << 48, 0
.org 0x110000
handler:
    jmp end
"""
    done = go(text, "hw_nested")
    exits = done.counts(EventKind.VM_EXIT)
    assert exits["interrupt_window"] == 1
    assert done.counts(EventKind.IRQ) == {"0x50": 1}
    assert exits.get("external_interrupt", 0) == 0  # it came from the guest's own exit
