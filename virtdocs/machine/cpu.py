"""The processor: registers, operands, and ``step``, which returns the trap or None.

The reference interpreter: one handler per instruction, no shortcut. A handler
raises before it commits, so a fault leaves the registers as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from virtdocs.machine.agenda import Agenda
from virtdocs.machine.apic import Apic
from virtdocs.machine.bus import Bus
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction, Undecodable, decode
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT, load_bytes, store_bytes
from virtdocs.machine.mmu import Mmu
from virtdocs.machine.paging import Access, canonical
from virtdocs.machine.registers import (
    CR0_PE,
    CR0_PG,
    CR0_WP,
    CR4_PGE,
    CS,
    DS,
    EFER_AMD_ONLY,
    EFER_LME,
    EFER_LMSLE,
    EFER_MASK,
    FLAGS_ONE,
    FS,
    GP,
    GS,
    IOPL,
    IOPL_SHIFT,
    MSR_EFER,
    MSR_FMASK,
    MSR_FS_BASE,
    MSR_GS_BASE,
    MSR_KERNEL_GS_BASE,
    MSR_LSTAR,
    MSR_STAR,
    MSR_TSC,
    RBP,
    RSP,
    SS,
    SSF,
    UD,
    WORD_MASK,
)
from virtdocs.machine.segment_unit import SegmentUnit
from virtdocs.machine.segments import Segment
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.traps import Trap, TrapKind, Trapped, fault
from virtdocs.trace import ExitReason

Guard = Callable[[int, Access], None]
ResourceGuard = Callable[[str, int], None]
Identity = dict[int, tuple[int, int, int, int]]
PLAIN_MSRS = (
    MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_FMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE
)  # fmt: skip
ADDRESS_MSRS = frozenset({MSR_LSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE})
SEGMENT_OF_OVERRIDE = {"fs": FS, "gs": GS}


class Controls(Protocol):
    """What a hypervisor asked the hardware to intercept in its guest."""

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        """Whether this event exits."""


class Cpu(SegmentUnit):
    """One processor, as the software on it sees it."""

    def __init__(
        self, mmu: Mmu, bus: Bus, apic: Apic, agenda: Agenda, vendor: str, identity: Identity
    ) -> None:
        self.mmu = mmu
        self.bus = bus
        self.apic = apic
        self.agenda = agenda
        self.vendor = vendor
        self.identity = identity
        self.regs: list[int] = [0] * 16
        self.rip = 0
        self.next_rip = 0
        self.rflags = FLAGS_ONE
        self.segments: list[Segment] = [Segment(0)] * 6
        self.segment_base: list[int] = [0] * 6
        self.cpl = 0
        self.cr0 = CR0_PE | CR0_PG | CR0_WP
        self.cr2 = 0
        self.cr3 = 0
        self.cr4 = 0
        self.msrs: dict[int, int] = dict.fromkeys(PLAIN_MSRS, 0)
        self.gdtr: tuple[int, int] = (0, 0)
        self.idtr: tuple[int, int] = (0, 0)
        self.ldtr = 0
        self.task_selector = 0
        self.task_base = 0
        self.interrupt_shadow = 0
        self.halted = False
        self.system_calls = 0  # how often an application has entered its kernel
        # The oracle below a monitor: told of each frame that the running program touches.
        self.guard: Guard | None = None
        # The same for a port or an MSR (its kind and number) that an instruction reaches.
        self.resource_guard: ResourceGuard | None = None
        self.running: Instruction | None = None  # what the oracle below a monitor asks about
        # A hypervisor's intercepts while its guest runs here; None on bare hardware.
        self.controls: Controls | None = None
        # The interrupt and system-call entry points belong to a monitor (ring deprivileging).
        self.monitor_entry = False
        # The fast core's delivery through the IDT, for the ordinary case; False when it is none.
        self.quick_delivery: Callable[[int, int | None, bool], bool] | None = None

    # Privilege and modes ------------------------------------------------------------------

    @property
    def efer(self) -> int:
        """The extended feature enable register."""
        return self.msrs[MSR_EFER]

    @property
    def iopl(self) -> int:
        """The I/O privilege level in RFLAGS."""
        return (self.rflags & IOPL) >> IOPL_SHIFT

    @property
    def limits_hold(self) -> bool:
        """Whether segment limits are enforced: legacy mode, or long mode with EFER.LMSLE."""
        efer = self.msrs[MSR_EFER]
        return not efer & EFER_LME or bool(efer & EFER_LMSLE)

    def require_cpl0(self) -> None:
        """#GP unless the CPL is 0."""
        if self.cpl != 0:
            raise fault(GP, 0)

    def refuse_user_when(self, cr4_bit: int) -> None:
        """#GP outside CPL 0 while this CR4 bit is set (UMIP)."""
        if self.cpl != 0 and self.cr4 & cr4_bit:
            raise fault(GP, 0)

    def intercept(self, reason: ExitReason, ins: Instruction, **detail: int) -> None:
        """Leave to the hypervisor if it asked to see this."""
        controls = self.controls
        if controls is not None and controls.wants(reason, detail):
            raise Trapped(Trap(TrapKind.EXIT, reason=reason, detail=detail, ins=ins))

    def reach(self, kind: str, number: int) -> None:
        """An instruction is about to use a ``port`` or an ``msr`` of the machine below."""
        if self.resource_guard is not None:
            self.resource_guard(kind, number)

    # Memory -------------------------------------------------------------------------------

    def find_page(self, address: int, access: Access) -> TlbEntry:
        """The page for an access of the running program at its own privilege."""
        if not canonical(address, self.mmu.levels):
            raise fault(GP, 0)
        entry = self.mmu.find(address, access, self.cpl == 3, bool(self.cr0 & CR0_WP))
        if self.guard is not None:
            self.guard(entry.frame, access)
        return entry

    def load(self, address: int, size: int) -> int:
        """Read ``size`` bytes at a linear address."""
        offset = address & PAGE_BYTES - 1
        if offset + size > PAGE_BYTES:
            first = PAGE_BYTES - offset
            self.find_span(address, size, Access.READ)
            low = self.load_part(address, first)
            return low | self.load_part(address + first & WORD_MASK, size - first) << 8 * first
        entry = self.find_page(address, Access.READ)
        if entry.page is None:
            return self.bus.mmio_read(entry.frame << PAGE_SHIFT | offset, size)
        return load_bytes(entry.page, offset, size)

    def load_part(self, address: int, size: int) -> int:
        """Read 1 to 7 bytes that lie within one page."""
        value = 0
        for n in range(size):
            value |= self.load(address + n & WORD_MASK, 1) << 8 * n
        return value

    def store(self, address: int, size: int, value: int) -> None:
        """Write ``size`` bytes at a linear address; all of them or none."""
        offset = address & PAGE_BYTES - 1
        if offset + size > PAGE_BYTES:
            self.find_span(address, size, Access.WRITE)
            for n in range(size):
                self.store(address + n & WORD_MASK, 1, value >> 8 * n & 0xFF)
            return
        entry = self.find_page(address, Access.WRITE)
        if entry.page is None:
            self.bus.mmio_write(entry.frame << PAGE_SHIFT | offset, size, value)
        else:
            store_bytes(entry.page, offset, size, value)

    def find_span(self, address: int, size: int, access: Access) -> None:
        """The page or both pages of an access, or the fault with the first byte out of reach."""
        self.find_page(address, access)
        first = PAGE_BYTES - (address & PAGE_BYTES - 1)
        if first < size:
            self.find_page(address + first & WORD_MASK, access)

    def store_pair(self, address: int, low: int, high: int) -> None:
        """Write two words, both or none."""
        self.find_span(address, 16, Access.WRITE)
        self.store(address, 8, low)
        self.store(address + 8 & WORD_MASK, 8, high)

    # Operands -----------------------------------------------------------------------------

    def offset(self, ins: Instruction) -> int:
        """The effective address, before a segment base."""
        address = ins.disp
        if ins.base >= 0:
            address += self.regs[ins.base]
        if ins.index >= 0:
            address += self.regs[ins.index] * ins.scale
        return address & WORD_MASK

    def linear(self, ins: Instruction) -> tuple[int, int]:
        """The segment register's number and the linear address of the memory operand."""
        address = self.offset(ins)
        if ins.segment:
            number = SEGMENT_OF_OVERRIDE[ins.segment]
            return number, address + self.segment_base[number] & WORD_MASK
        return SS if ins.base in (RSP, RBP) else DS, address

    def address(self, ins: Instruction, size: int = 0) -> int:
        """The linear address of the memory operand, checked against its segment's limit.

        ``size`` in bytes where the operand is wider than the instruction's access size.
        """
        number, address = self.linear(ins)
        self.check_limit(number, address, size or ins.size)
        return address

    def check_limit(self, number: int, address: int, size: int) -> None:
        """#GP when the access passes the segment's limit, where limits hold; #SS for the stack.

        A stack address that is not canonical is #SS too; elsewhere ``find_page`` says #GP.
        """
        if number == SS and not canonical(address, self.mmu.levels):
            raise fault(SSF, 0)
        if self.limits_hold and address + size - 1 > self.segments[number].limit:
            raise fault(SSF if number == SS else GP, 0)

    def get_first(self, ins: Instruction) -> int:
        """The value of the first operand."""
        kind = ins.form[0]
        if kind == "r":
            return self.regs[ins.a]
        if kind == "m":
            return self.load(self.address(ins), ins.size)
        return ins.imm

    def get_second(self, ins: Instruction) -> int:
        """The value of the second operand."""
        kind = ins.form[1]
        if kind == "i":
            return ins.imm
        if kind == "m":
            return self.load(self.address(ins), ins.size)
        return self.regs[ins.b if ins.form == "rr" else ins.a]

    def set_first(self, ins: Instruction, value: int) -> None:
        """Write the first operand."""
        if ins.form[0] == "r":
            self.regs[ins.a] = value
        else:
            self.store(self.address(ins), ins.size, value)

    def load_stack(self, displacement: int) -> int:
        """The word at rsp + displacement."""
        address = self.regs[RSP] + displacement & WORD_MASK
        self.check_limit(SS, address, 8)
        return self.load(address, 8)

    def push(self, value: int) -> None:
        """Push one word; rsp moves only when the store succeeded."""
        stack = self.regs[RSP] - 8 & WORD_MASK
        self.check_limit(SS, stack, 8)
        self.store(stack, 8, value)
        self.regs[RSP] = stack

    def push_all(self, *values: int) -> None:
        """Push several words: all of them or none."""
        top = self.regs[RSP]
        bottom = top - 8 * len(values) & WORD_MASK
        self.check_limit(SS, top - 8 & WORD_MASK, 8)
        self.check_limit(SS, bottom, 8)
        if bottom & PAGE_BYTES - 1 > PAGE_BYTES - 8 * len(values):
            # Two pages: as the words go down, the upper page is the first that can fault.
            for n in range(1, len(values) + 1):
                self.find_span(top - 8 * n & WORD_MASK, 8, Access.WRITE)
        for n, value in enumerate(values, 1):
            self.store(top - 8 * n & WORD_MASK, 8, value)
        self.regs[RSP] = bottom

    # Control registers, MSRs, identity ----------------------------------------------------

    def read_control(self, number: int) -> int:
        """cr0, cr2, cr3, cr4 or cr8."""
        if number == 8:
            return self.apic.task_priority
        return (self.cr0, 0, self.cr2, self.cr3, self.cr4)[number]

    def load_cr3(self, value: int) -> None:
        """Change the address space; global pages stay while CR4.PGE is set."""
        self.cr3 = value
        self.mmu.set_root(value >> PAGE_SHIFT, bool(self.cr4 & CR4_PGE))

    def read_msr(self, number: int) -> int:
        """An MSR's value; #GP for one that does not exist."""
        if number in self.msrs:
            return self.msrs[number]
        if number == MSR_TSC:
            return self.time_stamp()
        if self.apic.has(number):
            return self.apic.read(number)
        raise fault(GP, 0)

    def write_msr(self, number: int, value: int) -> None:
        """Write an MSR; #GP for one that does not exist or cannot hold the value."""
        if number in self.msrs:
            self._check_msr(number, value)
            self.msrs[number] = value
            if number == MSR_FS_BASE:
                self.segment_base[FS] = value
            elif number == MSR_GS_BASE:
                self.segment_base[GS] = value
        elif self.apic.has(number):
            self.apic.write(number, value)
        else:
            raise fault(GP, 0)

    def _check_msr(self, number: int, value: int) -> None:
        if number == MSR_EFER:
            # LME is fixed while paging is on (SDM vol. 3A §9.8.5): it always is here.
            allowed = EFER_MASK if self.vendor == "amd" else EFER_MASK & ~EFER_AMD_ONLY
            if value & ~allowed or (value ^ self.efer) & EFER_LME:
                raise fault(GP, 0)
        elif number in ADDRESS_MSRS and not canonical(value, self.mmu.levels):
            raise fault(GP, 0)

    def time_stamp(self) -> int:
        """The time-stamp counter."""
        return self.agenda.time_stamp()

    def cpuid_leaf(self, leaf: int) -> tuple[int, int, int, int]:
        """eax, ebx, ecx, edx of a leaf; zeros for one that does not exist."""
        return self.identity.get(leaf, (0, 0, 0, 0))

    # Execution ----------------------------------------------------------------------------

    def fetch(self) -> Instruction:
        """The instruction at rip; #GP when it is not aligned, #UD when it is none."""
        rip = self.rip
        if rip % INSTRUCTION_BYTES:
            raise fault(GP, 0)
        self.check_limit(CS, rip, INSTRUCTION_BYTES)
        entry = self.find_page(rip, Access.FETCH)
        if entry.page is None:
            raise fault(UD)
        word = rip >> 3 & 511
        try:
            return decode(entry.page[word], entry.page[word + 1])
        except Undecodable:
            raise fault(UD) from None

    def execute(self, ins: Instruction) -> None:
        """Run one instruction at rip; raises Trapped, with rip unchanged."""
        self.next_rip = self.rip + INSTRUCTION_BYTES & WORD_MASK
        self.running = ins
        ins.spec.execute(self, ins)
        self.rip = self.next_rip
        if self.interrupt_shadow:
            self.interrupt_shadow -= 1

    def step(self, ins: Instruction | None = None) -> Trap | None:
        """Fetch and run one instruction; the trap that stopped it, or None.

        ``ins`` is the instruction where the fetch is done: it is known to hit the TLB.
        """
        try:
            self.execute(self.fetch() if ins is None else ins)
        except Trapped as trapped:
            return trapped.trap
        return None
