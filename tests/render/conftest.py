"""Made-up exhibits, so that renderers are tested without running a machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from virtdocs.exhibits import Built
from virtdocs.experiments.single_step import SingleStep
from virtdocs.trace import Event, Party
from virtdocs.trace import EventKind as K
from virtdocs.views import flow, outcomes, rings
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
}


@pytest.fixture(params=sorted(BUNDLES))
def any_built(request: pytest.FixtureRequest) -> Built:
    return built(request.param)


def built(name: str) -> Built:
    return Built(name, (("technique", "bt"),), BUNDLES[name](), "e" * 64, "a" * 64)
