"""A balloon's course: pages of the guest, pages of the host, entries into the hypervisor."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Label,
    Panels,
    Value,
    ViewBundle,
    code,
    number,
    technique_value,
    trimmed,
)

if TYPE_CHECKING:
    from virtdocs.experiments.balloon import Moment, Timeline

FIGURES = ("guest", "host", "entries")


def course(found: Timeline) -> ViewBundle:
    """Three charts over the same moments."""
    charts = tuple(
        Chart(
            Label(f"axis.balloon_{figure}"),
            tuple(
                Bar(_head(one), number(getattr(one, figure), Basis.RUN), found.technique)
                for one in found.moments
            ),
        )
        for figure in FIGURES
    )
    first, full, last = found.moments[0], found.full, found.moments[-1]
    per_page = Fraction(last.messages, 2 * found.pages)
    values: dict[str, Value] = {
        "technique": technique_value(found.technique),
        "device": code(found.device, Basis.RUN),
        "pages": number(found.pages, Basis.DERIVED),
        "guest_before": number(first.guest, Basis.RUN),
        "guest_full": number(full.guest, Basis.RUN),
        "guest_after": number(last.guest, Basis.RUN),
        "host_full": number(full.host, Basis.RUN),
        "messages": number(last.messages, Basis.RUN),
        "messages_full": number(full.messages, Basis.RUN),
        "messages_per_page": trimmed(per_page, Basis.DERIVED, digits=3),
        "entries": number(last.entries, Basis.RUN),
        "entries_full": number(full.entries, Basis.RUN),
        "entries_back": number(last.entries - full.entries, Basis.DERIVED),
    }
    head = ("technique", "device")
    alt = ("pages", "guest_before", "guest_full", "entries_full", "entries_back")
    return ViewBundle(
        caption=Label("caption.balloon", tuple((key, values[key]) for key in head)),
        alt=Label("alt.balloon", tuple((key, values[key]) for key in alt)),
        view=Panels(charts, (Label(f"note.balloon_{'called' if found.by_call else 'touched'}"),)),
        values=values,
        commands=(
            f"virtdocs run balloon --technique {found.technique} --io {found.device}"
            f" --param pages={found.pages} --param ops={2 * found.pages} --json",
        ),
    )


def _head(one: Moment) -> Label:
    return Label("row.at_time", (("n", number(one.time, Basis.RUN)),))
