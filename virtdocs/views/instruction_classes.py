"""Instructions by class, with what their class rests on, and beside a published list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    term,
    terms,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.classification import Classified
    from virtdocs.experiments.published_list import PublishedList

    # name of the set-up -> every instruction's class
    Settings = Mapping[str, Sequence[Classified]]

PLAIN = "plain"  # no variation of the machine's set-up
KINDS = ("privileged", "critical", "innocuous", "undefined")
OUTER_RING = 3


def classes(settings: Settings, published: PublishedList) -> ViewBundle:
    """Instructions that behave alike share a row; the rows are grouped by class."""
    kinds = {
        setting: {one.spec.name: one.kind for one in found} for setting, found in settings.items()
    }
    alike: dict[tuple[str, tuple[Value, ...]], list[str]] = {}
    for one in settings[PLAIN]:
        alike.setdefault((one.kind, _behaviour(one, kinds)), []).append(written(one.spec.name))
    rows = tuple(
        Row(code(", ".join(names), Basis.RUN), cells, group=Label(f"class.{kind}"))
        for wanted in KINDS
        for (kind, cells), names in alike.items()
        if kind == wanted
    )
    values = class_values(settings, published)
    columns = ("rings", "outside", "iopl_opens", "umip", "tsd", "exits")
    return ViewBundle(
        caption=Label("caption.instruction_classes"),
        alt=Label("alt.instruction_classes", tuple((k, values[k]) for k in ("all", *KINDS))),
        view=Table(
            Label("column.instruction"),
            tuple(Label(f"column.{key}") for key in columns),
            rows,
            (Label("note.found_by_running"),),
            Label("column.class"),
            dense=True,
        ),
        values=values,
        sources=(published.source,),
    )


def reasons(settings: Settings, published: PublishedList) -> ViewBundle:
    """Each critical instruction: what it gives away or changes, and whether it was known."""
    umip = {one.spec.name: one.kind for one in settings["umip"]}
    rows = tuple(
        Row(
            code(written(one.spec.name), Basis.RUN),
            (
                terms(tuple(f"cause.{cause.replace(' ', '_')}" for cause in one.causes), Basis.RUN),
                yes_no(one.spec.name in published.names, Basis.DERIVED),
                _class(umip[one.spec.name]),
            ),
        )
        for one in settings[PLAIN]
        if one.kind == "critical"
    )
    values = class_values(settings, published)
    note = tuple((k, values[k]) for k in ("published_claimed", "published_listed"))
    alt = ("critical", "published_listed", "published_critical", "beyond_names")
    return ViewBundle(
        caption=Label("caption.critical_instructions"),
        alt=Label("alt.critical_instructions", tuple((k, values[k]) for k in alt)),
        view=Table(
            Label("column.instruction"),
            tuple(Label(f"column.{key}") for key in ("causes", "on_list", "umip")),
            rows,
            (Label("note.published_list", note),),
        ),
        values=values,
        sources=(published.source,),
    )


def class_values(settings: Settings, published: PublishedList) -> dict[str, Value]:
    """Counts of every class in every set-up, and the published list against the plain one."""
    values: dict[str, Value] = {}
    for setting, found in settings.items():
        suffix = "" if setting == PLAIN else f"_{setting}"
        for kind in KINDS:
            count = sum(one.kind == kind for one in found)
            values[f"{kind}{suffix}"] = number(count, Basis.RUN)
    critical = {one.spec.name for one in settings[PLAIN] if one.kind == "critical"}
    beyond = [
        written(one.spec.name)
        for one in settings[PLAIN]
        if one.spec.name in critical - published.names
    ]
    where = (f"{published.source} {published.locator}",)
    return values | {
        "all": number(len(settings[PLAIN]), Basis.DERIVED),
        "published_claimed": number(published.claimed, Basis.SOURCED, where=where),
        "published_listed": number(len(published.entries), Basis.DERIVED, where=where),
        "published_critical": number(len(critical & published.names), Basis.DERIVED),
        "beyond": number(len(beyond), Basis.DERIVED),
        "beyond_names": code(", ".join(beyond), Basis.RUN),
    }


def written(name: str) -> str:
    """An instruction's name as manuals write it: in_ is in, mov_sreg mov sreg."""
    return name.rstrip("_").replace("_", " ")


def _behaviour(one: Classified, kinds: Mapping[str, Mapping[str, str]]) -> tuple[Value, ...]:
    outside = sorted({vector for ring, vector in one.faults if ring == OUTER_RING})
    refused = OUTER_RING not in one.runs_at
    opened = any(variation == "iopl" for _, variation in one.opened_by)
    rings = " ".join(str(ring) for ring in one.runs_at) or "–"
    return (
        code(rings, Basis.RUN),
        code(" ".join(f"#{vector.upper()}" for vector in outside) if refused else "–", Basis.RUN),
        yes_no(opened, Basis.RUN),
        _class(kinds["umip"][one.spec.name]),
        _class(kinds["tsd"][one.spec.name]),
        yes_no(bool(one.exits), Basis.RUN),
    )


def _class(kind: str) -> Value:
    return term(f"class_short.{kind}", Basis.RUN)
