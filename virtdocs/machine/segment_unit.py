"""Loading segment registers, far returns and tasks: the part of the CPU that reads the GDT.

Simpler than x86-64 on purpose: a TSS descriptor takes one entry and is never marked busy,
a load of fs or gs leaves its base to the MSR, data segments do not expand down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from virtdocs.machine.memory import PAGE_BYTES, load_bytes
from virtdocs.machine.paging import Access, canonical
from virtdocs.machine.registers import CS, DS, ES, FS, GP, GS, NP, RSP, SS, SSF, WORD_MASK
from virtdocs.machine.segments import NO_LIMIT, SYSTEM_TSS, Descriptor, Segment, loaded
from virtdocs.machine.traps import fault

if TYPE_CHECKING:
    from virtdocs.machine.isa import Instruction
    from virtdocs.machine.mmu import Mmu

TSS_BYTES = 104
FAR_POINTER_BYTES = 16


class SegmentUnit:
    """What every CPU does with selectors and descriptors."""

    mmu: Mmu
    regs: list[int]
    segments: list[Segment]
    segment_base: list[int]
    gdtr: tuple[int, int]
    ldtr: int
    task_selector: int
    task_base: int
    cpl: int
    monitor_entry: bool
    guard: Callable[[int, Access], None] | None

    if TYPE_CHECKING:

        def load(self, address: int, size: int) -> int:
            """Provided by Cpu."""

        def address(self, ins: Instruction, size: int = 0) -> int:
            """Provided by Cpu."""

    def load_system(self, address: int, size: int = 8) -> int:
        """Read a system structure (GDT, IDT, TSS): supervisor access at any CPL."""
        if not canonical(address, self.mmu.levels):
            raise fault(GP, 0)
        offset = address & PAGE_BYTES - 1
        if offset + size > PAGE_BYTES:
            low = self.load_system(address, 1)
            return low | self.load_system(address + 1 & WORD_MASK, size - 1) << 8
        entry = self.mmu.find(address, Access.READ, False, True)
        if self.guard is not None and not self.monitor_entry:
            self.guard(entry.frame, Access.READ)
        if entry.page is None:
            return (1 << 8 * size) - 1
        return load_bytes(entry.page, offset, size)

    def descriptor(self, selector: int) -> Descriptor:
        """The descriptor of a selector; #GP(selector) when it is null or beyond the table."""
        base, limit = self.gdtr
        offset = selector & 0xFFF8
        # TI selects the LDT; there is none, so every such selector is beyond its table.
        if offset == 0 or selector & 4 or offset + 7 > limit:
            raise fault(GP, selector & 0xFFFC)
        return Descriptor(self.load_system(base + offset & WORD_MASK))

    def visible_descriptor(
        self, selector: int, system_types: tuple[int, ...] = ()
    ) -> Descriptor | None:
        """What lar, lsl, verr and verw may see at this CPL; None otherwise."""
        base, limit = self.gdtr
        offset = selector & 0xFFF8
        if offset == 0 or selector & 4 or offset + 7 > limit:
            return None
        found = Descriptor(self.load_system(base + offset & WORD_MASK))
        if not found.segment and found.type not in system_types:
            return None
        if not found.conforming and found.dpl < max(self.cpl, selector & 3):
            return None
        return found

    def set_code_segment(self, segment: Segment) -> None:
        """Load cs: the only way the CPL changes."""
        self.segments[CS] = segment
        self.cpl = segment.selector & 3

    @staticmethod
    def flat_segment(selector: int, *, code: bool, dpl: int) -> Segment:
        """The fixed segment that syscall and sysret load without reading a descriptor."""
        return Segment(selector & 0xFFFC | dpl, dpl, NO_LIMIT, code, True, not code)

    def load_segment(self, number: int, selector: int) -> None:
        """Load a data or stack segment register with its checks (SDM vol. 3A §5.6, §5.7)."""
        self.segments[number] = self.checked_segment(number, selector, self.cpl)

    def checked_segment(self, number: int, selector: int, cpl: int) -> Segment:
        """The segment that a load at ``cpl`` would give, or the fault."""
        if selector & 0xFFFC == 0:
            if number == SS and (cpl == 3 or selector & 3 != cpl):
                raise fault(GP, 0)
            return self.segments[number].nulled(selector)
        found = self.descriptor(selector)
        wrong = fault(GP, selector & 0xFFFC)
        if number == SS:
            if not found.writable or not found.segment or selector & 3 != cpl or found.dpl != cpl:
                raise wrong
            if not found.present:
                raise fault(SSF, selector & 0xFFFC)
        else:
            if not found.segment or not found.readable:
                raise wrong
            if not found.conforming and max(cpl, selector & 3) > found.dpl:
                raise wrong
            if not found.present:
                raise fault(NP, selector & 0xFFFC)
        return loaded(selector, found)

    def far_pointer(self, ins: Instruction) -> tuple[int, int]:
        """Offset and selector of a far pointer in memory."""
        address = self.address(ins, FAR_POINTER_BYTES)
        return self.load(address, 8), self.load(address + 8 & WORD_MASK, 8) & 0xFFFF

    def code_segment_for_jump(self, selector: int) -> Segment:
        """The code segment of a far jump or call within the CPL (there are no call gates)."""
        found = self.descriptor(selector)
        if not found.code:
            raise fault(GP, selector & 0xFFFC)
        allowed = (
            found.dpl <= self.cpl
            if found.conforming
            else selector & 3 <= self.cpl and found.dpl == self.cpl
        )
        if not allowed:
            raise fault(GP, selector & 0xFFFC)
        if not found.present:
            raise fault(NP, selector & 0xFFFC)
        return loaded(selector & 0xFFFC | self.cpl, found)

    def return_to(self, selector: int, rip: int, stack: int, stack_selector: int | None) -> None:
        """Far return: to the same ring or outward, never inward. Sets cs, ss, rsp, next rip."""
        ring = selector & 3
        found = self.descriptor(selector)
        allowed = found.dpl <= ring if found.conforming else found.dpl == ring
        if ring < self.cpl or not found.code or not allowed:
            raise fault(GP, selector & 0xFFFC)
        if not found.present:
            raise fault(NP, selector & 0xFFFC)
        if not canonical(rip, self.mmu.levels):
            raise fault(GP, 0)
        stack_segment = self.segments[SS]
        if stack_selector is not None:
            stack_segment = self.checked_segment(SS, stack_selector, ring)
        outward = ring > self.cpl
        self.set_code_segment(loaded(selector, found))
        self.segments[SS] = stack_segment
        self.regs[RSP] = stack
        self.next_rip = rip
        if outward:
            self.drop_inner_segments(ring)

    next_rip: int

    def drop_inner_segments(self, ring: int) -> None:
        """After a return outward no data segment of an inner ring stays loaded (SDM, IRET)."""
        for number in (ES, DS, FS, GS):
            segment = self.segments[number]
            if not segment.null and segment.dpl < ring:
                self.segments[number] = segment.nulled()

    def load_ldtr(self, selector: int) -> None:
        """Only null: this board has no local descriptor tables."""
        if selector & 0xFFFC:
            raise fault(GP, selector & 0xFFFC)
        self.ldtr = selector

    def load_task_register(self, selector: int) -> None:
        """Take a TSS descriptor from the GDT."""
        found = self.descriptor(selector)
        if found.segment or found.type not in SYSTEM_TSS or found.limit < TSS_BYTES - 1:
            raise fault(GP, selector & 0xFFFC)
        if not found.present:
            raise fault(NP, selector & 0xFFFC)
        self.task_selector = selector
        self.task_base = found.base

    def inner_stack(self, ring: int) -> int:
        """The stack pointer that the TSS holds for a more privileged ring."""
        return self.load_system(self.task_base + 4 + 8 * ring & WORD_MASK)
