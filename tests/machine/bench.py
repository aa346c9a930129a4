"""A board on the test bench: booted by the firmware, one instruction at a time."""

from __future__ import annotations

from typing import Any

from virtdocs.machine.board import RAM_FRAMES, Board
from virtdocs.machine.firmware import (
    GDT_ADDRESS,
    IDT_ADDRESS,
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    TABLES_ADDRESS,
    USER_CS,
    USER_SS,
    boot,
    write_words,
)
from virtdocs.machine.instructions import BY_FORM
from virtdocs.machine.interrupts import make_gate
from virtdocs.machine.isa import Instruction, encode
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import ACCESSED, DIRTY, PRESENT, index_at
from virtdocs.machine.registers import DS, ES, FS, GS, RSP, SS
from virtdocs.machine.segments import Segment, loaded
from virtdocs.machine.tlb import Tlb
from virtdocs.machine.traps import Trap
from virtdocs.trace import Trace

# All in the half of memory that user mode may touch.
CODE = 0x80_0000
DATA = 0x81_0000
STACK = 0x82_0000
HANDLER = 0x83_0000
UNMAPPED = 16 << 20
RING_SELECTORS = {0: (KERNEL_CS, KERNEL_SS), 1: (RING1_CS | 1, RING1_SS | 1), 3: (USER_CS, USER_SS)}
State = dict[str, object]


def ins(mnemonic: str, form: str = "", **fields: Any) -> Instruction:
    """An instruction by mnemonic and operand form."""
    return Instruction(BY_FORM[mnemonic, form], form, **fields)


class Bench:
    """One CPU on bare hardware, in the firmware's starting state, at a ring of choice."""

    def __init__(self, levels: int = 4, vendor: str = "intel", cpl: int = 0) -> None:
        self.memory = PhysicalMemory(RAM_FRAMES)
        self.trace = Trace()
        self.board = Board(self.memory, levels, self.trace, vendor)
        self.mmu = HardwareMmu(self.memory, levels, Tlb(), self.trace)
        self.cpu = self.board.add_cpu(self.mmu)
        boot(self.cpu, self.memory, CODE, levels)
        self.levels = levels
        self.root = self.mmu.root
        self.cpu.regs[RSP] = STACK
        self.enter_ring(cpl)

    def enter_ring(self, cpl: int) -> None:
        """Continue in another ring, with its code and data segments loaded."""
        code, data = RING_SELECTORS[cpl]
        self.cpu.set_code_segment(self.segment(code))
        for number in (SS, DS, ES, FS, GS):
            self.cpu.segments[number] = self.segment(data)

    def segment(self, selector: int) -> Segment:
        """What loading this selector gives, without the checks."""
        return loaded(selector, self.cpu.descriptor(selector))

    def run(self, *instructions: Instruction) -> Trap | None:
        """Place the instructions at rip and step through them; the first trap, or None."""
        self.place(*instructions)
        for _ in instructions:
            trap = self.cpu.step()
            if trap is not None:
                return trap
        return None

    def place(self, *instructions: Instruction) -> None:
        """Write the instructions to where rip points."""
        words = [word for one in instructions for word in encode(one)]
        write_words(self.memory, self.cpu.rip, words)

    def do(self, mnemonic: str, form: str = "", **fields: Any) -> Trap | None:
        """Run one instruction."""
        return self.run(ins(mnemonic, form, **fields))

    def put(self, address: int, *words: int) -> None:
        """Store words at a physical address (which the firmware maps onto itself)."""
        write_words(self.memory, address, list(words))

    def word(self, address: int) -> int:
        """The word at a physical address that is a multiple of eight."""
        page = self.memory.page(address >> PAGE_SHIFT)
        assert page is not None
        return page[address >> 3 & 511]

    def stack_words(self, count: int) -> list[int]:
        """The words on top of the stack, the last pushed first."""
        return [self.word(self.cpu.regs[RSP] + 8 * n) for n in range(count)]

    def set_descriptor(self, selector: int, raw: int) -> None:
        """Overwrite an entry of the GDT; the table grows when needed."""
        self.put(GDT_ADDRESS + (selector & ~7), raw)
        base, limit = self.cpu.gdtr
        self.cpu.gdtr = (base, max(limit, (selector & ~7) + 7))

    def set_gate(self, vector: int, *, selector: int = KERNEL_CS, dpl: int = 0, trap: bool = False,
                 offset: int = HANDLER) -> None:  # fmt: skip
        """Install an IDT gate."""
        self.put(IDT_ADDRESS + 16 * vector, *make_gate(offset, selector, dpl, trap))

    def entry_place(self, address: int, level: int = 0) -> tuple[list[int], int]:
        """The page-table entry that maps ``address`` at ``level``: its page and index."""
        frame = self.root
        for at in range(self.levels - 1, level, -1):
            frame = self.word((frame << PAGE_SHIFT) + 8 * index_at(address, at)) >> PAGE_SHIFT
            frame &= (1 << 40) - 1
        page = self.memory.page(frame)
        assert page is not None
        return page, index_at(address, level)

    def change_entry(self, address: int, *, clear: int = 0, add: int = 0, level: int = 0) -> None:
        """Edit the page-table entry of ``address`` behind the TLB's back, then flush."""
        page, index = self.entry_place(address, level)
        page[index] = page[index] & ~clear | add
        self.mmu.flush()

    def hide(self, address: int) -> None:
        """Make one page not present."""
        self.change_entry(address, clear=PRESENT)

    def state(self) -> State:
        """Everything architectural, to compare; A and D bits of the page tables left out."""
        cpu = self.cpu
        names = (
            "rip", "rflags", "cpl", "cr0", "cr2", "cr3", "cr4", "gdtr", "idtr", "ldtr",
            "task_selector", "task_base", "halted", "interrupt_shadow",
        )  # fmt: skip
        state: State = {name: getattr(cpu, name) for name in names}
        state |= {"regs": tuple(cpu.regs), "segments": tuple(cpu.segments)}
        state |= {"bases": tuple(cpu.segment_base), "msrs": dict(cpu.msrs)}
        apic = cpu.apic
        state |= {"apic": (apic.task_priority, apic.requested, apic.in_service, apic.deadline)}
        state |= {"timer": (apic.timer_register, apic.initial_count)}
        state |= {"console": bytes(self.board.console), "exit": self.board.exit_code}
        first = TABLES_ADDRESS >> PAGE_SHIFT
        for frame, page in self.memory.pages.items():
            if any(page):
                hidden = ACCESSED | DIRTY if first <= frame < first + 16 else 0
                state[f"frame {frame:#x}"] = tuple(word & ~hidden for word in page)
        return state
