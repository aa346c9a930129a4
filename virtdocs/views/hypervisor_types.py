"""Type 1 and type 2 by what a run shows: who acts on a disk write, and at which level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtdocs.experiments.products import FIELDS
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
from virtdocs.views.products import (
    anchor,
    fact_cell,
    is_contested,
    model_cell,
    product_label,
    type_cell,
)

if TYPE_CHECKING:
    from virtdocs.experiments.hypervisor_types import Shown

TYPES = ("type1", "contested", "type2", "none")
COLUMNS = (
    "kind", "model", "disk", "write_path", "system_on_path", "path_parties", "kernel_level",
    "monitor_level", "price",
)  # fmt: skip


def table(shown: Sequence[Shown]) -> ViewBundle:
    """A row for each hypervisor, by the type that sources give it."""
    rows = tuple(
        Row(
            product_label(one.product.name),
            (
                fact_cell(one.product, "kind"),
                model_cell(one.model),
                code(one.path.device, Basis.RUN),
                _parties(one),
                _systems(one),
                number(len(one.path.between), Basis.RUN),
                _level(one.levels.kernel_cpl, guest=one.levels.host_mode, basis=Basis.RUN),
                _monitor(one),
                fact_cell(one.product, "price"),
            ),
            one.model.preset.name,
            Label(f"hypervisor_group.{_type(one)}"),
            anchor=anchor(one.product.name),
        )
        for one in sorted(shown, key=lambda one: TYPES.index(_type(one)))
    )
    found = Counter(_type(one) for one in shown)
    with_system = Counter(_type(one) for one in shown if one.path.systems)
    summary = {
        "hypervisors": number(len(shown), Basis.DERIVED),
        **{kind: number(found[kind], Basis.DERIVED) for kind in TYPES},
        **{f"{kind}_with_system": number(with_system[kind], Basis.DERIVED) for kind in TYPES},
        "with_system": number(sum(with_system.values()), Basis.DERIVED),
    }
    prices = Counter((_type(one), fact.value) for one in shown for fact in one.product.all("price"))
    values: dict[str, Value] = summary | {
        f"{kind}_{price}": number(prices[kind, price], Basis.DERIVED)
        for kind in TYPES
        for price in FIELDS["price"]
    }
    for one in shown:
        name = one.product.name
        values |= {
            f"{name}.type": type_cell(one.readings, inherited=False),
            f"{name}.write_path": _parties(one),
            f"{name}.system_on_path": _systems(one),
            f"{name}.has_system": yes_no(bool(one.path.systems), Basis.RUN),
            f"{name}.path_parties": number(len(one.path.between), Basis.RUN),
            f"{name}.kernel_cpl": number(one.levels.kernel_cpl, Basis.RUN),
        }
    sources = [fact.source for one in shown for fact in one.readings]
    sources += [key for one in shown for key in one.product.sources]
    return ViewBundle(
        caption=Label("caption.hypervisor_type"),
        alt=Label("alt.hypervisor_type", tuple(summary.items())),
        view=Table(
            Label("column.product_name"),
            tuple(Label(f"column.{_column(key)}") for key in COLUMNS),
            rows,
            (Label("note.contested_type"), Label("note.write_path"), Label("note.product_marks")),
            dense=True,
        ),
        values=values,
        sources=tuple(dict.fromkeys(sources)),
    )


def _column(key: str) -> str:
    return f"product_{key}" if key in ("kind", "model", "price") else key


def _type(one: Shown) -> str:
    if not one.readings:
        return "none"
    return "contested" if is_contested(one.readings) else one.readings[0].value


def _parties(one: Shown) -> Value:
    return terms(tuple(f"party.{party}" for party in one.path.between), Basis.RUN)


def _systems(one: Shown) -> Value:
    if not one.path.systems:
        return term("answer.no_system", Basis.RUN)
    return terms(tuple(f"party.{party}" for party in one.path.systems), Basis.RUN)


def _monitor(one: Shown) -> Value:
    """No guest code runs there: its level follows from the preset, not from a run."""
    cpl = one.levels.monitor_cpl
    if cpl is None or one.model.preset.cpu == "emulation":
        return term("level.process", Basis.DERIVED)
    return term(f"level.{'host' if one.levels.host_mode else 'only'}_{cpl}", Basis.DERIVED)


def _level(cpl: int, *, guest: bool, basis: Basis) -> Value:
    return term(f"level.{'guest' if guest else 'only'}_{cpl}", basis)
