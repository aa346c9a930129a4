"""A monitor performs one instruction on the virtual CPU.

It is the reference interpreter, run on the guest's own state with the guest's own
privilege, through the guest's own page tables: so what the monitor does to the
guest is by construction what the hardware would have done.
"""

from __future__ import annotations

from typing import Protocol

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import Instruction
from virtdocs.machine.memory import PAGE_SHIFT, Memory
from virtdocs.machine.mmu import SoftwareMmu
from virtdocs.machine.paging import Access, Translation, walk
from virtdocs.machine.quick_walk import Walks
from virtdocs.machine.tlb import TlbEntry
from virtdocs.machine.traps import Trap, Trapped


class PagingMechanism(Protocol):
    """How a monitor keeps the hardware's translations in step with the guest's tables."""

    def activate(self, root: int) -> None:
        """The guest loaded cr3: ``root`` is its top table's frame."""

    def invalidate(self, address: int) -> None:
        """The guest asked to drop one page's translation."""

    def flush(self) -> None:
        """The guest asked to drop all translations."""

    def walked(self, translation: Translation) -> None:
        """The monitor walked the guest's tables and may have set A and D bits."""

    def written(self, frame: int) -> None:
        """The monitor is about to write into this guest frame for the guest."""


class MonitorMmu(SoftwareMmu):
    """The monitor's view of guest memory; it tells the paging mechanism what it does."""

    def __init__(self, memory: Memory, levels: int, paging: PagingMechanism) -> None:
        super().__init__(memory, levels)
        self.paging = paging
        self.walks: Walks | None = None

    def find(self, address: int, access: Access, user: bool, write_protect: bool) -> TlbEntry:
        """Walk the guest's tables; a write is announced."""
        quick = None
        if self.walks is not None:
            quick = self.walks.find(self.root, address >> PAGE_SHIFT, access, user, write_protect)
        if quick is not None:
            found, entry = quick[0].translation, quick[0].entry
        else:
            found = walk(
                self.memory, self.root, address, self.levels, access, user,
                write_protect=write_protect,
            )  # fmt: skip
            entry = self.entry_for(found)
        self.paging.walked(found)
        if access is Access.WRITE:
            self.paging.written(found.frame)
        return entry

    def entry_for(self, found: Translation) -> TlbEntry:
        """What a walk of the monitor's leads to: it has just been allowed."""
        page = self.memory.page(found.frame)
        return TlbEntry(
            found.frame, page, found.writable, found.user, found.executable, False, True
        )

    def remember(self) -> Walks:
        """The fast core is on: walks take the short way where there is one."""
        self.walks = Walks(self.memory, self.levels, self.entry_for)
        return self.walks

    def set_root(self, root: int, keep_global: bool) -> None:
        """The guest loads cr3."""
        self.root = root
        self.paging.activate(root)

    def invalidate(self, address: int) -> None:
        """The guest runs invlpg."""
        self.paging.invalidate(address)

    def flush(self) -> None:
        """The guest changes CR0 or CR4."""
        self.paging.flush()


def emulate(cpu: Cpu, ins: Instruction | None = None) -> Trap | None:
    """Run one instruction on ``cpu``, whose mmu is the monitor's; its trap, or None when done."""
    try:
        cpu.execute(ins if ins is not None else cpu.fetch())
    except Trapped as trapped:
        return trapped.trap
    return None


class Unhindered:
    """Within this block a hardware guest's CPU is the monitor's to use: no exits, its own mmu."""

    def __init__(self, cpu: Cpu, mmu: SoftwareMmu) -> None:
        self.cpu = cpu
        self.mmu = mmu
        mmu.root = cpu.cr3 >> PAGE_SHIFT  # which the guest may have loaded without an exit

    def __enter__(self) -> Cpu:
        self.controls, self.hardware_mmu = self.cpu.controls, self.cpu.mmu
        self.guard, self.resource_guard = self.cpu.guard, self.cpu.resource_guard
        self.cpu.controls, self.cpu.mmu, self.cpu.guard = None, self.mmu, None
        self.cpu.resource_guard = None
        return self.cpu

    def __exit__(self, *exception: object) -> None:
        self.cpu.controls, self.cpu.mmu = self.controls, self.hardware_mmu
        self.cpu.guard, self.cpu.resource_guard = self.guard, self.resource_guard
