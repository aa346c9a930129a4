"""Xen's hypercalls: names and numbers of public/xen.h, arguments in rdi, rsi, rdx, r10, r8.

A pointer is the guest's: it is checked, and read with the guest's own rights. What
the hypervisor refuses gives a negative error number in rax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.paging import PRESENT, index_at
from virtdocs.machine.registers import (
    ARITHMETIC_FLAGS,
    CR0_TS,
    FLAGS_ONE,
    IF,
    R8,
    R11,
    RAX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    WORD_MASK,
)
from virtdocs.machine.traps import Trapped
from virtdocs.vmm.direct_paging import Refused
from virtdocs.vmm.event_channel import EventChannels
from virtdocs.vmm.monitor_region import GUEST_LIMIT
from virtdocs.vmm.paravirtual import MASK_EVENTS, Handler, ParavirtualEngine
from virtdocs.vmm.reservation import DECREASE, EXTENTS, POPULATE, Reservation

EINVAL: Final = -22
EFAULT: Final = -14
ENOSYS: Final = -38
R10: Final = 10
ARGUMENTS: Final = (RDI, RSI, RDX, R10, R8)
BATCH_LIMIT: Final = 4096  # entries of one argument array
INVLPG_FLAG: Final = 2
FLUSH_FLAG: Final = 1
DOMID_SELF: Final = 0x7FF0
VGCF_IN_KERNEL: Final = 1 << 2  # xen/include/public/arch-x86/xen-x86_64.h

Args = tuple[int, ...]
Call = Callable[[ParavirtualEngine, Args], int]


class Caller(Protocol):
    """A virtual CPU that asks, PV or HVM: what the calls for time, events and output need."""

    cpu: Cpu
    board: Board
    number: int
    channels: EventChannels
    timer_ticket: int

    @property
    def neighbours(self) -> Sequence[Caller]:
        """All virtual CPUs of the guest, by number."""

    def notify(self) -> None:
        """An event for this virtual CPU came from outside its own code."""


class XenHypercalls:
    """The table as the engine uses it."""

    def name(self, number: int) -> str:
        """The name of a hypercall, ``unknown`` where there is none."""
        return CALLS.get(number, ("unknown", None))[0]

    def perform(self, engine: ParavirtualEngine) -> None:
        """The hypercall whose number is in rax; its result replaces the number."""
        regs = engine.cpu.regs
        number = regs[RAX]
        result = call(engine, number, tuple(regs[n] for n in ARGUMENTS))
        if self.name(number) != "iret":
            regs[RAX] = result & WORD_MASK


def call(engine: ParavirtualEngine, number: int, args: Args) -> int:
    """One hypercall by number: its result."""
    function = CALLS.get(number, ("", None))[1]
    if function is None:
        return ENOSYS
    try:
        return function(engine, args)
    except Refused:
        return EINVAL
    except Trapped:
        return EFAULT


# The guest's pointers --------------------------------------------------------------------------


def argument_ok(address: int, size: int) -> bool:
    """Whether the guest may mean this address at all: below the hypervisor's own part."""
    return address + size - 1 <= GUEST_LIMIT


def read_words(engine: Caller, address: int, count: int) -> list[int]:
    """Words of the guest's, or Refused; raises Trapped where nothing is mapped."""
    if count > BATCH_LIMIT or not argument_ok(address, 8 * max(count, 1)):
        raise Refused("argument outside the guest")
    return [engine.cpu.load(address + 8 * n, 8) for n in range(count)]


def write_word(engine: Caller, address: int, value: int) -> None:
    """Answer into the guest's memory."""
    if not argument_ok(address, 8):
        raise Refused("argument outside the guest")
    engine.cpu.store(address, 8, value)


def read_bytes(engine: Caller, address: int, count: int) -> bytes:
    """Bytes of the guest's."""
    if count > BATCH_LIMIT or not argument_ok(address, max(count, 1)):
        raise Refused("argument outside the guest")
    return bytes(engine.cpu.load(address + n, 1) for n in range(count))


# Calls -----------------------------------------------------------------------------------------


def set_trap_table(engine: ParavirtualEngine, args: Args) -> int:
    """Entries of {vector, flags, selector, address}, ended by address 0."""
    at = args[0]
    for _ in range(256):
        vector, flags, selector, address = read_words(engine, at, 4)
        if address == 0:
            return 0
        engine.handlers[vector & 0xFF] = Handler(
            flags & 3, bool(flags & MASK_EVENTS), selector, address
        )
        at += 32
    return EINVAL


def mmu_update(engine: ParavirtualEngine, args: Args) -> int:
    """Entries of {machine address of an entry, its new value}."""
    pointer, count, done = args[0], args[1], args[2]
    words = read_words(engine, pointer, 2 * count) if count <= BATCH_LIMIT else []
    if count > BATCH_LIMIT:
        return EINVAL
    performed = 0
    try:
        for n in range(count):
            address, value = words[2 * n], words[2 * n + 1]
            if address & 7:
                raise Refused("only MMU_NORMAL_PT_UPDATE is offered")
            engine.paging.update(address >> PAGE_SHIFT, address >> 3 & 511, value)
            performed += 1
    finally:
        engine.cpu.mmu.flush()
        if done:
            write_word(engine, done, performed)
    return 0


def update_va_mapping(engine: ParavirtualEngine, args: Args) -> int:
    """Change the last-level entry of an address in the tables in force."""
    address, value, flags = args[0], args[1], args[2]
    frame = engine.cpu.cr3 >> PAGE_SHIFT
    for level in range(engine.board.levels - 1, 0, -1):
        page = engine.paging.memory.page(frame)
        entry = page[index_at(address, level)] if page is not None else 0
        if not entry & PRESENT:
            return EINVAL
        frame = entry >> PAGE_SHIFT & (1 << 40) - 1
    engine.paging.update(frame, index_at(address, 0), value)
    if flags & 3 == INVLPG_FLAG:
        engine.cpu.mmu.invalidate(address)
    elif flags & 3 == FLUSH_FLAG:
        engine.cpu.mmu.flush()
    return 0


def mmuext_op(engine: ParavirtualEngine, args: Args) -> int:
    """Entries of {command, argument 1, argument 2}: pins, base pointers, flushes."""
    pointer, count = args[0], args[1]
    if count > BATCH_LIMIT:
        return EINVAL
    words = read_words(engine, pointer, 3 * count)
    for n in range(count):
        _extended(engine, words[3 * n], words[3 * n + 1])
    return 0


def _extended(engine: ParavirtualEngine, command: int, argument: int) -> None:
    paging, cpu = engine.paging, engine.cpu
    if command <= 3:
        paging.pin(argument, command)
    elif command == 4:
        paging.unpin(argument)
    elif command == 5:
        paging.check_root(argument)
        old, engine.kernel_root = engine.kernel_root, argument << PAGE_SHIFT
        cpu.load_cr3(engine.kernel_root)
        paging.put(old >> PAGE_SHIFT)
    elif command == 15:
        if argument:
            paging.check_root(argument)
        old, engine.user_root = engine.user_root, argument << PAGE_SHIFT
        if old:
            paging.put(old >> PAGE_SHIFT)
    elif command in (6, 8):
        cpu.mmu.flush()
    elif command in (7, 9):
        cpu.mmu.invalidate(argument)
    else:
        raise Refused(f"mmuext_op {command} is not offered")


def stack_switch(engine: ParavirtualEngine, args: Args) -> int:
    """The kernel stack for entries from user mode."""
    engine.kernel_stack = args[1]
    return 0


def set_callbacks(engine: ParavirtualEngine, args: Args) -> int:
    """Where events, failures and (64-bit) system calls enter the guest's kernel."""
    engine.event_entry, engine.system_call_entry = args[0], args[2]
    return 0


def fpu_taskswitch(engine: ParavirtualEngine, args: Args) -> int:
    """Set (argument 1) or clear (0) CR0.TS of this virtual CPU."""
    cpu = engine.cpu
    cpu.cr0 = cpu.cr0 | CR0_TS if args[0] else cpu.cr0 & ~CR0_TS
    return 0


def set_timer_op(engine: Caller, args: Args) -> int:
    """One timer event at an absolute time; 0 cancels."""
    agenda, channels = engine.board.agenda, engine.channels
    if engine.timer_ticket:
        agenda.cancel(engine.timer_ticket)
        engine.timer_ticket = 0
    if args[0]:
        engine.timer_ticket = agenda.schedule(args[0], lambda: _timer(engine))
    channels.set_time(agenda.now)
    return 0


def _timer(engine: Caller) -> None:
    engine.timer_ticket = 0
    port = engine.channels.timer_port.get(engine.number)
    if port is not None and engine.channels.send(port) is not None:
        engine.notify()


def console_io(engine: Caller, args: Args) -> int:
    """Command 0: write ``count`` bytes."""
    if args[0] != 0:
        return ENOSYS
    engine.board.console += read_bytes(engine, args[2], args[1])
    return 0


def memory_op(engine: ParavirtualEngine, args: Args) -> int:
    """1 decrease_reservation, 6 populate_physmap: {extents, count, order, domain}."""
    reservation = Reservation.of(
        engine.board.reclaim, machine_frames=True, in_use=engine.paging.in_use
    )
    return change_reservation(engine, reservation, args)


def change_reservation(engine: Caller, reservation: Reservation, args: Args) -> int:
    """How many extents were changed, or an error."""
    command = args[0]
    if command not in (DECREASE, POPULATE):
        return ENOSYS
    pointer, count, order, domain = read_words(engine, args[1], 4)
    if count > EXTENTS or order or domain != DOMID_SELF:
        return EINVAL
    extents = read_words(engine, pointer, count)
    if command == DECREASE:
        return reservation.decrease(extents)
    found = reservation.populate(extents)
    if reservation.machine_frames:
        for n, frame in enumerate(found):
            write_word(engine, pointer + 8 * n, frame)
    return len(found)


def iret(engine: ParavirtualEngine, args: Args) -> int:
    """Return to the frame {rax, r11, rcx, flags, rip, cs, rflags, rsp, ss} on the stack."""
    cpu = engine.cpu
    rax, r11, rcx, in_kernel, rip, selector, flags, stack, _ = read_words(engine, cpu.regs[RSP], 9)
    # A 64-bit kernel runs in ring 3 like its programs: the frame's flags word tells them apart.
    to_user = selector & 3 == 3 and not (engine.long_mode and in_kernel & VGCF_IN_KERNEL)
    cpu.regs[RAX], cpu.regs[R11], cpu.regs[RCX] = rax, r11, rcx
    cpu.rflags = cpu.rflags & IF | flags & ARITHMETIC_FLAGS | FLAGS_ONE
    engine.channels.set_mask(engine.number, not flags & IF)
    cpu.regs[RSP], cpu.rip = stack, rip
    if to_user:
        engine.leave_kernel()
    return 0


def sched_op(engine: Caller, args: Args) -> int:
    """0 yield, 1 block (opens the mask), 2 shutdown with a reason."""
    command, argument = args[0], args[1]
    if command == 0:
        return 0
    if command == 1:
        engine.channels.set_mask(engine.number, False)
        engine.cpu.halted = not engine.channels.pending(engine.number)
        return 0
    if command == 2:
        engine.board.exit_code = argument & 0xFFFF_FFFF
        return 0
    return ENOSYS


def event_channel_op(engine: Caller, args: Args) -> int:
    """0 bind_virq {virq, cpu, port}, 4 send {port}, 6 alloc_unbound {domain, remote, port},
    7 bind_ipi {cpu, port}."""
    command, pointer = args[0], args[1]
    channels = engine.channels
    if command in (0, 7):
        cpu = (
            read_words(engine, pointer, 2)[1] if command == 0 else read_words(engine, pointer, 1)[0]
        )
        port = channels.bind(cpu) if cpu < len(engine.board.cpus) else None
        if port is None:
            return EINVAL
        if command == 0:
            channels.timer_port[cpu] = port
        write_word(engine, pointer + (16 if command == 0 else 8), port)
        return 0
    if command == 6:
        port = channels.offer(engine.number)
        if port is None:
            return EINVAL
        write_word(engine, pointer + 16, port)
        return 0
    if command == 4:
        port = read_words(engine, pointer, 1)[0]
        if port in channels.remote:
            channels.remote[port]()
            return 0
        target = channels.send(port)
        if target is not None and target != engine.number:
            engine.neighbours[target].notify()
        return 0
    return ENOSYS


def multicall(engine: ParavirtualEngine, args: Args) -> int:
    """Entries of {number, result, six arguments}: many calls for one transition."""
    pointer, count = args[0], args[1]
    if count > BATCH_LIMIT // 8:
        return EINVAL
    for n in range(count):
        at = pointer + 64 * n
        words = read_words(engine, at, 8)
        if CALLS.get(words[0], ("", None))[0] in ("multicall", "iret"):
            return EINVAL
        write_word(engine, at + 8, call(engine, words[0], tuple(words[2:7])) & WORD_MASK)
    return 0


CALLS: Final[Mapping[int, tuple[str, Call]]] = MappingProxyType(
    {
        number: (function.__name__, function)
        for number, function in {
            0: set_trap_table,
            1: mmu_update,
            3: stack_switch,
            4: set_callbacks,
            5: fpu_taskswitch,
            12: memory_op,
            13: multicall,
            14: update_va_mapping,
            15: set_timer_op,
            18: console_io,
            23: iret,
            26: mmuext_op,
            29: sched_op,
            32: event_channel_op,
        }.items()
    }
)
