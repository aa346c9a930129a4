"""Binary translation: kernel code runs from the translation cache, user code directly.

The monitor fetches a block of the guest's kernel before it runs, replaces what is
sensitive, and lets the hardware execute the result: no trap is needed for an
instruction that was replaced, and none is waited for. Real faults still happen
(a missing shadow entry, a write to a followed page) and are handled as always;
a guest instruction that keeps faulting is retranslated as a callout (adaptive).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.interrupts import can_interrupt
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction, Undecodable, decode
from virtdocs.machine.memory import PAGE_BYTES, PAGE_SHIFT, Page
from virtdocs.machine.paging import Access, peek
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CR0_WP,
    CS,
    FLAGS_ONE,
    FS,
    IF,
    IOPL,
    RAX,
    WORD_MASK,
)
from virtdocs.machine.segments import NO_LIMIT, Segment
from virtdocs.machine.traps import Trap, TrapKind, Trapped
from virtdocs.trace import EventKind
from virtdocs.vmm.deprivileged import KERNEL_RING, DeprivilegedEngine
from virtdocs.vmm.host import GUEST, ForeignFrame, Host
from virtdocs.vmm.io_path import IoPath
from virtdocs.vmm.monitor_region import MonitorRegion
from virtdocs.vmm.native import show_execute
from virtdocs.vmm.shadow_paging import FaultKind, ShadowView
from virtdocs.vmm.translation_cache import (
    CALLOUT_VECTOR,
    IF_BEFORE_STI,
    TRANSLATION,
    TRANSLATION_DATA,
    VIRTUAL_IF,
    VIRTUAL_IOPL,
    Callout,
    CalloutKind,
    Slot,
    TranslationCache,
    call_out,
    jump,
    make,
)
from virtdocs.vmm.translator import (
    BLOCK_INSTRUCTIONS,
    SLOTS_PER_INSTRUCTION,
    Block,
    Translator,
)

BlockKey = tuple[int, int, int]  # guest address, CPL, limit of the code segment
ADAPT_AFTER: Final = 3  # faults of one instruction before it is retranslated as a callout


class Mode(StrEnum):
    """What the hardware runs next."""

    DIRECT = "direct"  # user code, as it is
    TRANSLATED = "translated"  # kernel code, from the cache
    PENDING = "pending"  # kernel code whose translation is still to be found
    INTERPRETED = "interpreted"  # user code that could change or see the real interrupt flag


class BinaryTranslationEngine(DeprivilegedEngine):
    """One virtual CPU under binary translation with direct execution."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        host: Host,
        paging: ShadowView,
        region: MonitorRegion,
        io_path: IoPath,
    ) -> None:
        self.mode = Mode.PENDING
        self.blocks: dict[BlockKey, Block] = {}
        self.on_frame: dict[int, set[BlockKey]] = {}
        self.faults: Counter[int] = Counter()
        self.adapted: set[int] = set()
        self._link: tuple[BlockKey, Callable[[int], None]] | None = None
        self._verified = -1
        super().__init__(board, cpu, host, paging, region, io_path)
        self.cache = TranslationCache(host.memory, self.region, self.gdt_page)
        self.hardware.guard = self.guard

    def guard(self, frame: int, access: Access) -> None:
        """The oracle: translated code may be executed, its data reached through fs alone."""
        owner = self.host.memory.owners.get(frame)
        if owner == GUEST:
            return
        if self.mode is Mode.TRANSLATED:
            if owner == TRANSLATION and access is Access.FETCH:
                return
            running = self.hardware.running
            if owner == TRANSLATION_DATA and running is not None and running.segment == "fs":
                return
        raise ForeignFrame(frame, owner or "nobody", access)

    # Running ------------------------------------------------------------------------------

    def boundary(self) -> None:
        """Interrupts come between guest instructions, not between translated ones."""
        if self.mode is Mode.TRANSLATED and not self._slot().starts:
            return
        super().boundary()

    def open_for_interrupts(self) -> bool:
        """The virtual IF lies in the virtual CPU's page while translated code runs."""
        if self.mode is Mode.DIRECT:
            return super().open_for_interrupts()
        if self.mode is not Mode.TRANSLATED:
            return can_interrupt(self.cpu)
        if not self.cache.data(VIRTUAL_IF):
            return False
        return not (self._slot().after_sti and self.cache.data(IF_BEFORE_STI) == 0)

    @property
    def position(self) -> int:
        """Address of the guest instruction that comes next."""
        if self.mode is Mode.DIRECT:
            return self.hardware.rip
        return self._slot().guest_rip if self.mode is Mode.TRANSLATED else self.cpu.rip

    def run_one(self, ins: Instruction | None = None) -> None:
        """One instruction of user code or of translated code."""
        if self.mode is Mode.INTERPRETED:
            self.monitor_event(EventKind.CALLOUT, "interpret")
            self._step()
            return
        if self.mode is Mode.PENDING and not self._enter():
            return
        if self.mode is Mode.DIRECT:
            super().run_one(ins)
            return
        slot = self._slot()
        if self.board.trace.recording:
            show_execute(self.board, self.hardware, translated=1)
        trap = self.hardware.step(ins)
        if trap is not None:
            self.handle(trap)
        elif slot.retires:
            if slot.inline:
                self.board.trace.add(EventKind.INLINE, slot.inline)
            self.board.retire()

    def settle(self) -> None:
        """Go on to the end of the guest instruction: a jump that is no instruction of its own."""
        while self.mode is Mode.TRANSLATED and not self._slot().starts:
            self.run_one()
        super().settle()

    def _slot(self) -> Slot:
        number = self.cache.slot_at(self.hardware.rip)
        assert number is not None
        return self.cache.slots[number]

    # The monitor ----------------------------------------------------------------------------

    def handle(self, trap: Trap) -> None:
        """A callout, or a real trap out of translated or user code."""
        if self.mode is Mode.TRANSLATED:
            if trap.kind is TrapKind.SOFTWARE_INTERRUPT and trap.vector == CALLOUT_VECTOR:
                callout = self._slot().callout
                assert callout is not None
                self._callout(callout)
                self._known_requests = self.cpu.apic.requested
                return
            if self._hidden_fault(trap):
                return
        super().handle(trap)

    def _hidden_fault(self, trap: Trap) -> bool:
        """A missing shadow entry: fill it and go on at the same slot."""
        if trap.kind is not TrapKind.FAULT or trap.address is None or trap.error is None:
            return False
        # Looking is free of side effects but for A and D bits, which the access sets anyway.
        kind, _ = self.paging.handle_fault(trap.address, trap.error, bool(self.cpu.cr0 & CR0_WP))
        if kind is FaultKind.TABLE_WRITE:
            self._adapt(self._slot().guest_rip)
        if kind is not FaultKind.FILLED:
            return False
        self.cpu.rip = self._slot().guest_rip
        self.trap_event("pf")
        self.resume()
        return True

    def _callout(self, callout: Callout) -> None:
        cpu = self.cpu
        self.save_guest()
        at = cpu.rip
        if callout.kind is CalloutKind.EMULATE:
            self.monitor_event(EventKind.CALLOUT, callout.name)
            self.perform(decode=False)
        elif callout.kind is CalloutKind.INDIRECT:
            self.monitor_event(EventKind.CALLOUT, "indirect")
            self.perform(decode=False)
            if cpu.rip != at:
                self._link_later(callout, cpu.rip)
        elif callout.kind is CalloutKind.CHAIN:
            self.monitor_event(EventKind.CALLOUT, "translate")
            cpu.rip = callout.target
            if callout.retires:
                self.board.retire()
            self._link_later(callout, callout.target)
        else:
            self.monitor_event(EventKind.CALLOUT, "translate")
        self.resume()
        self.back_to_guest()

    def _link_later(self, callout: Callout, target: int) -> None:
        """Once ``target`` is translated, the site jumps there by itself."""
        jump_slot, key_slot = callout.jump_slot, callout.key_slot
        assert jump_slot is not None
        site = self.cache.slots[jump_slot]

        def link(address: int) -> None:
            if jump_slot >= len(self.cache.slots) or self.cache.slots[jump_slot] is not site:
                return  # the cache was flushed, or the block went stale, meanwhile
            retires = callout.retires or key_slot is not None
            plain = Slot(site.guest_rip, site.starts, retires, site.after_sti)
            if key_slot is not None:
                # The site keeps its callout, to be found again when the target changes.
                plain = Slot(site.guest_rip, False, True, False, "", site.callout)
                key = make("mov", "ri", a=RAX, imm=target ^ WORD_MASK)
                self.cache.patch(key_slot, key, self.cache.slots[key_slot])
            self.cache.patch(jump_slot, jump(address), plain)

        self._link = ((target, self.cpu.cpl, self._key()[2]), link)

    def back_to_guest(self) -> None:
        """User code goes on directly; kernel code through the cache, at its next turn.

        Not so user code whose IF or IOPL is not what the hardware's will be: popf would fail
        silently and pushf would show it (Bugnion et al. 2012, §4.2, when to run directly).
        """
        self.paging.sync()
        cpu = self.cpu
        if cpu.cpl != 3:
            self.mode = Mode.PENDING
        elif cpu.rflags & (IF | IOPL) == IF:
            self.mode = Mode.DIRECT
            self.after_emulation()
            self.load_hardware()
        else:
            self.mode = Mode.INTERPRETED

    def _step(self) -> None:
        """Perform one instruction in software."""
        self.perform()
        self.resume()
        self.back_to_guest()

    # Entering translated code ---------------------------------------------------------------

    def _enter(self) -> bool:
        """Find or make the translation of the code at rip; False when that took the turn."""
        cpu = self.cpu
        if cpu.interrupt_shadow:
            # One instruction in the shadow of sti or mov ss: no interrupt may come before it.
            self.monitor_event(EventKind.CALLOUT, "shadow")
            self._step()
            return False
        self._verify()
        key = self._key()
        block = self.blocks.get(key)
        if block is None:
            block = self._translate(key)
        if block is None:
            self._link = None
            self.perform()
            self.back_to_guest()
            return False
        address = self.cache.address(block.first_slot)
        if self._link is not None:
            target, link = self._link
            if target == key:  # else an interrupt came in between
                link(address)
            self._link = None
        self.mode = Mode.TRANSLATED
        self.load_hardware()
        return True

    def _key(self) -> BlockKey:
        """What a translation of the code at rip depends on, beside the code."""
        cpu = self.cpu
        return cpu.rip, cpu.cpl, cpu.segments[CS].limit if cpu.limits_hold else NO_LIMIT

    def load_hardware(self) -> None:
        """As ever; for translated code cs reaches the cache and fs the virtual CPU's page."""
        super().load_hardware()
        if self.mode is not Mode.TRANSLATED:
            return
        cpu, hardware = self.cpu, self.hardware
        hardware.rip = self.cache.address(self.blocks[self._key()].first_slot)
        hardware.segments[CS] = Segment(KERNEL_RING, KERNEL_RING, NO_LIMIT, True, True, False)
        hardware.segments[FS] = Segment(KERNEL_RING, KERNEL_RING, NO_LIMIT)
        hardware.cpl = KERNEL_RING
        hardware.segment_base[FS] = self.cache.data_address
        self._loaded = list(hardware.segments)
        self.cache.set_data(VIRTUAL_IF, cpu.rflags & IF)
        self.cache.set_data(VIRTUAL_IOPL, cpu.rflags & IOPL)

    def save_guest(self) -> None:
        """From translated code: rip by the slot, IF and IOPL from the virtual CPU's page."""
        if self.mode is Mode.DIRECT:
            super().save_guest()
            return
        if self.mode is not Mode.TRANSLATED:
            return
        cpu, slot = self.cpu, self._slot()
        cpu.rip = slot.guest_rip
        virtual = self.cache.data(VIRTUAL_IF) | self.cache.data(VIRTUAL_IOPL)
        cpu.rflags = virtual | self.hardware.rflags & ARITHMETIC_FLAGS | FLAGS_ONE
        shadowed = slot.after_sti and self.cache.data(IF_BEFORE_STI) == 0
        cpu.interrupt_shadow = 1 if shadowed else 0

    # Translations -----------------------------------------------------------------------------

    def _translate(self, key: BlockKey) -> Block | None:
        """Translate the block at rip; None when its first instruction cannot be fetched."""
        cpu = self.cpu
        rip = cpu.rip
        try:
            code = [cpu.fetch()]
        except Trapped:
            return None
        found = peek(self.board.memory, cpu.cr3 >> PAGE_SHIFT, rip, self.board.levels)
        assert found is not None
        page = self.board.memory.page(found.frame)
        assert page is not None
        code += self._following(page)
        if self.cache.room < SLOTS_PER_INSTRUCTION * (len(code) + 1):
            self._flush()
        first = Translator(self.cache, cpu.cpl, frozenset(self.adapted)).translate(code, rip)
        word = rip >> 3 & 511
        block = Block(first, rip, found.frame, tuple(page[word : word + 2 * len(code)]))
        self.blocks[key] = block
        self.on_frame.setdefault(found.frame, set()).add(key)
        self.paging.shared.follow(found.frame, f"code{self.number}", self._code_written)
        self.monitor_event(EventKind.TRANSLATE, "")
        return block

    def _following(self, page: Page) -> list[Instruction]:
        """The instructions after the one at rip: as far as its page, its segment and sense go."""
        cpu = self.cpu
        code: list[Instruction] = []
        offset = cpu.rip & PAGE_BYTES - 1
        end = min(offset + BLOCK_INSTRUCTIONS * INSTRUCTION_BYTES, PAGE_BYTES)
        try:
            for at in range(offset + INSTRUCTION_BYTES, end, INSTRUCTION_BYTES):
                cpu.check_limit(CS, cpu.rip - offset + at, INSTRUCTION_BYTES)
                code.append(decode(page[at >> 3], page[(at >> 3) + 1]))
        except (Trapped, Undecodable):
            return code
        return code

    def _code_written(self, frame: int) -> None:
        """The guest wrote into a page with translated code: blocks that changed are stale."""
        page = self.board.memory.page(frame)
        assert page is not None
        for key in list(self.on_frame.get(frame, ())):
            block = self.blocks[key]
            word = block.guest_rip >> 3 & 511
            if tuple(page[word : word + len(block.words)]) != block.words:
                self._invalidate(key)

    def _invalidate(self, key: BlockKey) -> None:
        """Jumps into the block find a callout at its first slot."""
        block = self.blocks.pop(key)
        self.on_frame[block.guest_frame].discard(key)
        stale = Slot(block.guest_rip, True, False, callout=Callout(CalloutKind.STALE))
        self.cache.patch(block.first_slot, call_out(), stale)
        if not self.on_frame[block.guest_frame]:
            del self.on_frame[block.guest_frame]
            self.paging.shared.unfollow(block.guest_frame, f"code{self.number}")

    def _verify(self) -> None:
        """After the address space changed: translations hold while their pages do.

        A page whose entries are not marked accessed is translated anew, so that the
        fetch marks them as the hardware's own fetch would.
        """
        if self._verified == self.paging.shared.generation:
            return
        self._verified = self.paging.shared.generation
        root = self.cpu.cr3 >> PAGE_SHIFT
        for key in list(self.blocks):
            found = peek(self.board.memory, root, key[0], self.board.levels)
            if (
                found is None
                or found.frame != self.blocks[key].guest_frame
                or not (found.accessed and found.executable)
            ):
                self._invalidate(key)

    def _adapt(self, guest_rip: int) -> None:
        """An instruction that writes followed pages again and again becomes a callout."""
        self.faults[guest_rip] += 1
        if self.faults[guest_rip] < ADAPT_AFTER:
            return
        self.adapted.add(guest_rip)
        for key, block in list(self.blocks.items()):
            span = len(block.words) // 2 * INSTRUCTION_BYTES
            if block.guest_rip <= guest_rip < block.guest_rip + span:
                self._invalidate(key)

    def _flush(self) -> None:
        for frame in self.on_frame:
            self.paging.shared.unfollow(frame, f"code{self.number}")
        self.blocks.clear()
        self.on_frame.clear()
        self.cache.flush()
        self._link = None
