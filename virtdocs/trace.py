"""Events: what happened, to whom, when — without cost and without prose.

A run counts every event and, when asked to record, keeps them in order. Costs
come afterwards (a reader changes a cost without a rerun), words later still.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """What can happen. A trap is not a VM exit, and a VM exit is not a user exit."""

    TRAP = "trap"  # a fault that leads into a monitor which is not VMX/SVM, or into a PV hypervisor
    VM_EXIT = "vm_exit"  # guest mode -> host mode (VMX non-root -> root, SVM #VMEXIT)
    VM_ENTRY = "vm_entry"  # host mode -> guest mode
    USER_EXIT = "user_exit"  # hypervisor -> userspace device model
    HYPERCALL = "hypercall"  # the guest asks the hypervisor on purpose
    CALLOUT = "callout"  # translated code calls the monitor
    INLINE = "inline"  # translated code does the work itself, in place
    TRANSLATE = "translate"  # one block goes into the translation cache
    DISPATCH = "dispatch"  # the hypervisor looks at the exit's reason and chooses what to do
    DECODE = "decode"  # the monitor reads the instruction that trapped
    EMULATE = "emulate"  # the monitor performs an instruction on the virtual CPU
    INJECT = "inject"  # the monitor delivers an exception or interrupt to the guest
    RESUME = "resume"  # a monitor that is not VMX/SVM returns to the guest
    EXCEPTION = "exception"  # the CPU delivers an exception through the guest's own IDT
    IRQ = "irq"  # an interrupt reaches the guest's kernel
    SYSCALL = "syscall"  # the guest's application calls the guest's kernel
    EXECUTE = "execute"  # one instruction, recorded only while single steps are shown
    WALK_REFS = "walk_refs"  # memory references of hardware page walks
    TLB_MISS = "tlb_miss"
    SHADOW_FILL = "shadow_fill"  # a shadow page-table entry is made from the guest's
    NESTED_FILL = "nested_fill"  # a nested page-table entry is made
    DEVICE_ACCESS = "device_access"  # a device register is read or written
    APIC = "apic"  # an interrupt-controller register is accessed
    KICK = "kick"  # a virtio notification
    DEVICE_IRQ = "device_irq"  # a device asks for an interrupt
    DMA = "dma"  # a device moves data from or to memory
    BACKEND = "backend"  # a party behind the device model does its part of a request
    EVENT_CHANNEL = "event_channel"
    BALLOON = "balloon"  # a frame goes from a guest to the host, or comes behind a page again
    UNCLAIMED = "unclaimed"  # no device answers, or no buffer is there: never ignored
    REFLECT = "reflect"  # an exit of a guest's guest goes on to the hypervisor in the guest
    MERGE = "merge"  # two control structures become the one that the hardware runs with


class ExitReason(StrEnum):
    """Why a VM exit happened, neutral; VMX and SVM spell these their own way."""

    CPUID = "cpuid"
    HLT = "hlt"
    HYPERCALL = "hypercall"
    IO = "io"
    MMIO = "mmio"
    MSR_READ = "msr_read"
    MSR_WRITE = "msr_write"
    CR_ACCESS = "cr_access"
    EXCEPTION = "exception"
    PAGE_FAULT = "page_fault"
    NESTED_FAULT = "nested_fault"
    INVLPG = "invlpg"
    EXTERNAL_INTERRUPT = "external_interrupt"
    INTERRUPT_WINDOW = "interrupt_window"
    RDTSC = "rdtsc"
    PAUSE = "pause"
    DESCRIPTOR_TABLE = "descriptor_table"
    VMX_INSTRUCTION = "vmx_instruction"
    INVD = "invd"
    XSETBV = "xsetbv"
    TRIPLE_FAULT = "triple_fault"


class LevelOneExit(StrEnum):
    """Why a hypervisor that is a guest itself leaves for the one below it: keys of ``vm_exit``.

    The instructions of VMX exit unconditionally but for VMREAD and VMWRITE of fields that a
    shadow VMCS covers (SDM vol. 3C §26.1.2, §26.1.3).
    """

    VMREAD = "l1.vmread"
    VMWRITE = "l1.vmwrite"
    VMRESUME = "l1.vmresume"
    INVEPT = "l1.invept"
    MSR_WRITE = "l1.msr_write"
    HLT = "l1.hlt"


class Party(StrEnum):
    """Who acts. The flow diagrams draw one lane for each."""

    APPLICATION = "application"
    GUEST_KERNEL = "guest_kernel"
    CPU = "cpu"
    HYPERVISOR = "hypervisor"
    DEVICE_MODEL = "device_model"
    DOM0 = "dom0"
    ROOT_PARTITION = "root_partition"
    HOST_KERNEL = "host_kernel"
    DEVICE = "device"


# What breaks "plain instructions run without the monitor", unless it came from outside or is a
# guest hypervisor's own business.
INTERVENTIONS: Final = frozenset(
    {EventKind.TRAP, EventKind.VM_EXIT, EventKind.HYPERCALL, EventKind.CALLOUT}
)
ASYNCHRONOUS: Final = frozenset(
    {"timer", "external_interrupt", "interrupt_window", *(str(key) for key in LevelOneExit)}
)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    ``key`` refines the kind (an exit reason, a vector, a register). ``time`` is
    virtual time, ``rip`` the guest's instruction pointer, both 0 when unknown.
    ``cpl`` is the privilege level in force on the CPU that runs the guest, None
    where the hypervisor or a device acts.
    """

    kind: EventKind
    key: str
    party: Party
    time: int = 0
    rip: int = 0
    cpl: int | None = None
    detail: tuple[tuple[str, int | str], ...] = ()


@dataclass(slots=True)
class Trace:
    """Counts of all events; the events themselves only while ``recording``."""

    recording: bool = False
    counts: Counter[tuple[EventKind, str]] = field(default_factory=Counter)
    interventions: int = 0  # how often an instruction made the monitor act
    events: list[Event] = field(default_factory=list)

    def add(self, kind: EventKind, key: str = "", n: int = 1) -> None:
        """Count ``n`` events that need no place in the record."""
        self.counts[kind, key] += n

    def count(self, kind: EventKind, key: str) -> None:
        """Count one event of those that ``record`` keeps."""
        self.counts[kind, key] += 1
        if kind in INTERVENTIONS and key not in ASYNCHRONOUS:
            self.interventions += 1

    def record(
        self,
        kind: EventKind,
        key: str,
        party: Party,
        *,
        time: int = 0,
        rip: int = 0,
        cpl: int | None = None,
        **detail: int | str,
    ) -> None:
        """Count one event and, while recording, keep it."""
        self.count(kind, key)
        if self.recording:
            self.events.append(Event(kind, key, party, time, rip, cpl, tuple(detail.items())))

    def total(self, kind: EventKind) -> int:
        """How many events of this kind, over all keys."""
        return sum(n for (k, _), n in self.counts.items() if k is kind)

    def by_key(self, kind: EventKind) -> dict[str, int]:
        """The counts of one kind, by key, zero counts left out, sorted."""
        return {key: n for (k, key), n in sorted(self.counts.items()) if k is kind and n}
