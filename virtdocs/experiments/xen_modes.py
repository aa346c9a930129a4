"""Xen's five modes by five dimensions: who handles what, found by running the same work.

PV in 32 and 64 bits, HVM, PV-on-HVM and PVH differ in how they start, who tells them of
interrupts and time, what becomes of a privileged instruction, of a page-table entry, and
of a disk request. A cell says who handles it, with the counts that say so. Where a mode
has no device here, the cell is not run but sourced, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.image_matrix import attempt, program_for
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.results import Counts, Number, ResultSet
from virtdocs.experiments.ring_levels import ring_levels
from virtdocs.experiments.run import run
from virtdocs.experiments.single_step import one_instruction
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS
from virtdocs.machine.firmware import GDT_ADDRESS
from virtdocs.trace import Event, EventKind, Trace

MODES: Final = ("xen_pv32", "xen_pv64", "xen_hvm", "xen_pvhvm", "xen_pvh")
RUN: Final = "run"
SOURCED: Final = "sourced"
# What a CPU's owner does with privilege and nobody else: flags, address space, TLB, identity.
PRIVILEGED: Final = ("cli", "popf", "mov_cr3", "invlpg", "cpuid")
TICKS: Final = 8
ENTRIES: Final = (EventKind.HYPERCALL, EventKind.TRAP, EventKind.VM_EXIT)
SHOWN: Final = ("hypercall", "vm_exit", "trap", "event_channel", "apic", "user_exit")


@dataclass(frozen=True, slots=True)
class ModeCell:
    """One mode in one dimension. ``handler`` is a key; ``counts`` are per op unless the
    dimension says otherwise; ``sources`` are citation keys where nothing was run."""

    mode: str
    dimension: str
    handler: str
    counts: Mapping[str, Number]
    basis: str = RUN
    sources: tuple[str, ...] = ()


def xen_modes() -> tuple[ModeCell, ...]:
    """All cells, mode by mode."""
    return tuple(find(mode) for mode in MODES for find in DIMENSIONS.values())


def boot(mode: str) -> ModeCell:
    """firmware | domain_builder: whose descriptor tables are there at the first instruction.

    Count: whether the build for bare hardware comes to its end from there.
    """
    preset = technique(mode)
    machine = assemble(preset, program_for(preset.build, preset), "intel", Trace())
    by_firmware = machine.board.cpus[0].gdtr[0] == GDT_ADDRESS
    counts = {"runs_unmodified": int(attempt("native", preset).runs)}
    return ModeCell(mode, "boot", "firmware" if by_firmware else "domain_builder", counts)


def interrupts(mode: str) -> ModeCell:
    """event_channel | interrupt_controller: how a tick comes in, and what it costs."""
    counts = totals(run("timer_tick", mode, params={"ops": TICKS}).counts_per_op)
    handler = "event_channel" if counts["event_channel"] else "interrupt_controller"
    return ModeCell(mode, "interrupts", handler, counts)


def privileged(mode: str) -> ModeCell:
    """guest_mode | port: ring 0 of guest mode executes, or the kernel was changed not to need it.

    Counts: how many of `PRIVILEGED` enter the hypervisor, by the way in; the rest ``stay``.
    """
    ways = [way_in(one_instruction(mode, name).events) for name in PRIVILEGED]
    counts = {key: ways.count(key) for key in (*map(str, ENTRIES), "stay")}
    handler = "guest_mode" if ring_levels(mode).kernel_cpl == 0 else "port"
    return ModeCell(mode, "privileged", handler, counts)


def page_tables(mode: str) -> ModeCell:
    """hypercall | shadow | nested: how a change of an entry reaches the hardware.

    Counts: per page that loses the right to be written and gets it back.
    """
    ops = WORKLOADS["pte_churn"].ops_step
    result = run("pte_churn", mode, params={"ops": ops})
    counts = totals(result.counts_per_op)
    handler = "shadow" if result.counts["shadow_fill"] else "nested"
    return ModeCell(mode, "page_tables", "hypercall" if counts["hypercall"] else handler, counts)


def devices(mode: str) -> ModeCell:
    """registers | ring: a disk request by a modelled device's registers, or over a shared ring."""
    try:
        result = disk(mode)
    except VirtdocsError:
        return ModeCell(mode, "devices", "ring", {}, SOURCED, ("XEN-SPLIT", "XEN-PVHVM"))
    counts = totals(result.counts_per_op)
    accesses = result.counts_per_op["device_access"]
    assert isinstance(accesses, Mapping)
    return ModeCell(mode, "devices", "registers" if accesses else "ring", counts)


def disk(mode: str) -> ResultSet:
    """Disk requests on the mode's own device; VirtdocsError where it has none."""
    return run("disk_read", mode, params={"ops": WORKLOADS["disk_read"].ops_step * TICKS})


def way_in(events: tuple[Event, ...]) -> str:
    """The first entry into the hypervisor, by kind; a hypercall in guest mode counts as one."""
    kinds = [event.kind for event in events if event.kind in ENTRIES]
    if EventKind.HYPERCALL in kinds:
        return str(EventKind.HYPERCALL)
    return str(kinds[0]) if kinds else "stay"


def totals(counts: Counts) -> dict[str, Number]:
    """The kinds that tell the modes apart, keys summed."""
    found: dict[str, Number] = {}
    for kind in SHOWN:
        value = counts[kind]
        found[kind] = sum(value.values()) if isinstance(value, Mapping) else value
    return found


DIMENSIONS: Final[Mapping[str, Callable[[str], ModeCell]]] = MappingProxyType(
    {
        "boot": boot,
        "interrupts": interrupts,
        "privileged": privileged,
        "page_tables": page_tables,
        "devices": devices,
    }
)
