"""Page sizes on either side, beside what a walk reads and how often the TLB misses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    technique_label,
    term,
    trimmed,
)
from virtdocs.views.outcomes import run_commands, total

if TYPE_CHECKING:
    from virtdocs.experiments.page_sizes import Sizes

COLUMNS = ("guest_page", "nested_page", "references", "tlb_misses", "walk_refs")


def table(found: Sequence[Sizes], workload: str, ops: int, *, nested: str) -> ViewBundle:
    """A row for each choice; the summary is of the technique ``nested``."""
    values: dict[str, Value] = {}
    rows = []
    for one in found:
        cells = {
            "references": trimmed(one.references, Basis.RUN),
            "misses": trimmed(total(one.run.counts_per_op, "tlb_miss"), Basis.RUN, "per_op"),
            "read": trimmed(total(one.run.counts_per_op, "walk_refs"), Basis.RUN, "per_op"),
        }
        sizes = (one.guest,) if one.nested is None else (one.guest, one.nested)
        key = ".".join((one.technique, *(f"of_{size.lower()}" for size in sizes)))
        values |= {f"{key}.{what}": cell for what, cell in cells.items()}
        second = "absent" if one.nested is None else f"page_size.{one.nested}"
        pages = (term(f"page_size.{one.guest}", Basis.RUN), term(second, Basis.RUN))
        rows.append(Row(technique_label(one.technique), (*pages, *cells.values()), one.technique))
    small, large = (f"{nested}.of_{size}.of_{size}" for size in ("4k", "2m"))
    summary = {
        "choices": number(len(found), Basis.DERIVED),
        "small": values[f"{small}.references"],
        "large": values[f"{large}.references"],
        "small_misses": values[f"{small}.misses"],
        "large_misses": values[f"{large}.misses"],
    }
    return ViewBundle(
        caption=Label("caption.large_pages"),
        alt=Label("alt.large_pages", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"column.{key}") for key in COLUMNS),
            tuple(rows),
            (Label("note.large_pages"),),
        ),
        values=values | summary,
        commands=tuple(
            line
            for one in found
            for line in run_commands(workload, (one.technique,), ops, **one.params)
        ),
    )
