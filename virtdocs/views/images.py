"""Which kind of guest software runs under which technique, found by booting each build."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
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
    technique_label,
    terms,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.image_matrix import Cell

TINT = Fraction(3, 10)


def matrix(cells: Sequence[Cell]) -> ViewBundle:
    """A row per technique; per image whether it runs, and whether it gets PV devices."""
    images = list(dict.fromkeys(one.image for one in cells))
    names = list(dict.fromkeys(one.technique for one in cells))
    by_place = {(one.technique, one.image): one for one in cells}
    rows = tuple(
        _row(name, [by_place[name, image] for image in images if (name, image) in by_place])
        for name in names
    )
    values: dict[str, Value] = {}
    for one in cells:
        place = f"{one.technique}.{one.image}"
        values[place] = yes_no(one.runs, Basis.RUN)
        values[f"{place}.unmodified"] = yes_no(one.unmodified, Basis.RUN)
        values[f"{place}.builds"] = code(", ".join(one.builds) or "–", Basis.RUN)
        values[f"{place}.pv_devices"] = yes_no(one.paravirtual_devices, Basis.DERIVED)
    refused = [one.technique for one in cells if one.image == images[-1] and not one.runs]
    summary = {
        "techniques": number(len(names), Basis.DERIVED),
        "images": number(len(images), Basis.DERIVED),
        "refuse_unmodified": number(len(refused), Basis.DERIVED),
        "refusing": terms(tuple(f"technique.{name}" for name in refused), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.image_matrix"),
        alt=Label("alt.image_matrix", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            (*(Label(f"image.{image}") for image in images), Label("column.builds")),
            rows,
            (Label("note.booted"),),
            dense=True,
        ),
        values=values | summary,
    )


def _row(name: str, images: Sequence[Cell]) -> Row:
    cells = tuple(_answer(one) for one in images)
    builds = code(", ".join(dict.fromkeys(b for one in images for b in one.builds)), Basis.RUN)
    tints = tuple(Fraction(0) if one.runs else TINT for one in images)
    return Row(technique_label(name), (*cells, builds), name, shades=(*tints, Fraction(0)))


def _answer(one: Cell) -> Value:
    """no; or yes as it is, or only rebuilt; and with PV devices where it has drivers for them."""
    if not one.runs:
        return terms(("answer.no",), Basis.RUN)
    how = "boots.unmodified" if one.unmodified else "boots.rebuilt"
    return terms((how, *(("boots.pv_devices",) if one.paravirtual_devices else ())), Basis.RUN)
