"""A machine prepared to run one instruction, again and again, with one thing varied.

All memory that an instruction may touch on its own account lies in one page (the
scratch page: operand, program stack, inner stacks), so that a run is prepared and
compared quickly. Operands come from one pool for every instruction: numbers that
are selectors, flags and addresses at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.firmware import (
    GDT_ADDRESS,
    KERNEL_CS,
    KERNEL_SS,
    RING1_CS,
    RING1_SS,
    TABLES_ADDRESS,
    TSS_ADDRESS,
    TSS_SELECTOR,
    USER_CS,
    USER_SS,
    boot,
    gdt_entries,
    identity_tables,
    write_words,
)
from virtdocs.machine.interrupts import deliver_software_interrupt, make_gate
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import PRESENT, USER, WRITABLE, Access, index_at
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CF,
    CR0_TS,
    CR4_TSD,
    CR4_UMIP,
    CS,
    FLAGS_ONE,
    GPR_NAMES,
    IF,
    IOPL,
    MSR_LSTAR,
    MSR_STAR,
    RAX,
    RBX,
    RCX,
    RDX,
    RSI,
    RSP,
    SEGMENT_NAMES,
    SS,
    VECTOR_NAMES,
)
from virtdocs.machine.segments import Segment, loaded, make_descriptor
from virtdocs.machine.tlb import Tlb
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import ExitReason, Trace

RINGS: Final = (0, 1, 3)
LEVELS: Final = 4
VECTOR: Final = 0x80
PORT: Final = 0x80
HANDLER: Final = 0x80_2000
SELECTORS: Final = {
    0: (KERNEL_CS, KERNEL_SS),
    1: (RING1_CS | 1, RING1_SS | 1),
    3: (USER_CS, USER_SS),
}
CONFORMING: Final = 0x40
SECOND_TSS: Final = 0x48
OTHER_GDT: Final = 0x400
OTHER_IDT: Final = 0x1_0000
SCRATCH: Final = 0x80_0000
CODE: Final = 0x80_1000
ELSEWHERE: Final = 0xA0_0000  # where the scratch page lies after relocation
CLOSED_FLAGS: Final = FLAGS_ONE | CF  # IF clear: what a popf or iret asks for
OPEN_FLAGS: Final = FLAGS_ONE | CF | IF | IOPL
# The pool: each value stands in registers, in the memory operand and on the stack at once.
SCENES: Final = (
    KERNEL_CS, KERNEL_SS, RING1_CS | 1, RING1_SS | 1, USER_CS, USER_SS, CONFORMING, SECOND_TSS, 0,
    CLOSED_FLAGS, OPEN_FLAGS,
)  # fmt: skip


CONTROL_STATE: Final = (
    "cpl", "if", "iopl", "cr0", "cr2", "cr3", "cr4", "cr8", "gdtr", "idtr", "ldtr", "tr", "tss",
    "msr", "halted", "devices", "translations",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """How the machine is set up: CR4.UMIP, CR4.TSD, and whose processor it is."""

    umip: bool = False
    tsd: bool = False
    vendor: str = "intel"


@dataclass(frozen=True, slots=True)
class Observation:
    """One run: the fault that ended it (empty when it completed), what the program sees
    afterwards, and the control state that changed."""

    fault: str
    result: dict[str, object]
    control: dict[str, object]

    @property
    def done(self) -> bool:
        """Whether the instruction completed."""
        return not self.fault

    def differs_from(self, other: Observation) -> set[str]:
        """Names of what two runs left differently."""
        mine, theirs = self.result | self.control, other.result | other.control
        return {n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n)}


class ProbeDevice:
    """A device that answers, and counts how often it was asked."""

    name = "probe"

    def __init__(self) -> None:
        self.accesses = 0

    def read(self, offset: int, size: int) -> int:
        """Count."""
        self.accesses += 1
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Count."""
        self.accesses += 1


class Permissive:
    """A hypervisor's controls that let everything pass and remember what was asked."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        """No exit."""
        self.asked.add(reason.value)
        return False


def _iopl(cpu: Cpu) -> None:
    cpu.rflags |= IOPL


def _interrupt_flag(cpu: Cpu) -> None:
    cpu.rflags &= ~IF


def _task_switched(cpu: Cpu) -> None:
    cpu.cr0 |= CR0_TS


def _gdtr(cpu: Cpu) -> None:
    cpu.gdtr = (OTHER_GDT, cpu.gdtr[1])


def _idtr(cpu: Cpu) -> None:
    cpu.idtr = (OTHER_IDT, cpu.idtr[1])


def _ldtr(cpu: Cpu) -> None:
    cpu.ldtr = 3


def _task_register(cpu: Cpu) -> None:
    cpu.task_selector = SECOND_TSS


def _nothing(cpu: Cpu) -> None:
    """The stage itself does what differs."""


PLAIN: Final = "plain"
GUEST_MODE: Final = "guest mode"
RELOCATION: Final = "relocation"
# What is varied, each alone; the caller varies the ring.
VARIATIONS: Final[dict[str, Callable[[Cpu], None]]] = {
    "iopl": _iopl,
    "if": _interrupt_flag,
    "cr0": _task_switched,
    "gdtr": _gdtr,
    "idtr": _idtr,
    "ldtr": _ldtr,
    "tr": _task_register,
    RELOCATION: _nothing,
    GUEST_MODE: _nothing,
}


class Stage:
    """The prepared machine; ``relocated`` puts the scratch page into another frame."""

    OPERAND: Final = SCRATCH + 0x100
    STACK: Final = SCRATCH + 0x800

    def __init__(self, setting: Setting, relocated: bool = False) -> None:
        self.memory = PhysicalMemory(1 << 12)
        board = Board(self.memory, LEVELS, Trace(), setting.vendor)
        self.mmu = HardwareMmu(self.memory, LEVELS, Tlb(), board.trace)
        self.cpu = board.add_cpu(self.mmu)
        boot(self.cpu, self.memory, CODE, LEVELS)
        self.probe = ProbeDevice()
        board.bus.add_ports(PORT, 4, self.probe)
        self._write_tables()
        if relocated:
            self._relocate()
        cpu = self.cpu
        self.root = cpu.cr3
        self.scratch = self._page((ELSEWHERE if relocated else SCRATCH) >> PAGE_SHIFT)
        self.controls = Permissive()
        cpu.msrs[MSR_STAR] = KERNEL_CS << 32 | (USER_CS - 16) << 48
        cpu.msrs[MSR_LSTAR] = HANDLER
        self._cr4 = CR4_UMIP * setting.umip | CR4_TSD * setting.tsd
        self._plain = (cpu.cr0, cpu.gdtr, cpu.idtr, cpu.task_base)
        self._msrs = dict(cpu.msrs)
        self._segments = {cpl: self._loaded_segments(cpl) for cpl in RINGS}
        self._pages = {scene: self._scratch(scene) for scene in SCENES}

    def _write_tables(self) -> None:
        """Two GDTs that agree on selectors and differ in limits and rights, two IDTs, the TSS."""
        entries = [
            *gdt_entries(),
            make_descriptor("code", 0) | 1 << 42,
            make_descriptor("tss", 0, base=TSS_ADDRESS, limit=103),
        ]
        self.cpu.gdtr = (GDT_ADDRESS, 8 * len(entries) - 1)
        write_words(self.memory, GDT_ADDRESS, entries)
        # The other table: shorter segments that may neither be read as code nor written as data.
        others = [entry & ~(1 << 55 | 1 << 41) for entry in entries[:-3]] + entries[-3:]
        others[-1] = make_descriptor("tss", 0, base=TSS_ADDRESS, limit=0x200)
        write_words(self.memory, OTHER_GDT, others)
        for table, handler in ((self.cpu.idtr[0], HANDLER), (OTHER_IDT, HANDLER + 0x100)):
            gate = make_gate(handler, KERNEL_CS, dpl=3)
            write_words(self.memory, table + 16 * VECTOR, list(gate))
        for ring in range(3):
            inner = SCRATCH + 0xC00 + 0x100 * ring
            write_words(self.memory, TSS_ADDRESS + 4 + 8 * ring, [inner])

    def _relocate(self) -> None:
        """Go over to page tables like the firmware's, but with the scratch page elsewhere."""
        tables = identity_tables(self.memory, LEVELS, (TABLES_ADDRESS >> PAGE_SHIFT) + 32)
        frame = tables.root
        for level in range(LEVELS - 1, 0, -1):
            frame = self._page(frame)[index_at(SCRATCH, level)] >> PAGE_SHIFT
        self._page(frame)[index_at(SCRATCH, 0)] = ELSEWHERE | PRESENT | WRITABLE | USER
        self.cpu.load_cr3(tables.root << PAGE_SHIFT)

    def _page(self, frame: int) -> list[int]:
        page = self.memory.page(frame)
        assert page is not None
        return page

    def _loaded_segments(self, cpl: int) -> list[Segment]:
        """The ring's code and stack; the same data segments in every ring."""
        code, stack, data = (loaded(s, self.cpu.descriptor(s)) for s in (*SELECTORS[cpl], USER_SS))
        segments = [data] * 6
        segments[CS], segments[SS] = code, stack
        return segments

    def _scratch(self, scene: int) -> list[int]:
        """The scratch page: a far pointer or table image as operand, a return frame as stack."""
        page = [0] * 512
        stack = (self.STACK - SCRATCH) // 8
        operand = (self.OPERAND - SCRATCH) // 8
        page[operand : operand + 2] = [scene, scene]
        frame = [scene, scene, CLOSED_FLAGS, self.STACK, SELECTORS.get(scene & 3, (0, 0))[1]]
        page[stack : stack + 5] = frame
        return page

    # Running ------------------------------------------------------------------------------

    def run(self, ins: Instruction, scene: int, cpl: int, variation: str = PLAIN) -> Observation:
        """Run one instruction in a fresh state with one thing varied."""
        self._prepare(scene, cpl)
        cpu = self.cpu
        if variation != PLAIN:
            VARIATIONS[variation](cpu)
            cpu.controls = self.controls if variation == GUEST_MODE else None
        regs, segments, control = list(cpu.regs), list(cpu.segments), self._control()
        fault = self._execute(ins)
        if fault:
            return Observation(fault, {}, {})
        result: dict[str, object] = {"rip": cpu.rip, "flags": cpu.rflags & ARITHMETIC_FLAGS}
        result |= _changes(GPR_NAMES, regs, cpu.regs)
        result |= _changes(SEGMENT_NAMES, segments, cpu.segments)
        prepared = self._pages[scene]
        if self.scratch != prepared:
            words = enumerate(zip(self.scratch, prepared, strict=True))
            result["memory"] = [(n, new) for n, (new, old) in words if new != old]
        return Observation("", result, _changes(CONTROL_STATE, control, self._control()))

    def _execute(self, ins: Instruction) -> str:
        """Execute; the name of the fault, or empty."""
        cpu = self.cpu
        refused: Trap | None = None
        try:
            cpu.execute(ins)
        except Trapped as trapped:
            refused = trapped.trap
            if refused.kind is TrapKind.HALT:
                cpu.halted, refused = True, None
            elif refused.kind is TrapKind.SOFTWARE_INTERRUPT:
                refused = deliver_software_interrupt(cpu, refused)
        return "" if refused is None else VECTOR_NAMES[refused.vector]

    def _prepare(self, scene: int, cpl: int) -> None:
        cpu = self.cpu
        self.scratch[:] = self._pages[scene]
        cpu.regs[:] = [0] * 16
        cpu.regs[RBX] = cpu.regs[RSI] = scene
        cpu.regs[RAX], cpu.regs[RCX], cpu.regs[RDX] = 1, MSR_STAR, PORT
        cpu.regs[RSP] = self.STACK
        cpu.rip, cpu.rflags, cpu.cpl = CODE, FLAGS_ONE | IF, cpl
        cpu.segments[:] = self._segments[cpl]
        cpu.segment_base[:] = [0] * 6
        cpu.cr0, cpu.gdtr, cpu.idtr, cpu.task_base = self._plain
        cpu.msrs.update(self._msrs)
        cpu.cr2, cpu.cr4, cpu.ldtr, cpu.task_selector = 0, self._cr4, 0, TSS_SELECTOR
        cpu.interrupt_shadow, cpu.halted = 0, False
        cpu.controls = None
        cpu.apic.task_priority = 0
        if cpu.cr3 != self.root:
            cpu.load_cr3(self.root)
        # Warm, and dirty: from here on only the instruction itself can drop a translation.
        self.mmu.find(SCRATCH, Access.WRITE, True, True)

    def _control(self) -> tuple[object, ...]:
        """The control state, in the order of CONTROL_STATE."""
        cpu = self.cpu
        flags = cpu.rflags
        return (
            cpu.cpl, flags & IF, flags & IOPL, cpu.cr0, cpu.cr2, cpu.cr3, cpu.cr4,
            cpu.apic.task_priority, cpu.gdtr, cpu.idtr, cpu.ldtr, cpu.task_selector, cpu.task_base,
            tuple(cpu.msrs.values()), cpu.halted, self.probe.accesses, self.mmu.tlb.version,
        )  # fmt: skip


def _changes(
    names: Sequence[str], before: Sequence[object], after: Sequence[object]
) -> dict[str, object]:
    """The new value of each named thing that changed."""
    if before == after:
        return {}
    pairs = zip(names, before, after, strict=True)
    return {name: new for name, old, new in pairs if old != new}
