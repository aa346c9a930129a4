"""Delivery through the IDT for the fast core: the ordinary case, through the micro-TLB.

The same words are read in the same order as in ``interrupts.deliver``, and nothing is
written before all of it is known to succeed. Whatever is not ordinary is left to
that function, which finds in the TLB what was looked at here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import GATE_BYTES, INTERRUPT_GATE, TRAP_GATE
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.registers import CR0_WP, CS, IF, RSP, SS, WORD_MASK
from virtdocs.machine.segments import Descriptor, Segment, loaded
from virtdocs.machine.translate.views import Leave, Views, WatchedPage, load_across

WORD: Final = 8


@lru_cache(maxsize=64)
def _code(selector: int, raw: int, cpl: int) -> Segment | None:
    """The handler's code segment, when its descriptor is an ordinary one."""
    found = Descriptor(raw)
    ordinary = found.code and not found.conforming and found.present and found.dpl <= cpl
    return loaded(selector & 0xFFFC | found.dpl, found) if ordinary else None


@lru_cache(maxsize=64)
def _stack(selector: int, raw: int, ring: int) -> Segment | None:
    """The handler's stack segment."""
    found = Descriptor(raw)
    ordinary = found.writable and found.segment and found.dpl == ring and found.present
    return loaded(selector, found) if ordinary else None


class Delivery:
    """Delivers exceptions and interrupts on one CPU."""

    def __init__(self, cpu: Cpu, mmu: HardwareMmu, rings: dict[int, Views]) -> None:
        self.cpu = cpu
        self.mmu = mmu
        self.rings = rings  # views by ring, for CR0.WP set
        self.read = rings[0].read

    def __call__(self, vector: int, error: int | None, software: bool) -> bool:
        """Enter the handler; False, and nothing has happened, when that is not simple."""
        cpu = self.cpu
        # The monitor borrows the CPU with another mmu; limits are not looked at here.
        protects = cpu.cr0 & CR0_WP or self.mmu.always_protects
        if cpu.mmu is not self.mmu or cpu.limits_hold or not protects:
            return False
        try:
            return self._enter(vector, error, software)
        except Leave:
            return False

    def _word(self, address: int) -> int:
        if address & 7:
            raise Leave
        number = address >> PAGE_SHIFT
        if number not in self.read:
            self.rings[0].find_read(number)
        return self.read[number][address >> 3 & 511]

    def _descriptor(self, selector: int) -> int:
        base, limit = self.cpu.gdtr
        offset = selector & 0xFFF8
        if offset == 0 or selector & 4 or offset + 7 > limit:
            raise Leave
        return self._word(base + offset)

    def _enter(self, vector: int, error: int | None, software: bool) -> bool:
        cpu = self.cpu
        base, limit = cpu.idtr
        if vector * GATE_BYTES + GATE_BYTES - 1 > limit:
            return False
        address = base + vector * GATE_BYTES
        low, high = self._word(address), self._word(address + WORD)
        kind = low >> 40 & 31
        if kind not in (INTERRUPT_GATE, TRAP_GATE) or not low >> 47 & 1:
            return False
        if software and low >> 45 & 3 < cpu.cpl:
            return False
        selector = low >> 16 & 0xFFFF
        code = _code(selector, self._descriptor(selector), cpu.cpl)
        if code is None:
            return False
        ring = code.dpl
        segments, regs = cpu.segments, cpu.regs
        stack_segment, stack = segments[SS], regs[RSP]
        if ring < cpu.cpl:
            stack = self._inner_stack(ring)
            inner = selector + 8 & 0xFFFC | ring
            found = _stack(inner, self._descriptor(inner), ring)
            if found is None:
                return False
            stack_segment = found
        frame = [cpu.rip, segments[CS].selector, cpu.rflags, regs[RSP], segments[SS].selector]
        if error is not None:
            frame.insert(0, error)
        top = stack & ~15
        bottom = top - WORD * len(frame)
        self._push(ring, bottom, top, frame)
        cpu.set_code_segment(code)
        segments[SS] = stack_segment
        regs[RSP] = bottom
        if kind == INTERRUPT_GATE:
            cpu.rflags &= ~IF
        cpu.rip = low & 0xFFFF | (low >> 48) << 16 | (high & 0xFFFF_FFFF) << 32
        cpu.interrupt_shadow = 0
        cpu.halted = False
        return True

    def _inner_stack(self, ring: int) -> int:
        address = self.cpu.task_base + 4 + WORD * ring & WORD_MASK
        number = address >> PAGE_SHIFT
        if number not in self.read:
            self.rings[0].find_read(number)
        return load_across(self.read, address, WORD)

    def _push(self, ring: int, bottom: int, top: int, frame: list[int]) -> None:
        """Write the frame, which must lie in one page."""
        number = bottom >> PAGE_SHIFT
        if bottom < 0 or top - WORD >> PAGE_SHIFT != number:
            raise Leave
        views = self.rings[ring]
        if number not in views.write:
            views.find_write(number)
        page = views.write[number]
        first = (bottom & PAGE_BYTES - 1) >> 3
        if isinstance(page, WatchedPage):
            if not page.words.isdisjoint(range(first, first + len(frame))):
                raise Leave
            page = page.page
        page[first : first + len(frame)] = frame
