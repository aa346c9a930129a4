"""Made-up exhibits, so that renderers are tested without running a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from virtdocs.exhibits import Built
from virtdocs.experiments.device_counts import DeviceCounts
from virtdocs.experiments.io_request import Act, IoRequest
from virtdocs.experiments.single_step import SingleStep
from virtdocs.trace import Event, Party
from virtdocs.trace import EventKind as K
from virtdocs.views import (
    device_counts,
    efficiency,
    flow,
    io_paths,
    outcomes,
    pagings,
    port,
    rings,
    translated,
    walks,
)
from virtdocs.views.model import ViewBundle

EXIT = (
    Event(K.EXECUTE, "out", Party.GUEST_KERNEL, cpl=0),
    Event(K.VM_EXIT, "io", Party.CPU),
    Event(K.DECODE, "out", Party.HYPERVISOR),
    Event(K.USER_EXIT, "io", Party.HYPERVISOR),
    Event(K.DEVICE_ACCESS, "uart", Party.DEVICE_MODEL),
    Event(K.EMULATE, "out", Party.HYPERVISOR),
    Event(K.VM_ENTRY, "", Party.CPU),
)
TRAPPED = (
    Event(K.EXECUTE, "cli", Party.GUEST_KERNEL, cpl=1),
    Event(K.TRAP, "gp", Party.CPU),
    Event(K.EMULATE, "cli", Party.HYPERVISOR),
    Event(K.RESUME, "", Party.HYPERVISOR),
    Event(K.EXECUTE, "nop", Party.GUEST_KERNEL, cpl=1),
)
BARE = (Event(K.EXECUTE, "cli", Party.GUEST_KERNEL, cpl=0),)


@dataclass(frozen=True)
class Reading:
    technique: str
    kernel_cpl: int
    read_cpl: int
    app_cpl: int
    monitor_cpl: int | None
    host_mode: bool


@dataclass(frozen=True)
class Run:
    counts: dict[str, Any]
    counts_per_op: dict[str, Any]
    instructions: int = 1234
    state_hash: str = "ab" * 32
    result_hash: str = "cd" * 32
    outcome: str = "halted"


RUNS = {
    "native": Run({}, {}),
    "trap_emulate": Run({"trap": {"gp": 8}}, {"trap": {"gp": 4, "pf": Fraction(1, 3)}}),
    "hw_nested": Run({"vm_exit": {"io": 3}}, {"vm_exit": {"io": Fraction(1, 50)}}),
    "xen_pv32": Run({"hypercall": {"iret": 2}}, {"hypercall": {"iret": 2}}, state_hash="ef" * 32),
}

FLAGS = {"native": True, "trap_emulate": False, "hw_nested": True, "xen_pv32": None}
PATHS = {
    "native": SingleStep("native", "cli", "cli", BARE),
    "trap_emulate": SingleStep("trap_emulate", "cli", "cli", TRAPPED),
}


@dataclass(frozen=True)
class Walk:
    guest_levels: int
    nested_levels: int
    references: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Changed:
    file: str
    removed: int
    added: int
    kept: int
    diff: tuple[str, ...]


@dataclass(frozen=True)
class Translated:
    text: str
    role: str
    slots: tuple[tuple[int, str], ...]


DIFF = (
    "--- a", "+++ a", "@@ -3,5 +3,6 @@", " yield:", "-    cli", "+    mov qword [rax], 1 < 2",
)  # fmt: skip
CHANGED = Changed("kernel/calls.s", 1, 1, 1, DIFF)
CODE = (
    Translated("cli", "in_place", ((7, "mov fs:[virtual_if], 0"),)),
    Translated("jne again", "jump", ((8, "jne 10"), (9, "jmp <next>"), (10, "int 0xf1"))),
)
MISSES = {
    "native": Run({}, {"tlb_miss": 1, "walk_refs": 4}),
    "hw_shadow": Run({}, {"vm_exit": {"page_fault": 8}, "tlb_miss": 1, "walk_refs": 4}),
    "hw_nested": Run({}, {"tlb_miss": 2, "walk_refs": 48}),
}
PAGED = {"pte_churn": MISSES, "tlb_miss": MISSES}
PAGED_OPS = {"pte_churn": 8, "tlb_miss": 8}
MMUS = {"native": "native", "hw_shadow": "shadow", "hw_nested": "nested"}
SHARES = {
    "native": {"cpu": Fraction(1), "page_fault": Fraction(1)},
    "bt": {"cpu": Fraction(1), "page_fault": Fraction(97, 100)},
}
TWO_BY_TWO = Walk(2, 2, ((0, 2), (0, 1), (0, 0), (1, 2), (1, 1), (1, 0), (2, 2), (2, 1)))
ACTS = (
    Act(Party.APPLICATION, "system_call"),
    *(
        Act(party, what)
        for _ in range(18)
        for party, what in (
            (Party.GUEST_KERNEL, "run"),
            (Party.HYPERVISOR, "exit_io"),
            (Party.DEVICE_MODEL, "register"),
            (Party.HYPERVISOR, "enter"),
        )
    ),
    Act(Party.HOST_KERNEL, "request"),
    Act(Party.DEVICE, "work"),
    Act(Party.HOST_KERNEL, "completion"),
    Act(Party.GUEST_KERNEL, "interrupt"),
)
REQUEST = IoRequest("kvm_emulated", "kvm_emulated", "ide-dma", ACTS)


def device(name: str, *counts: Fraction | int) -> tuple[DeviceCounts, ...]:
    return tuple(DeviceCounts(name, one, 0, 0, 0, 1, 1, one) for one in counts)


DEPTHS = (1, 2, 4)
COUNTED = {
    "pio": device("pio", 147, 147, 147),
    "ring": device("ring", 1, Fraction(1, 2), Fraction(1, 16)),
    "twin": device("twin", 1, Fraction(1, 2), Fraction(1, 16)),
}
INTERFACES = {"pio": "emulated", "ring": "virtio", "twin": "virtio"}

BUNDLES: dict[str, Callable[[], ViewBundle]] = {
    "flow": lambda: flow.flow(SingleStep("hw_nested", "out", "out 0xe9, al", EXIT)),
    "trap": lambda: flow.flow(SingleStep("trap_emulate", "cli", "cli", TRAPPED)),
    "bare": lambda: flow.flow(SingleStep("native", "cli", "cli", BARE)),
    "rings": lambda: rings.ring_map(Reading("hw_nested", 0, 0, 3, 0, True)),
    "rings_one_mode": lambda: rings.ring_map(Reading("xen_pv64", 3, 3, 3, 0, False)),
    "chart": lambda: outcomes.transitions("syscall", RUNS),
    "table": lambda: outcomes.equivalence("memory", RUNS),
    "endings": lambda: outcomes.endings("popf_wait", RUNS, FLAGS),
    "steps": lambda: flow.steps_table(PATHS, (), {}),
    "panels": lambda: pagings.order(PAGED, PAGED_OPS, "pte_churn", "tlb_miss"),
    "grouped": lambda: pagings.costs(PAGED, PAGED_OPS, MMUS),
    "dense": lambda: efficiency.shares(SHARES, PAGED_OPS | {"cpu": 8, "page_fault": 8}, True),
    "grid": lambda: walks.grid([TWO_BY_TWO], {2: 2}),
    "walk": lambda: walks.drawn(TWO_BY_TWO, 2),
    "listing": lambda: port.excerpt("pv32", CHANGED, "all"),
    "lanes": lambda: io_paths.flow(REQUEST),
    "curves": lambda: device_counts.by_depth(COUNTED, DEPTHS, INTERFACES, ()),
    "bursts": lambda: device_counts.by_replies(COUNTED, DEPTHS, INTERFACES, ()),
    "translation": lambda: translated.translation("idle", CODE),
}


@pytest.fixture(params=sorted(BUNDLES))
def any_built(request: pytest.FixtureRequest) -> Built:
    return built(request.param)


def built(name: str) -> Built:
    return Built(name, (("technique", "bt"),), BUNDLES[name](), "e" * 64, "a" * 64)
