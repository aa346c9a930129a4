"""Intel's virtual-machine control structure, in a frame of the monitor.

The fields that matter here: what exits (controls), where a guest goes on and what
is injected at entry, why it left (exit information). Names follow SDM vol. 3C
chapter 25; the layout is ours, as Intel leaves it to the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import INSTRUCTION_BYTES
from virtdocs.machine.memory import PAGE_SHIFT, Memory
from virtdocs.machine.registers import RSP
from virtdocs.trace import ExitReason
from virtdocs.vmm.permission_maps import MsrMap, PortMap


class Field(IntEnum):
    """Word index of each field in the structure's frame."""

    PRIMARY_CONTROLS = 0
    EPT_POINTER = 2
    GUEST_RIP = 3
    GUEST_RSP = 4
    GUEST_RFLAGS = 5
    GUEST_CR3 = 6
    ENTRY_INTERRUPTION_INFO = 7
    EXIT_REASON = 8
    EXIT_QUALIFICATION = 9
    EXIT_INSTRUCTION_LENGTH = 10
    IO_BITMAP_A = 11
    IO_BITMAP_B = 12
    MSR_BITMAP = 13
    # What only a hypervisor's software looks at or writes (vmm/nested), not the hardware here.
    GUEST_PHYSICAL_ADDRESS = 14
    EXIT_INTERRUPTION_INFO = 15
    IDT_VECTORING_INFO = 16
    GUEST_INTERRUPTIBILITY = 17
    GUEST_CS_SELECTOR = 18
    GUEST_CS_ACCESS_RIGHTS = 19
    GUEST_SS_ACCESS_RIGHTS = 20
    GUEST_CR0 = 21
    GUEST_CR4 = 22
    CR0_READ_SHADOW = 23
    CR4_READ_SHADOW = 24
    TPR_THRESHOLD = 25
    ENTRY_EXCEPTION_ERROR_CODE = 26
    HOST_FS_SELECTOR = 27
    HOST_GS_SELECTOR = 28
    HOST_FS_BASE = 29
    HOST_GS_BASE = 30


class Primary(IntFlag):
    """Processor-based controls (SDM vol. 3C tables 25-6 and 25-7), at bits of our own."""

    HLT_EXITING = 1 << 0
    INVLPG_EXITING = 1 << 1
    RDTSC_EXITING = 1 << 2
    CR3_LOAD_EXITING = 1 << 3
    CR3_STORE_EXITING = 1 << 4
    CR8_LOAD_EXITING = 1 << 5
    CR8_STORE_EXITING = 1 << 6
    UNCONDITIONAL_IO_EXITING = 1 << 7
    USE_IO_BITMAPS = 1 << 8
    USE_MSR_BITMAPS = 1 << 9
    PAUSE_EXITING = 1 << 10
    DESCRIPTOR_TABLE_EXITING = 1 << 11
    INTERRUPT_WINDOW_EXITING = 1 << 12
    ENABLE_EPT = 1 << 13
    ENABLE_VPID = 1 << 14


# Basic exit reasons (SDM vol. 3D appendix C), for the words on the site and the frame's field.
VMX_REASON: Final[dict[ExitReason, tuple[int, str]]] = {
    ExitReason.EXCEPTION: (0, "EXCEPTION_NMI"),
    ExitReason.PAGE_FAULT: (0, "EXCEPTION_NMI"),
    ExitReason.EXTERNAL_INTERRUPT: (1, "EXTERNAL_INTERRUPT"),
    ExitReason.TRIPLE_FAULT: (2, "TRIPLE_FAULT"),
    ExitReason.INTERRUPT_WINDOW: (7, "INTERRUPT_WINDOW"),
    ExitReason.CPUID: (10, "CPUID"),
    ExitReason.HLT: (12, "HLT"),
    ExitReason.INVD: (13, "INVD"),
    ExitReason.INVLPG: (14, "INVLPG"),
    ExitReason.RDTSC: (16, "RDTSC"),
    ExitReason.HYPERCALL: (18, "VMCALL"),
    ExitReason.VMX_INSTRUCTION: (27, "VMXON"),
    ExitReason.CR_ACCESS: (28, "CR_ACCESS"),
    ExitReason.IO: (30, "IO_INSTRUCTION"),
    ExitReason.MSR_READ: (31, "MSR_READ"),
    ExitReason.MSR_WRITE: (32, "MSR_WRITE"),
    ExitReason.PAUSE: (40, "PAUSE_INSTRUCTION"),
    ExitReason.DESCRIPTOR_TABLE: (46, "GDTR_IDTR"),
    ExitReason.NESTED_FAULT: (48, "EPT_VIOLATION"),
    ExitReason.MMIO: (48, "EPT_VIOLATION"),
    ExitReason.XSETBV: (55, "XSETBV"),
}

# What exits whatever the controls say (SDM vol. 3C §26.1.2).
UNCONDITIONAL: Final = frozenset(
    {
        ExitReason.CPUID,
        ExitReason.INVD,
        ExitReason.XSETBV,
        ExitReason.VMX_INSTRUCTION,
        ExitReason.HYPERCALL,
    }
)

# The control bit behind each conditional exit.
CONDITIONAL: Final[dict[ExitReason, Primary]] = {
    ExitReason.HLT: Primary.HLT_EXITING,
    ExitReason.INVLPG: Primary.INVLPG_EXITING,
    ExitReason.RDTSC: Primary.RDTSC_EXITING,
    ExitReason.PAUSE: Primary.PAUSE_EXITING,
    ExitReason.DESCRIPTOR_TABLE: Primary.DESCRIPTOR_TABLE_EXITING,
}


class Vmcs:
    """One virtual CPU's control structure; it is also the ``controls`` of the hardware CPU."""

    def __init__(self, memory: Memory, allocate: Callable[[], int], controls: Primary) -> None:
        self.memory = memory
        self.frame = allocate()
        self.ports = PortMap(memory, allocate)
        self.msrs = MsrMap(memory, allocate)
        self.write(Field.PRIMARY_CONTROLS, int(controls))
        self.write(Field.IO_BITMAP_A, self.ports.frames[0])
        self.write(Field.IO_BITMAP_B, self.ports.frames[1])
        self.write(Field.MSR_BITMAP, self.msrs.frame)

    def read(self, field: Field) -> int:
        """vmread."""
        page = self.memory.page(self.frame)
        assert page is not None
        return page[field]

    def write(self, field: Field, value: int) -> None:
        """vmwrite."""
        page = self.memory.page(self.frame)
        assert page is not None
        page[field] = value

    def has(self, control: Primary) -> bool:
        """Whether a control bit is set."""
        return bool(self.read(Field.PRIMARY_CONTROLS) & int(control))

    def set(self, control: Primary, on: bool) -> None:
        """Set or clear a control bit."""
        bits = self.read(Field.PRIMARY_CONTROLS)
        self.write(Field.PRIMARY_CONTROLS, int(bits | control if on else bits & ~control))

    @property
    def interrupt_window(self) -> bool:
        """Whether the guest exits as soon as it could take an interrupt."""
        return self.has(Primary.INTERRUPT_WINDOW_EXITING)

    @interrupt_window.setter
    def interrupt_window(self, on: bool) -> None:
        self.set(Primary.INTERRUPT_WINDOW_EXITING, on)

    @property
    def tagged_tlb(self) -> bool:
        """Whether the guest's translations carry its tag, so that an exit leaves them alone."""
        return self.has(Primary.ENABLE_VPID)

    @tagged_tlb.setter
    def tagged_tlb(self, on: bool) -> None:
        self.set(Primary.ENABLE_VPID, on)

    def wants(self, reason: ExitReason, detail: dict[str, int]) -> bool:
        """Whether the hardware exits: the rules of SDM vol. 3C §26.1."""
        if reason in UNCONDITIONAL:
            return True
        control = CONDITIONAL.get(reason)
        if control is not None:
            return self.has(control)
        if reason is ExitReason.IO:
            if self.has(Primary.USE_IO_BITMAPS):
                return self.ports.exits(detail["port"], detail["size"])
            return self.has(Primary.UNCONDITIONAL_IO_EXITING)
        if reason in (ExitReason.MSR_READ, ExitReason.MSR_WRITE):
            write = reason is ExitReason.MSR_WRITE
            return not self.has(Primary.USE_MSR_BITMAPS) or self.msrs.exits(detail["msr"], write)
        if reason is ExitReason.CR_ACCESS:
            return self._control_register(detail)
        raise AssertionError(f"no rule for {reason}")

    def _control_register(self, detail: dict[str, int]) -> bool:
        write = bool(detail["write"])
        if detail["cr"] == 3:
            return self.has(Primary.CR3_LOAD_EXITING if write else Primary.CR3_STORE_EXITING)
        if detail["cr"] == 8:
            return self.has(Primary.CR8_LOAD_EXITING if write else Primary.CR8_STORE_EXITING)
        # CR0 and CR4: the host owns every bit but CR0.TS, so writes exit and clts does not
        # (guest/host masks, SDM vol. 3C §25.6.6). cr2 never exits.
        return write and detail["cr"] in (0, 4) and "clts" not in detail

    def save_exit(self, cpu: Cpu, reason: ExitReason, qualification: int) -> None:
        """What the hardware writes at an exit: why, and where the guest was."""
        page = self.memory.page(self.frame)
        assert page is not None
        page[Field.EXIT_REASON] = VMX_REASON[reason][0]
        page[Field.EXIT_QUALIFICATION] = qualification
        page[Field.EXIT_INSTRUCTION_LENGTH] = INSTRUCTION_BYTES
        page[Field.GUEST_RIP] = cpu.rip
        page[Field.GUEST_RSP] = cpu.regs[RSP]
        page[Field.GUEST_RFLAGS] = cpu.rflags
        page[Field.GUEST_CR3] = cpu.cr3

    @property
    def nested_root(self) -> int:
        """Frame of the top nested table: the EPT pointer without its attribute bits."""
        return self.read(Field.EPT_POINTER) >> PAGE_SHIFT

    @nested_root.setter
    def nested_root(self, frame: int) -> None:
        # Bits 2:0 memory type (6 is write-back), 5:3 levels of the walk less one (SDM §25.6.11).
        self.write(Field.EPT_POINTER, frame << PAGE_SHIFT | 3 << 3 | 6)

    def inject(self, vector: int | None, kind: int = 0) -> None:
        """Set up an event for the next entry, or clear it; kind 0 is an external interrupt."""
        info = 0 if vector is None else vector | kind << 8 | 1 << 31
        self.write(Field.ENTRY_INTERRUPTION_INFO, info)
