"""Page walks: how many entries they read for every depth of tables, and one walk drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    WalkGrid,
    number,
    trimmed,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.walk_grid import Walk

NESTED_COLOUR = "hw_nested"  # the technique whose hardware walks so
STRONGEST = Fraction(2, 5)  # tint of the largest count


def grid(walks: Sequence[Walk], native: Mapping[int, int]) -> ViewBundle:
    """Counted entries: a row per depth of the guest's tables, a column per nested depth."""
    counts = {(one.guest_levels, one.nested_levels): len(one.references) for one in walks}
    guest_depths, nested_depths = (sorted({pair[axis] for pair in counts}) for axis in (0, 1))
    largest = max(counts.values())
    rows = tuple(
        Row(
            Label("row.levels", (("n", number(n, Basis.RUN)),)),
            (
                number(native[n], Basis.RUN),
                *(number(counts[n, m], Basis.RUN) for m in nested_depths),
            ),
            shades=tuple(
                STRONGEST * Fraction(count, largest)
                for count in (native[n], *(counts[n, m] for m in nested_depths))
            ),
        )
        for n in guest_depths
    )
    formula = [count == (n + 1) * (m + 1) - 1 for (n, m), count in counts.items()]
    deepest = (guest_depths[-1], nested_depths[-1])
    values = {
        **{f"native_{n}": number(count, Basis.RUN) for n, count in native.items()},
        **{f"nested_{n}x{m}": number(count, Basis.RUN) for (n, m), count in counts.items()},
        **{
            f"times_{n}x{m}": trimmed(Fraction(count, native[n]), Basis.DERIVED, "times", 1)
            for (n, m), count in counts.items()
        },
        "walks": number(len(counts), Basis.DERIVED),
        "as_formula": number(sum(formula), Basis.DERIVED),
        "formula_holds": yes_no(all(formula), Basis.DERIVED),
        "most": number(counts[deepest], Basis.RUN),
        "most_native": number(native[deepest[0]], Basis.RUN),
        "deepest": number(deepest[0], Basis.RUN),
    }
    alt = ("walks", "as_formula", "deepest", "most", "most_native")
    return ViewBundle(
        caption=Label("caption.walk_grid"),
        alt=Label("alt.walk_grid", tuple((key, values[key]) for key in alt)),
        view=Table(
            Label("column.guest_levels"),
            (
                Label("column.without_nested"),
                *(
                    Label("column.nested_levels", (("n", number(m, Basis.RUN)),))
                    for m in nested_depths
                ),
            ),
            rows,
            (Label("note.cold_walk"),),
            dense=True,
        ),
        values=values,
    )


def drawn(walk: Walk, native: int) -> ViewBundle:
    """One walk, reference by reference."""
    n, m = walk.guest_levels, walk.nested_levels
    places = tuple((own, m - level) for own, level in walk.references)
    nested = sum(level > 0 for _, level in walk.references)
    values: dict[str, Value] = {
        "guest_levels": number(n, Basis.RUN),
        "nested_levels": number(m, Basis.RUN),
        "references": number(len(places), Basis.RUN),
        "guest_references": number(len(places) - nested, Basis.RUN),
        "nested_references": number(nested, Basis.RUN),
        "native_references": number(native, Basis.RUN),
        "times_native": trimmed(Fraction(len(places), native), Basis.DERIVED, "times", 1),
    }
    head = tuple((key, values[key]) for key in ("guest_levels", "nested_levels"))
    return ViewBundle(
        caption=Label("caption.walk_2d", head),
        alt=Label("alt.walk_2d", tuple(values.items())),
        view=WalkGrid(NESTED_COLOUR, n, m, places, (Label("note.cold_walk"),)),
        values=values,
    )
