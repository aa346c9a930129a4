"""Xen's interface to HVM and PVH guests: hypercalls and event channels without a PV kernel.

The guest finds the MSR that takes a hypercall page in a cpuid leaf; Xen fills the page
with vmcall or vmmcall. It has the shared info page put into its memory by a memory_op
and names a vector by hvm_op: from then on an event reaches it through its own IDT,
without its interrupt controller and so without an end-of-interrupt write. Calls that
paravirtualize CPU and MMU are not offered. (Xen: public/hvm/params.h,
arch/x86/hvm/hypercall.c, arch/x86/hvm/irq.c.)

A handler that returns without clearing the pending bit is called again at the next
event, where Xen would call it again at once; and Xen asks for one interrupt window more
while the bit is still set. The page of the guest's that the shared page hides stays the
guest's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from virtdocs.machine.apic import Apic
from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import GP, RAX, WORD_MASK
from virtdocs.machine.traps import Trapped, fault
from virtdocs.trace import EventKind
from virtdocs.vmm.direct_paging import Refused
from virtdocs.vmm.domain_builder import hypercall_instruction, write_hypercall_page
from virtdocs.vmm.event_channel import EventChannels
from virtdocs.vmm.guest_interface import GuestInterface
from virtdocs.vmm.host import GUEST, Host
from virtdocs.vmm.hypercall import (
    ARGUMENTS,
    EFAULT,
    EINVAL,
    ENOSYS,
    Args,
    change_reservation,
    console_io,
    event_channel_op,
    read_words,
    sched_op,
    set_timer_op,
)
from virtdocs.vmm.identity import XEN_HYPERCALL_MSR
from virtdocs.vmm.nested_paging import NestedPaging
from virtdocs.vmm.reservation import Reservation

EPERM: Final = -1
ADD_TO_PHYSMAP: Final = 7
SPACE_SHARED_INFO: Final = 0
SET_PARAM: Final = 0
CALLBACK_IRQ: Final = 0
CALLBACK_BY_VECTOR: Final = 2  # bits 63:56 of the parameter


class HvmDomain:
    """What the virtual CPUs of one guest share."""

    def __init__(self, host: Host, board: Board, paging: Sequence[NestedPaging]) -> None:
        self.host = host
        self.board = board
        self.paging = paging
        self.shared_frame = host.memory.allocate(GUEST)
        host.kept.add(self.shared_frame)
        self.channels = EventChannels(host.memory, self.shared_frame)
        self.mapped = False
        self.callback_vector: int | None = None
        self.vcpus: list[XenHvmInterface] = []

    def map_shared_info(self, guest_frame: int) -> None:
        """Let the guest find the shared page at one of its frames."""
        if not 0 <= guest_frame < self.host.guest_memory.frames:
            raise Refused(f"no frame {guest_frame:#x}")
        self.host.guest_memory.frame_of[guest_frame] = self.shared_frame
        self.host.memory.changed_hands()
        self.paging[0].fill(guest_frame)  # the tables are everybody's, the TLBs are not
        for paging in self.paging:
            paging.flush()
        self.mapped = True


class XenHvmInterface(GuestInterface):
    """For one virtual CPU; also what the hypercalls of hypercall.py act on."""

    def __init__(self, domain: HvmDomain, cpu: Cpu) -> None:
        self.domain = domain
        self.board = domain.board
        self.cpu = cpu
        self.number = cpu.apic.identity
        self.channels = domain.channels
        self.timer_ticket = 0
        domain.vcpus.append(self)

    @property
    def neighbours(self) -> Sequence[XenHvmInterface]:
        """All virtual CPUs, by number."""
        return self.domain.vcpus

    # Hypercalls -----------------------------------------------------------------------------

    def has_msr(self, number: int) -> bool:
        """The one that cpuid names."""
        return number == XEN_HYPERCALL_MSR

    def write_msr(self, number: int, value: int) -> None:
        """Fill the hypercall page at this address; its low bits are the page's number, 0."""
        memory = self.board.memory
        if value & 0xFFF or memory.page(value >> PAGE_SHIFT) is None:
            raise fault(GP, 0)
        write_hypercall_page(memory, value, hypercall_instruction(self.cpu.vendor))

    def hypercall(self, cpu: Cpu) -> str:
        """The call in rax; its result replaces the number."""
        name, function = CALLS.get(cpu.regs[RAX], ("unknown", None))
        if cpu.cpl != 0:
            result = EPERM
        elif function is None:
            result = ENOSYS
        else:
            try:
                result = function(self, tuple(cpu.regs[n] for n in ARGUMENTS))
            except Refused:
                result = EINVAL
            except Trapped:
                result = EFAULT
        cpu.regs[RAX] = result & WORD_MASK
        if self.channels.pending(self.number):
            self.notify()
        return name

    # Events ---------------------------------------------------------------------------------

    def notify(self) -> None:
        """There is an event: interrupt the guest, if it has said how."""
        if self.domain.callback_vector is not None:
            self.cpu.apic.request(self.domain.callback_vector)

    def exited(self) -> None:
        """What the guest has seen to by itself needs no interrupt any more."""
        vector = self.domain.callback_vector
        if vector is not None and not self.channels.pending(self.number):
            self.cpu.apic.requested &= ~(1 << vector)

    def entering(self) -> None:
        """The shared page always shows the time."""
        if self.domain.mapped:
            self.channels.set_time(self.board.agenda.now)

    def accept(self, apic: Apic, vector: int) -> None:
        """An event is delivered past the interrupt controller: nothing will acknowledge it."""
        if vector != self.domain.callback_vector:
            apic.accept(vector)
            return
        apic.requested &= ~(1 << vector)
        self.board.trace.add(EventKind.EVENT_CHANNEL, "upcall")


def memory_op(vcpu: XenHvmInterface, args: Args) -> int:
    """add_to_physmap {domain, space, index, frame}: the shared info page only; and what
    changes the reservation."""
    if args[0] != ADD_TO_PHYSMAP:
        reservation = Reservation.of(
            vcpu.board.reclaim, machine_frames=False, in_use=lambda _frame: False
        )
        return change_reservation(vcpu, reservation, args)
    _, space, index, frame = read_words(vcpu, args[1], 4)
    if space != SPACE_SHARED_INFO or index:
        return EINVAL
    vcpu.domain.map_shared_info(frame)
    return 0


def hvm_op(vcpu: XenHvmInterface, args: Args) -> int:
    """set_param {domain, parameter, value}: how events come in."""
    if args[0] != SET_PARAM:
        return ENOSYS
    _, parameter, value = read_words(vcpu, args[1], 3)
    vector = value & 0xFF
    if parameter != CALLBACK_IRQ or value >> 56 != CALLBACK_BY_VECTOR or vector < 0x10:
        return EINVAL
    vcpu.domain.callback_vector = vector
    return 0


Call = Callable[[XenHvmInterface, Args], int]
CALLS: Final[Mapping[int, tuple[str, Call]]] = MappingProxyType(
    {
        12: ("memory_op", memory_op),
        15: ("set_timer_op", set_timer_op),
        18: ("console_io", console_io),
        29: ("sched_op", sched_op),
        32: ("event_channel_op", event_channel_op),
        34: ("hvm_op", hvm_op),
    }
)
