"""Enlightenments: pages that guest and hypervisor share so that the guest need not exit.

- The lazy end of interrupt: an interrupt's acknowledgement is a write to the interrupt
  controller, and so an exit, although nothing follows from it when no other interrupt
  waits. Then the hypervisor sets a bit in a page of the guest's; the guest clears it in
  place of the write, and the hypervisor learns of it when it is there again anyway.
  KVM's PV EOI (MSR_KVM_PV_EOI_EN) and Hyper-V's EOI assist (virtual processor assist
  page, "no EOI required") are the same thing at two addresses.
- A clock: what has to be done to the time-stamp counter to get the time. KVM's
  kvmclock, Hyper-V's reference TSC page. Reading a timer would exit.

Linux: Documentation/virt/kvm/x86/msr.rst, arch/x86/kvm/lapic.c; Microsoft: TLFS,
"Virtual Interrupts" and "Timers". Hyper-V lays its pages over the guest's; here they
are the guest's own frames.
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.apic import Apic
from virtdocs.machine.memory import PAGE_SHIFT, Memory, Page
from virtdocs.machine.registers import GP
from virtdocs.machine.traps import fault

NO_EOI_REQUIRED: Final = 1
HYPERV_UNIT: Final = 100  # its time counts 100 ns
# kvmclock: time = ((tsc - tsc_timestamp) << shift) * multiplier >> 32. One tick of the counter
# is one nanosecond here, and the multiplier has 32 bits.
KVM_MULTIPLIER: Final = 1 << 31
KVM_SHIFT: Final = 1


def guest_page(memory: Memory, address: int) -> Page:
    """The guest's page at a physical address; #GP where it has no memory."""
    page = memory.page(address >> PAGE_SHIFT)
    if page is None:
        raise fault(GP, 0)
    return page


class LazyEoi:
    """The bit that stands for the acknowledgement of one virtual CPU's interrupts."""

    def __init__(self, memory: Memory, apic: Apic) -> None:
        self.memory = memory
        self.apic = apic
        self.address: int | None = None  # physical, of the word; None: off
        self._armed = False  # the bit is set, or the guest has cleared it

    def turn_on(self, address: int | None) -> None:
        """Use the word at this address, or none."""
        self.exited()
        if address is not None:
            guest_page(self.memory, address)
        self.address = address

    def exited(self) -> None:
        """The guest is out: see whether it has taken the bit, else take it back."""
        if not self._armed or self.address is None:
            return
        self._armed = False
        page = guest_page(self.memory, self.address)
        word = self.address >> 3 & 511
        if page[word] & NO_EOI_REQUIRED:
            page[word] &= ~NO_EOI_REQUIRED
        else:
            self.apic.end_of_interrupt()

    def entering(self) -> None:
        """Set the bit when an interrupt is in service and nothing waits for its end."""
        apic = self.apic
        if self.address is None or apic.requested or not apic.in_service:
            return
        if apic.in_service.bit_length() - 1 in apic.lines:
            return  # the end of a level-triggered interrupt matters to its device
        page = guest_page(self.memory, self.address)
        page[self.address >> 3 & 511] |= NO_EOI_REQUIRED
        self._armed = True


def write_kvm_clock(memory: Memory, address: int, now: int) -> None:
    """struct pvclock_vcpu_time_info: version, tsc_timestamp, system_time, multiplier, shift."""
    page = guest_page(memory, address)
    word = address >> 3 & 511
    version = (page[word] & 0xFFFF_FFFF) + 2 & 0xFFFF_FFFE  # odd while it is being written
    page[word : word + 4] = [version, now, now, KVM_SHIFT << 32 | KVM_MULTIPLIER]


def write_reference_tsc(memory: Memory, address: int) -> None:
    """HV_REFERENCE_TSC_PAGE: sequence, scale and offset; time = (tsc * scale >> 64) + offset."""
    page = guest_page(memory, address)
    page[0:3] = [page[0] + 1 & 0xFFFF_FFFF or 1, (1 << 64) // HYPERV_UNIT, 0]
