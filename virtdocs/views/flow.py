"""One privileged instruction as a flow of steps, and all techniques' flows side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from virtdocs.experiments.single_step import SingleStep
from virtdocs.experiments.source_document import StepCount
from virtdocs.machine.registers import VECTOR_NAMES
from virtdocs.trace import Event, EventKind, Party
from virtdocs.views.model import (
    Basis,
    Flow,
    Label,
    Row,
    Step,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_label,
    technique_value,
    term,
    terms,
    tied,
    yes_no,
)
from virtdocs.views.sides import monitor_side

# What takes control from the guest to monitor software: trap, exit, hypercall and callout.
ENTRIES = (EventKind.TRAP, EventKind.VM_EXIT, EventKind.HYPERCALL, EventKind.CALLOUT)


# Kinds whose key names an instruction of the machine: mov_cr is written mov cr.
OF_INSTRUCTIONS = frozenset({EventKind.EXECUTE, EventKind.EMULATE, EventKind.CALLOUT})
EXCEPTIONS = frozenset(VECTOR_NAMES.values())


def flow(single: SingleStep) -> ViewBundle:
    """The events of one instruction as steps over lanes, in the order in which they happened."""
    steps = _steps(single.events, single.text)
    named = tuple(party for party in Party if any(step.party is party for step in steps))
    values = flow_values(single.events)
    head = (
        ("technique", technique_value(single.technique)),
        ("instruction", _mnemonic(single.instruction)),
    )
    return ViewBundle(
        caption=Label("caption.privileged_flow", head),
        alt=Label(
            "alt.privileged_flow",
            (*head, ("steps", values["steps"]), ("crossings", values["crossings"])),
        ),
        view=Flow(single.technique, named, steps),
        values=values | dict(head),
    )


def flow_values(events: Sequence[Event]) -> dict[str, Value]:
    """What is counted along one path: steps, entries into the monitor, parties, crossings."""
    steps = _steps(events)
    entries = {kind: sum(_enters(event, kind) for event in events) for kind in ENTRIES}
    parties = _in_order(acting(event) for event in events)
    return {
        "steps": number(len(events), Basis.RUN),
        "transitions": number(sum(entries.values()), Basis.RUN),
        "crossings": number(sum(step.crossing for step in steps), Basis.RUN),
        "parties": terms(tuple(f"party.{party}" for party in parties), Basis.RUN),
        "party_count": number(len(parties), Basis.RUN),
        "monitor_runs": yes_no(any(monitor_side(party) for party in parties), Basis.RUN),
        **{f"transitions_{kind}": number(count, Basis.RUN) for kind, count in entries.items()},
    }


def steps_table(
    paths: Mapping[str, SingleStep],
    claims: Sequence[StepCount],
    sides: Mapping[str, str],
) -> ViewBundle:
    """Each technique's path of one instruction, beside the number that the source prints.

    ``sides`` says which of the source's two flows a technique belongs to.
    """
    claimed = {one.side: one for one in claims if one.claimed is not None}
    per_technique = {name: flow_values(single.events) for name, single in paths.items()}
    columns = ("steps", "transitions", "crossings", "parties", "monitor_runs")
    rows = tuple(
        Row(
            technique_label(technique),
            (*(values[key] for key in columns), _claim(claimed.get(sides.get(technique, "")))),
            technique,
        )
        for technique, values in per_technique.items()
    )
    head = ("instruction", _mnemonic(next(iter(paths.values())).instruction))
    steps = {name: len(single.events) for name, single in paths.items()}
    most, least = max(steps.values()), min(steps.values())
    extremes = {
        "longest": tied(steps, most),
        "longest_steps": number(most, Basis.RUN),
        "shortest": tied(steps, least),
        "shortest_steps": number(least, Basis.RUN),
    }
    values = {
        f"{technique}.{key}": value
        for technique, found in per_technique.items()
        for key, value in found.items()
    }
    return ViewBundle(
        caption=Label("caption.privileged_steps", (head,)),
        alt=Label("alt.privileged_steps", (head, *extremes.items())),
        view=Table(
            corner=Label("column.technique"),
            columns=tuple(Label(f"column.{key}") for key in (*columns, "source_prints")),
            rows=rows,
            notes=(Label("note.steps_are_no_cost"),),
        ),
        values=values | extremes | {f"source_{s}": _claim(one) for s, one in claimed.items()},
        sources=("SRC",),
    )


def acting(event: Event) -> Party:
    """In whose lane a step stands.

    A hypercall is what the hypervisor does when the guest has asked; and it is the CPU
    that goes back to the guest, as it is the CPU that left it.
    """
    if event.kind is EventKind.HYPERCALL:
        return Party.HYPERVISOR
    if event.kind is EventKind.RESUME:
        return Party.CPU
    return event.party


def _enters(event: Event, kind: EventKind) -> bool:
    """Whether the event leads into the monitor: a hypercall after a VM exit does so no more."""
    inside = kind is EventKind.HYPERCALL and monitor_side(event.party)
    return event.kind is kind and not inside


def _steps(events: Sequence[Event], text: str = "") -> tuple[Step, ...]:
    found: list[Step] = []
    inside = monitor_side(acting(events[0])) if events else False
    for event in events:
        party = acting(event)
        # a device is reached from either side, and answers to the side that asked
        side = inside if party is Party.DEVICE else monitor_side(party)
        crossing, inside = side is not inside, side
        key = _written(text) if not found and _is(event, text) else _key(event)
        label = Label(f"event.{event.kind}", (("key", key),))
        found.append(Step(party, event.kind, label, crossing, event.cpl))
    return tuple(found)


def _is(event: Event, text: str) -> bool:
    """Whether the event executes the instruction ``text``, and not code made from it."""
    mnemonic = text.partition(" ")[0]
    return event.kind is EventKind.EXECUTE and event.key.partition("_")[0] == mnemonic


def _written(text: str) -> Value:
    return code(text, Basis.RUN)


def _key(event: Event) -> Value:
    """What refines the event, as manuals write it: ``#GP``, ``mov cr3``, ``uart write``."""
    device = dict(event.detail).get("device")
    if device is not None:
        return code(f"{device} {event.key}", Basis.RUN)
    if event.key in EXCEPTIONS:
        return code(f"#{event.key.upper()}", Basis.RUN)
    return _mnemonic(event.key) if event.kind in OF_INSTRUCTIONS else code(event.key, Basis.RUN)


def _in_order(parties: Iterable[Party]) -> tuple[Party, ...]:
    return tuple(dict.fromkeys(parties))


def _mnemonic(name: str) -> Value:
    return code(name.replace("_", " "), Basis.RUN)


def _claim(claim: StepCount | None) -> Value:
    if claim is None or claim.claimed is None:
        return term("absent", Basis.SOURCED)
    where = (f"SRC {claim.claimed_id} L{claim.claimed_line}",)
    return number(claim.claimed, Basis.SOURCED, where=where)
