"""The hypervisor on the hardware, below one that is its guest.

It keeps three control structures (names as in Linux' arch/x86/kvm/vmx/nested.c): vmcs01, with
which it runs the first level; vmcs12, which the first level wrote for its guest and which lies
in that level's memory; and vmcs02, made from both, with which the hardware runs the second
level. Every exit of the second level comes here. Those that the first level asked for are
handed on (a virtual VM exit); the rest is dealt with here, unknown to it. Every VMX
instruction of the first level comes here as well, but for fields of a shadow VMCS.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import RSP
from virtdocs.trace import EventKind, ExitReason, LevelOneExit, Party
from virtdocs.vmm.nested.merged_paging import MergedPaging
from virtdocs.vmm.nested.shadow_vmcs import READ_ONLY, SHADOWED, WRITTEN
from virtdocs.vmm.vmcs import Field, Primary, Vmcs

# What the hardware writes at an exit: it goes on to vmcs12 (sync_vmcs02_to_vmcs12, prepare_vmcs12).
EXIT_FIELDS: Final = (
    Field.EXIT_REASON, Field.EXIT_QUALIFICATION, Field.EXIT_INSTRUCTION_LENGTH,
    Field.GUEST_PHYSICAL_ADDRESS, Field.EXIT_INTERRUPTION_INFO, Field.IDT_VECTORING_INFO,
)  # fmt: skip
# The guest's registers that are kept in a VMCS: into vmcs12 at an exit, into vmcs02 at an entry.
GUEST_FIELDS: Final = (
    Field.GUEST_RIP, Field.GUEST_RSP, Field.GUEST_RFLAGS, Field.GUEST_CR0, Field.GUEST_CR3,
    Field.GUEST_CR4, Field.GUEST_INTERRUPTIBILITY, Field.GUEST_CS_SELECTOR,
    Field.GUEST_CS_ACCESS_RIGHTS, Field.GUEST_SS_ACCESS_RIGHTS,
)  # fmt: skip
ENTRY_FIELDS: Final = (Field.ENTRY_INTERRUPTION_INFO, Field.ENTRY_EXCEPTION_ERROR_CODE)
BLOCKING_BY_STI: Final = 1  # bit 0 of the interruptibility state (SDM vol. 3C table 25-3)


class LevelZero:
    """For one virtual CPU of the second level; ``shadow`` where the processor can shadow."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        vmcs01: Vmcs,
        vmcs12: Vmcs,
        vmcs02: Vmcs,
        shadow: Vmcs | None,
        paging: MergedPaging,
    ) -> None:
        self.board = board
        self.cpu = cpu
        self.vmcs01 = vmcs01
        self.vmcs12 = vmcs12
        self.vmcs02 = vmcs02
        self.shadow = shadow
        self.paging = paging
        self.delivering = 0  # the event that the hardware is delivering, as an exit would say it
        self._merged: list[list[int]] = []  # the MSR bitmaps that vmcs02's was made from
        self._save()
        self._copy(self.vmcs02, self.vmcs12, GUEST_FIELDS)
        self._sync_shadow()
        self.merge()

    # The second level ---------------------------------------------------------------------

    def exit(self, reason: ExitReason, detail: dict[str, int]) -> None:
        """The hardware has left the second level: it wrote into vmcs02."""
        self.vmcs02.save_exit(self.cpu, reason, next(iter(detail.values()), 0))
        self._save()
        if "guest_physical" in detail:
            self.vmcs02.write(Field.GUEST_PHYSICAL_ADDRESS, detail["guest_physical"])
        self.vmcs02.write(Field.IDT_VECTORING_INFO, self.delivering)
        self._record(EventKind.VM_EXIT, str(reason), Party.CPU, level=2)
        if not self.vmcs02.tagged_tlb:
            # Linear and combined mappings go, guest-physical ones stay (SDM vol. 3C §29.4.3.1).
            self.paging.mmu.flush_linear()

    def go_on(self) -> None:
        """Back into the second level, which the first never hears of."""
        self._save()
        self.enter()

    def enter(self) -> None:
        """Into the second level, with what vmcs02 says of its registers."""
        cpu, vmcs = self.cpu, self.vmcs02
        cpu.rip = vmcs.read(Field.GUEST_RIP)
        cpu.regs[RSP] = vmcs.read(Field.GUEST_RSP)
        cpu.rflags = vmcs.read(Field.GUEST_RFLAGS)
        cpu.cr0 = vmcs.read(Field.GUEST_CR0)
        cpu.cr4 = vmcs.read(Field.GUEST_CR4)
        self._record(EventKind.VM_ENTRY, "", Party.CPU, level=2)

    def reflect(self) -> None:
        """Hand the exit on: vmcs12 gets what the hardware wrote, the first level goes on."""
        self._copy(self.vmcs02, self.vmcs12, (*EXIT_FIELDS, *GUEST_FIELDS))
        # The processor clears the valid bit of an injected event at each exit.
        self.vmcs12.write(Field.ENTRY_INTERRUPTION_INFO, 0)
        self._sync_shadow()
        self._record(EventKind.REFLECT, "", Party.HYPERVISOR, level=0)

    # The first level ----------------------------------------------------------------------

    def read(self, field: Field) -> int:
        """The first level's VMREAD."""
        if self.shadow is not None and field in SHADOWED:
            return self.shadow.read(field)
        self.left(LevelOneExit.VMREAD, field.name)
        return self.vmcs12.read(field)

    def write(self, field: Field, value: int) -> None:
        """The first level's VMWRITE."""
        if self.shadow is not None and field in WRITTEN:
            self.shadow.write(field, value)
            return
        self.left(LevelOneExit.VMWRITE, field.name)
        self.vmcs12.write(field, value)

    def write_msr(self, number: int) -> None:
        """The first level's WRMSR: its MSR bitmap says whether it leaves."""
        if self.vmcs01.msrs.exits(number, write=True):
            self.left(LevelOneExit.MSR_WRITE, f"{number:#x}")

    def resume(self) -> None:
        """The first level's VMRESUME: merge, and run the second level."""
        self._record(EventKind.VM_EXIT, LevelOneExit.VMRESUME, Party.CPU, level=1)
        if self.shadow is not None:
            self._copy(self.shadow, self.vmcs12, WRITTEN)
        self.merge()
        self._record(EventKind.MERGE, "", Party.HYPERVISOR, level=0)
        self.enter()

    def left(self, why: LevelOneExit, what: str = "") -> None:
        """The first level leaves, is served, and goes on."""
        self._record(EventKind.VM_EXIT, why, Party.CPU, level=1, what=what)
        self._record(EventKind.VM_ENTRY, "", Party.CPU, level=1)

    # Structures ---------------------------------------------------------------------------

    def merge(self) -> None:
        """Make vmcs02: the guest is the one of vmcs12, and it exits for either level.

        Ports always exit, as "a vmexit (to either L1 hypervisor or L0 userspace) is always
        needed for I/O port accesses" (prepare_vmcs02); the MSR bitmap is both maps in one.
        """
        self._copy(self.vmcs12, self.vmcs02, (*GUEST_FIELDS, *ENTRY_FIELDS))
        controls = self.vmcs01.read(Field.PRIMARY_CONTROLS) & ~int(Primary.INTERRUPT_WINDOW_EXITING)
        controls |= self.vmcs12.read(Field.PRIMARY_CONTROLS) | Primary.UNCONDITIONAL_IO_EXITING
        self.vmcs02.write(Field.PRIMARY_CONTROLS, int(controls & ~int(Primary.USE_IO_BITMAPS)))
        self._merge_msrs()
        self.vmcs02.tagged_tlb = self.vmcs01.tagged_tlb
        self.vmcs02.nested_root = self.paging.root

    def _merge_msrs(self) -> None:
        """Either level may have changed its map since the last entry."""
        maps = [self.vmcs01.msrs.words(), self.vmcs12.msrs.words()]
        if maps != self._merged:
            self._merged = [list(words) for words in maps]
            self.vmcs02.msrs.merge(*maps)

    def _save(self) -> None:
        """What the hardware keeps of the guest's registers, beside ``save_exit``."""
        cpu, write = self.cpu, self.vmcs02.write
        write(Field.GUEST_RIP, cpu.rip)
        write(Field.GUEST_RSP, cpu.regs[RSP])
        write(Field.GUEST_RFLAGS, cpu.rflags)
        write(Field.GUEST_CR0, cpu.cr0)
        write(Field.GUEST_CR3, cpu.cr3)
        write(Field.GUEST_CR4, cpu.cr4)
        write(Field.GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI if cpu.interrupt_shadow else 0)
        # Our segments have no access-rights word: the privilege level stands for it.
        write(Field.GUEST_CS_SELECTOR, cpu.cpl)
        write(Field.GUEST_CS_ACCESS_RIGHTS, cpu.cpl)
        write(Field.GUEST_SS_ACCESS_RIGHTS, cpu.cpl)

    def _sync_shadow(self) -> None:
        if self.shadow is not None:
            self._copy(self.vmcs12, self.shadow, (*READ_ONLY, *WRITTEN))

    @staticmethod
    def _copy(source: Vmcs, target: Vmcs, fields: frozenset[Field] | tuple[Field, ...]) -> None:
        for field in fields:
            target.write(field, source.read(field))

    def _record(
        self, kind: EventKind, key: str, party: Party, *, level: int, what: str = ""
    ) -> None:
        trace = self.board.trace
        if trace.recording:
            now, rip = self.board.agenda.now, self.cpu.rip
            trace.record(kind, str(key), party, time=now, rip=rip, level=level, what=what)
        else:
            trace.count(kind, str(key))
