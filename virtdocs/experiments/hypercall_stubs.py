"""Which instruction enters the hypervisor: decoded from the stubs that a guest was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from virtdocs.experiments.ring_levels import ring_levels
from virtdocs.experiments.run import DEFAULT_STEPS, execute
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.guest.disassembler import text_of
from virtdocs.guest.workloads import build
from virtdocs.machine.isa import INSTRUCTION_BYTES, Undecodable, decode
from virtdocs.machine.memory import Memory, read_physical
from virtdocs.trace import EventKind, ExitReason
from virtdocs.vmm.domain_builder import HYPERCALL_STRIDE

WORKLOAD: Final = "timer_tick"  # ticks are asked for by hypercall wherever there are hypercalls
OPS: Final = 1
PAGE: Final = "hypercall_page"
STUB: Final = 1  # the page is uniform; stub 0 may have an address that is zero


@dataclass(frozen=True, slots=True)
class Stub:
    """How one guest enters its hypervisor.

    ``instructions`` of a stub as text, ``enters`` the one of them that is neither a move
    nor a return; ``calls`` made in the run, ``exits`` of them that were VM exits.
    """

    technique: str
    vendor: str
    kernel_cpl: int
    instructions: tuple[str, ...]
    enters: str
    calls: int
    exits: int


def stub(name: str, vendor: str) -> Stub | None:
    """The stub of one technique on one vendor's processor; None where the guest has no page."""
    preset = technique(name, vendor)
    program = build(WORKLOAD, preset.build, ops=OPS, levels=preset.levels)
    if PAGE not in program.labels:
        return None
    machine = execute(preset, program, vendor, DEFAULT_STEPS).machine
    found = _decoded(machine.board.memory, program.labels[PAGE] + STUB * HYPERCALL_STRIDE)
    entering = [text for text in found if text.split()[0] not in ("mov", "ret")]
    if len(entering) != 1:
        raise LookupError(f"{name}: no hypercall stub at {PAGE}: {found}")
    counts = machine.trace
    return Stub(
        name,
        vendor,
        ring_levels(name, vendor).kernel_cpl,
        tuple(found),
        entering[0],
        counts.total(EventKind.HYPERCALL),
        counts.by_key(EventKind.VM_EXIT).get(ExitReason.HYPERCALL, 0),
    )


def techniques_with_hypercalls() -> tuple[str, ...]:
    """The presets whose guests are given a hypercall page."""
    return tuple(
        name
        for name, preset in TECHNIQUES.items()
        if PAGE in build(WORKLOAD, preset.build, ops=OPS, levels=preset.levels).labels
    )


def _decoded(memory: Memory, address: int) -> list[str]:
    """Instructions from ``address`` on, up to and with a return."""
    found: list[str] = []
    for at in range(address, address + HYPERCALL_STRIDE, INSTRUCTION_BYTES):
        raw = read_physical(memory, at, INSTRUCTION_BYTES) or b""
        words = (int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little"))
        try:
            found.append(text_of(decode(*words)) or "")
        except Undecodable:
            break
        if found[-1] == "ret":
            break
    return found
