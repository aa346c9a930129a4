"""What a figure shows, in words: generated from its data, so that it cannot drift."""

from __future__ import annotations

from virtdocs.exhibits.registry import Built
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text, value_text
from virtdocs.render.table import cell_text
from virtdocs.views.model import Chart, Curves, Flow, Panels, Rings, WalkGrid, WinnerMap
from virtdocs.views.tabular import table_of


def caption(built: Built, words: Catalogue) -> str:
    """The caption, without number."""
    return label_text(built.bundle.caption, words)


def summary(built: Built, words: Catalogue) -> str:
    """One sentence on what the data says, shown under the caption."""
    return label_text(built.bundle.alt, words)


def description(built: Built, words: Catalogue) -> str:
    """The summary and every mark of the figure, for readers who can't see it."""
    return " ".join([summary(built, words), *_marks(built, words)])


def _marks(built: Built, words: Catalogue) -> list[str]:
    view = built.bundle.view
    if isinstance(view, Flow):
        return [
            f"{n}. {words.text(f'party.{step.party}')}: {label_text(step.label, words)}."
            for n, step in enumerate(view.steps, start=1)
        ]
    if isinstance(view, Chart):
        return [
            f"{label_text(bar.head, words)}: {value_text(bar.value, words)}." for bar in view.bars
        ]
    if isinstance(view, Panels):
        return [
            f"{label_text(chart.axis, words)}: "
            + ", ".join(
                f"{label_text(bar.head, words)} {value_text(bar.value, words)}"
                for bar in chart.bars
            )
            + "."
            for chart in view.charts
        ]
    if isinstance(view, Curves):
        return [
            ", ".join(label_text(head, words) for head in curve.heads)
            + ": "
            + ", ".join(value_text(value, words) for value in curve.values)
            + "."
            for curve in view.curves
        ]
    if isinstance(view, WalkGrid | WinnerMap):
        rows = table_of(view).rows
        return [
            f"{cell_text(row.head, words)}. "
            + ", ".join(cell_text(c, words) for c in row.cells)
            + "."
            for row in rows
        ]
    if isinstance(view, Rings):
        return [
            words.text(
                "alt.occupant",
                {
                    "party": words.text(f"party.{one.party}"),
                    "ring": words.text("ui.ring", {"n": str(one.cpl)}),
                    "mode": words.text(one.mode(view.two_modes)),
                },
            )
            for one in view.occupants
        ]
    return []
