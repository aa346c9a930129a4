"""The instruction by which a guest's kernel calls its hypervisor, per technique and vendor."""

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
    code,
    number,
    technique_label,
    term,
)

if TYPE_CHECKING:
    from virtdocs.experiments.hypercall_stubs import Stub

VENDORS = ("intel", "amd")


def hypercalls(stubs: Sequence[Stub]) -> ViewBundle:
    """The instruction that enters the hypervisor, per technique and vendor."""
    by_place = {(one.technique, one.vendor): one for one in stubs}
    names = list(dict.fromkeys(one.technique for one in stubs))
    rows = tuple(
        Row(
            technique_label(name),
            (
                number(by_place[name, VENDORS[0]].kernel_cpl, Basis.RUN),
                *(code(by_place[name, vendor].enters, Basis.RUN) for vendor in VENDORS),
                term("entry.exit" if by_place[name, VENDORS[0]].exits else "entry.gate", Basis.RUN),
            ),
            name,
        )
        for name in names
    )
    values: dict[str, Value] = {
        f"{one.technique}.{one.vendor}": code(one.enters, Basis.RUN) for one in stubs
    }
    values |= {f"{one.technique}.kernel_cpl": number(one.kernel_cpl, Basis.RUN) for one in stubs}
    summary = {
        "techniques": number(len(names), Basis.DERIVED),
        "instructions": number(len({one.enters for one in stubs}), Basis.DERIVED),
        "names": code(", ".join(dict.fromkeys(one.enters for one in stubs)), Basis.RUN),
    }
    columns = ("kernel_cpl", "on_intel", "on_amd", "enters_by")
    return ViewBundle(
        caption=Label("caption.hypercall_abi"),
        alt=Label("alt.hypercall_abi", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"column.{key}") for key in columns),
            rows,
            (Label("note.from_stubs"),),
        ),
        values=values | summary,
    )
