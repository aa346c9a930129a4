"""AMD's virtual machine control block, in a frame of the monitor.

Where Intel exits whatever the controls say, AMD has an intercept bit: cpuid exits
because the hypervisor asks for it. (APM vol. 2 chapter 15 and appendices B, C.)
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import INSTRUCTION_BYTES
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.registers import RSP, WORD_MASK
from virtdocs.trace import ExitReason
from virtdocs.vmm.permission_maps import MsrMap, PortMap


class Field(IntEnum):
    """Word index of each field in the block's frame."""

    INTERCEPTS = 0
    CR_INTERCEPTS = 1  # bits 0-15 reads of cr0…, bits 16-31 writes
    IOPM_BASE = 3
    MSRPM_BASE = 4
    TLB_CONTROL = 5
    NESTED_CR3 = 6
    EVENT_INJECTION = 7
    EXIT_CODE = 8
    EXIT_INFO_1 = 9
    GUEST_RIP = 11
    GUEST_RSP = 12
    GUEST_RFLAGS = 13
    GUEST_CR3 = 14
    NEXT_RIP = 15


class Intercept(IntFlag):
    """Instruction intercepts (APM vol. 2 appendix B), at bits of our own."""

    CPUID = 1 << 0
    HLT = 1 << 1
    INVLPG = 1 << 2
    RDTSC = 1 << 3
    IOIO_PROT = 1 << 4
    MSR_PROT = 1 << 5
    PAUSE = 1 << 6
    DESCRIPTOR_TABLE = 1 << 7
    VMMCALL = 1 << 8
    INVD = 1 << 9
    XSETBV = 1 << 10
    VIRTUALIZATION = 1 << 11  # vmload, vmsave, stgi, clgi; vmrun must be set
    VINTR = 1 << 12
    NESTED_PAGING = 1 << 13


FLUSH_GUEST: Final = 3  # TLB_CONTROL: vmrun drops this guest's translations (APM vol. 2 §15.16.2)

SVM_CODE: Final[dict[ExitReason, tuple[int, str]]] = {
    ExitReason.CR_ACCESS: (0x013, "VMEXIT_CR3_WRITE"),
    ExitReason.EXCEPTION: (0x040, "VMEXIT_EXCP0"),
    ExitReason.PAGE_FAULT: (0x04E, "VMEXIT_EXCP14"),
    ExitReason.EXTERNAL_INTERRUPT: (0x060, "VMEXIT_INTR"),
    ExitReason.INTERRUPT_WINDOW: (0x064, "VMEXIT_VINTR"),
    ExitReason.DESCRIPTOR_TABLE: (0x066, "VMEXIT_IDTR_READ"),
    ExitReason.RDTSC: (0x06E, "VMEXIT_RDTSC"),
    ExitReason.CPUID: (0x072, "VMEXIT_CPUID"),
    ExitReason.INVD: (0x076, "VMEXIT_INVD"),
    ExitReason.PAUSE: (0x077, "VMEXIT_PAUSE"),
    ExitReason.HLT: (0x078, "VMEXIT_HLT"),
    ExitReason.INVLPG: (0x079, "VMEXIT_INVLPG"),
    ExitReason.IO: (0x07B, "VMEXIT_IOIO"),
    ExitReason.MSR_READ: (0x07C, "VMEXIT_MSR"),
    ExitReason.MSR_WRITE: (0x07C, "VMEXIT_MSR"),
    ExitReason.TRIPLE_FAULT: (0x07F, "VMEXIT_SHUTDOWN"),
    ExitReason.VMX_INSTRUCTION: (0x080, "VMEXIT_VMRUN"),
    ExitReason.HYPERCALL: (0x081, "VMEXIT_VMMCALL"),
    ExitReason.XSETBV: (0x08D, "VMEXIT_XSETBV"),
    ExitReason.NESTED_FAULT: (0x400, "VMEXIT_NPF"),
    ExitReason.MMIO: (0x400, "VMEXIT_NPF"),
}

WRITE_OF_CR0: Final = 0x010  # VMEXIT_CR[0-15]_WRITE follow one another (APM vol. 2 appendix C)

BIT: Final[dict[ExitReason, Intercept]] = {
    ExitReason.CPUID: Intercept.CPUID,
    ExitReason.HLT: Intercept.HLT,
    ExitReason.INVLPG: Intercept.INVLPG,
    ExitReason.RDTSC: Intercept.RDTSC,
    ExitReason.PAUSE: Intercept.PAUSE,
    ExitReason.DESCRIPTOR_TABLE: Intercept.DESCRIPTOR_TABLE,
    ExitReason.HYPERCALL: Intercept.VMMCALL,
    ExitReason.INVD: Intercept.INVD,
    ExitReason.XSETBV: Intercept.XSETBV,
    ExitReason.VMX_INSTRUCTION: Intercept.VIRTUALIZATION,
}


class Vmcb:
    """One virtual CPU's control block; it is also the ``controls`` of the hardware CPU."""

    def __init__(
        self, memory: PhysicalMemory, allocate: Callable[[], int], intercepts: Intercept
    ) -> None:
        self.memory = memory
        self.frame = allocate()
        self.ports = PortMap(memory, allocate)
        self.msrs = MsrMap(memory, allocate)
        self.write(Field.INTERCEPTS, int(intercepts))
        self.write(Field.IOPM_BASE, self.ports.frames[0])
        self.write(Field.MSRPM_BASE, self.msrs.frame)

    def read(self, field: Field) -> int:
        """A field's value."""
        page = self.memory.page(self.frame)
        assert page is not None
        return page[field]

    def write(self, field: Field, value: int) -> None:
        """Write a field."""
        page = self.memory.page(self.frame)
        assert page is not None
        page[field] = value

    def has(self, intercept: Intercept) -> bool:
        """Whether an intercept is on."""
        return bool(self.read(Field.INTERCEPTS) & int(intercept))

    def intercept_control_register(self, number: int, write: bool) -> None:
        """Ask for reads or writes of a control register."""
        bit = 1 << number + (16 if write else 0)
        self.write(Field.CR_INTERCEPTS, self.read(Field.CR_INTERCEPTS) | bit)

    @property
    def interrupt_window(self) -> bool:
        """Whether the guest exits as soon as it could take a (virtual) interrupt."""
        return self.has(Intercept.VINTR)

    @interrupt_window.setter
    def interrupt_window(self, on: bool) -> None:
        bits = self.read(Field.INTERCEPTS)
        bits = bits | Intercept.VINTR if on else bits & ~Intercept.VINTR
        self.write(Field.INTERCEPTS, int(bits))

    @property
    def tagged_tlb(self) -> bool:
        """Whether translations stay under the guest's ASID; else each vmrun drops them."""
        return self.read(Field.TLB_CONTROL) != FLUSH_GUEST

    @tagged_tlb.setter
    def tagged_tlb(self, on: bool) -> None:
        self.write(Field.TLB_CONTROL, 0 if on else FLUSH_GUEST)

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        """Whether the hardware exits (APM vol. 2 §15.7 to §15.11)."""
        bit = BIT.get(reason)
        if bit is not None:
            return self.has(bit)
        if reason is ExitReason.IO:
            return self.has(Intercept.IOIO_PROT) and self.ports.exits(
                detail["port"], detail["size"]
            )
        if reason in (ExitReason.MSR_READ, ExitReason.MSR_WRITE):
            write = reason is ExitReason.MSR_WRITE
            return self.has(Intercept.MSR_PROT) and self.msrs.exits(detail["msr"], write)
        if reason is ExitReason.CR_ACCESS:
            if "clts" in detail:  # selective CR0 write intercept: clts changes TS alone
                return False
            shift = detail["cr"] + (16 if detail["write"] else 0)
            return bool(self.read(Field.CR_INTERCEPTS) >> shift & 1)
        raise AssertionError(f"no rule for {reason}")

    def save_exit(self, cpu: Cpu, reason: ExitReason, qualification: int) -> None:
        """What the hardware writes at a #VMEXIT: why, where the guest was, where it goes on."""
        code = SVM_CODE[reason][0]
        if reason is ExitReason.CR_ACCESS:  # each register has a code of its own
            code = WRITE_OF_CR0 + qualification
        page = self.memory.page(self.frame)
        assert page is not None
        page[Field.EXIT_CODE] = code
        page[Field.EXIT_INFO_1] = qualification
        page[Field.GUEST_RIP] = cpu.rip
        page[Field.NEXT_RIP] = cpu.rip + INSTRUCTION_BYTES & WORD_MASK
        page[Field.GUEST_RSP] = cpu.regs[RSP]
        page[Field.GUEST_RFLAGS] = cpu.rflags
        page[Field.GUEST_CR3] = cpu.cr3

    @property
    def nested_root(self) -> int:
        """Frame of the top nested table."""
        return self.read(Field.NESTED_CR3) >> PAGE_SHIFT

    @nested_root.setter
    def nested_root(self, frame: int) -> None:
        self.write(Field.NESTED_CR3, frame << PAGE_SHIFT)

    def inject(self, vector: int | None, kind: int = 0) -> None:
        """Set up an event for the next vmrun, or clear it; kind 0 is an external interrupt."""
        info = 0 if vector is None else vector | kind << 8 | 1 << 31
        self.write(Field.EVENT_INJECTION, info)
