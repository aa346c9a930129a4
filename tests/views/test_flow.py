"""Flows count what happened: steps, entries into the monitor, crossings of its border."""

from __future__ import annotations

import pytest

from virtdocs.experiments.single_step import SingleStep
from virtdocs.experiments.source_document import step_counts
from virtdocs.trace import Event, Party
from virtdocs.trace import EventKind as K
from virtdocs.views.flow import flow, flow_values, steps_table
from virtdocs.views.model import Flow, Table, Value

GUEST, CPU, HYPERVISOR = Party.GUEST_KERNEL, Party.CPU, Party.HYPERVISOR
RUN = Event(K.EXECUTE, "cli", GUEST, cpl=1)
TRAP = Event(K.TRAP, "gp", CPU)
EMULATE = Event(K.EMULATE, "cli", HYPERVISOR)
RESUME = Event(K.RESUME, "", HYPERVISOR)
ENTRY = Event(K.VM_ENTRY, "", CPU)


def single(technique: str, events: list[Event]) -> SingleStep:
    return SingleStep(technique, "cli", "cli", tuple(events))


IN_PLACE = Event(K.EXECUTE, "mov", GUEST, cpl=1, detail=(("translated", 1),))
EXIT = Event(K.VM_EXIT, "hypercall", CPU)
DISPATCH = Event(K.DISPATCH, "hypercall", HYPERVISOR)


@pytest.mark.parametrize(
    ("events", "steps", "entries", "crossings", "monitor"),
    [
        ([RUN], 1, 0, 0, "answer.no"),
        ([IN_PLACE], 1, 0, 0, "answer.no"),
        ([RUN, TRAP, EMULATE, RESUME], 4, 1, 2, "answer.yes"),
        ([RUN, TRAP, EMULATE, RESUME, RUN], 5, 1, 2, "answer.yes"),
        ([RUN, Event(K.VM_EXIT, "io", CPU), EMULATE, ENTRY, RUN], 5, 1, 2, "answer.yes"),
        ([RUN, TRAP, EMULATE, RUN, TRAP, EMULATE], 6, 2, 3, "answer.yes"),
        # asked through a VM exit, so that the hypercall itself enters nothing any more
        (
            [RUN, EXIT, DISPATCH, Event(K.HYPERCALL, "sched_op", HYPERVISOR), ENTRY],
            5,
            1,
            2,
            "answer.yes",
        ),
        ([], 0, 0, 0, "answer.no"),
    ],
)
def test_a_path_is_counted_from_its_events(
    events: list[Event], steps: int, entries: int, crossings: int, monitor: str
) -> None:
    found = flow_values(events)
    assert [found[key].raw for key in ("steps", "transitions", "crossings", "monitor_runs")] == [
        steps, entries, crossings, monitor,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "crossings", "parties"),
    [
        # a device answers whoever asks: no border lies before it
        ([RUN, Event(K.APIC, "write", Party.DEVICE)], 0, "party.guest_kernel party.device"),
        # asked by the guest, done by the hypervisor
        ([RUN, Event(K.HYPERCALL, "iret", CPU), RUN], 2, "party.guest_kernel party.hypervisor"),
    ],
)
def test_a_step_stands_in_the_lane_of_whoever_acts(
    events: list[Event], crossings: int, parties: str
) -> None:
    found = flow_values(events)
    assert (found["crossings"].raw, found["parties"].raw) == (crossings, parties)


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("mov cr3, rax", "mov_cr", "mov cr3, rax"),
        ("cli", "cli", "cli"),
        ("cli", "mov", "mov"),  # what the translator made of it
    ],
)
def test_the_first_step_shows_the_instruction_as_written_unless_it_was_translated(
    text: str, key: str, shown: str
) -> None:
    view = flow(SingleStep("bt", "cli", text, (Event(K.EXECUTE, key, GUEST),))).view
    assert isinstance(view, Flow)
    assert dict(view.steps[0].label.args)["key"].raw == shown


def test_lanes_stand_in_one_order_whatever_happens_first() -> None:
    device = Event(K.DEVICE_ACCESS, "write", Party.DEVICE)
    view = flow(single("bt", [device, EMULATE, TRAP, RUN])).view
    assert isinstance(view, Flow)
    assert view.parties == (GUEST, CPU, HYPERVISOR, Party.DEVICE)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (TRAP, "#GP"),
        (Event(K.EXECUTE, "mov_cr3", GUEST), "mov cr3"),
        (Event(K.DEVICE_ACCESS, "write", Party.DEVICE, detail=(("device", "uart"),)), "uart write"),
    ],
)
def test_a_step_is_refined_in_the_words_of_manuals(event: Event, shown: str) -> None:
    view = flow(single("bt", [event])).view
    assert isinstance(view, Flow)
    assert dict(view.steps[0].label.args)["key"].raw == shown


def test_the_table_of_paths_puts_the_source_s_number_beside_each_technique() -> None:
    events = {"native": [RUN], "bt": [IN_PLACE], "xen_pv32": [RUN, TRAP, EMULATE, RESUME, RUN]}
    paths = {name: single(name, found) for name, found in events.items()}
    sides = {"bt": "full", "xen_pv32": "para"}
    bundle = steps_table(paths, step_counts(), sides)
    assert isinstance(bundle.view, Table)
    printed = {row.technique: row.cells[-1] for row in bundle.view.rows}
    last = {name: one.raw for name, one in printed.items() if isinstance(one, Value)}
    assert last == {"native": "absent", "bt": 7, "xen_pv32": 5}
    assert bundle.values["longest"].raw == "technique.xen_pv32"
    assert bundle.values["longest_steps"].raw == 5
    assert bundle.values["shortest_steps"].raw == 1
    assert bundle.values["bt.transitions"].raw == 0
