"""Techniques by axis: which are full, which paravirtual, which a mix, and who uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from virtdocs.experiments.taxonomy import GROUPS
from virtdocs.views.model import (
    Basis,
    Form,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    technique_label,
    term,
    yes_no,
)
from virtdocs.views.products import ABSENT, AXES, SHOWN_AXES, anchor, axis

if TYPE_CHECKING:
    from virtdocs.experiments.place import Place

COLUMNS: Mapping[str, tuple[str, ...]] = {"three": SHOWN_AXES, "five": tuple(AXES)}
COMPARED = ("kvm_virtio", "xen_pvhvm")  # what one maker's word for a mix covers, and what not


def table(axes: str, places: Sequence[Place]) -> ViewBundle:
    """A row for each preset, and for what it was in its time, under full, mixed and para."""
    shown = COLUMNS[axes]
    rows = tuple(
        Row(
            _head(one),
            (
                *(axis(one.preset.axes, key, Basis.RUN) for key in shown),
                _paravirtual(one),
                yes_no(one.unmodified, Basis.RUN),
                _used_by(one),
            ),
            one.preset.name,
            Label(f"taxonomy_group.{one.group}"),
            anchor=anchor(one.key),
        )
        for one in sorted(places, key=lambda one: GROUPS.index(one.group))
    )
    counts = {
        group: number(sum(one.group == group for one in places), Basis.DERIVED) for group in GROUPS
    }
    values = counts | _compared({one.key: one for one in places})
    for one in places:
        values |= {
            f"{one.key}.group": term(f"taxonomy_group.{one.group}", Basis.DERIVED),
            f"{one.key}.paravirtual_axes": number(len(one.paravirtual), Basis.DERIVED),
            f"{one.key}.unmodified": yes_no(one.unmodified, Basis.RUN),
            f"{one.key}.used_by": _used_by(one),
            **{f"{one.key}.{key}": axis(one.preset.axes, key, Basis.RUN) for key in AXES},
        }
    return ViewBundle(
        caption=Label("caption.taxonomy"),
        alt=Label("alt.taxonomy", tuple(counts.items())),
        view=Table(
            Label("column.technique"),
            (
                *(Label(f"column.axis_{key}") for key in shown),
                *(
                    Label(f"column.{key}")
                    for key in ("own_interfaces", "boots_unmodified", "used_by")
                ),
            ),
            rows,
            (Label("note.taxonomy"),),
            dense=True,
        ),
        values=values,
        sources=tuple(dict.fromkeys(key for one in places for key in one.sources)),
    )


def _compared(places: Mapping[str, Place]) -> dict[str, Value]:
    """How many of the axes KVM with virtio and Xen's PVHVM have in common."""
    one, other = (places[name].preset.axes for name in COMPARED)
    shared = [key for key in AXES if one[key] == other[key]]
    return {
        "shared_axes": number(len(shared), Basis.DERIVED),
        "axes": number(len(AXES), Basis.DERIVED),
        "differing_axes": Value(
            " ".join(f"column.axis_{key}" for key in AXES if key not in shared),
            Basis.DERIVED,
            Form.TERMS,
        ),
    }


def _head(one: Place) -> Label:
    if one.preset.variant:
        return Label(f"mode_then.{one.preset.name}")
    return technique_label(one.preset.name)


def _paravirtual(one: Place) -> Value:
    if not one.paravirtual:
        return term("answer.no_axis", Basis.DERIVED)
    keys = " ".join(f"column.axis_{key}" for key in one.paravirtual)
    return Value(keys, Basis.DERIVED, Form.TERMS)


def _used_by(one: Place) -> Value:
    names = (*one.used_by, *one.seen_as)
    if not names:
        return ABSENT
    basis = Basis.JUDGED if one.seen_as else Basis.SOURCED
    return Value(" ".join(f"product.{name}" for name in names), basis, Form.TERMS, where=one.where)
