"""A routine of the guest's kernel beside the code that binary translation made of it."""

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
    term,
    trimmed,
)

if TYPE_CHECKING:
    from virtdocs.experiments.translated_code import Translated

ROLES = ("same", "in_place", "callout", "adapted", "jump")
# How strongly a replacement stands out from code that was copied as it is.
TINTS = {
    "same": Fraction(0), "jump": Fraction(0), "in_place": Fraction(1, 6),
    "callout": Fraction(2, 5), "adapted": Fraction(2, 5),
}  # fmt: skip


def translation(routine: str, found: Sequence[Translated]) -> ViewBundle:
    """Each instruction of the guest beside the code that stands for it in the cache."""
    rows = tuple(
        Row(
            code(one.text, Basis.RUN),
            (
                term(f"role.{one.role}", Basis.RUN),
                code("\n".join(f"{slot}: {text}" for slot, text in one.slots), Basis.RUN),
            ),
            shades=(TINTS[one.role], Fraction(0)),
        )
        for one in found
    )
    slots = sum(len(one.slots) for one in found)
    values: dict[str, Value] = {
        "instructions": number(len(found), Basis.RUN),
        "slots": number(slots, Basis.RUN),
        "growth": trimmed(Fraction(slots, len(found)), Basis.DERIVED, "times", 1),
        **{role: number(sum(one.role == role for one in found), Basis.RUN) for role in ROLES},
    }
    head = ("routine", code(routine, Basis.RUN))
    return ViewBundle(
        caption=Label("caption.bt_listing", (head,)),
        alt=Label("alt.bt_listing", (head, *values.items())),
        view=Table(
            Label("column.guest_code"),
            (Label("column.becomes"), Label("column.translated_code")),
            rows,
            (Label("note.virtual_page"),),
        ),
        values=values,
    )
