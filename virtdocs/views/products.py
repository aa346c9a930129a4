"""Products: what each is, how it runs a guest on three axes, and since when that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from virtdocs.experiments.product_lists import LISTS
from virtdocs.experiments.products import FIELDS
from virtdocs.experiments.taxonomy import group
from virtdocs.views.model import (
    Basis,
    Form,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    term,
    yes_no,
)

if TYPE_CHECKING:
    from virtdocs.experiments.product_lists import Listed, Model
    from virtdocs.experiments.products import Fact, Product

AXES = {"cpu": "axis_cpu", "mmu": "mmu", "io": "axis_io", "irq": "axis_irq", "boot": "axis_boot"}
SHOWN_AXES = ("cpu", "mmu", "io")
# Fields of which a table shows words of the catalogue, and those of which it shows the value.
WORDS: Mapping[str, Callable[[str], str]] = {
    "kind": lambda value: f"product_kind.{value}",
    "hardware": lambda value: f"product_hardware.{value}",
    "linux": lambda value: f"product_drivers.{value}",
    "windows": lambda value: f"product_drivers.{value}",
    "pv_kernel": lambda value: f"product_pv_kernel.{value}",
    "status": lambda value: f"product_status.{value}",
    "price": lambda value: f"product_price.{value}",
}
PLAIN = ("pv_devices", "release", "support_ends")
TAIL = ("release", "status", "as_of", "cited")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "type1": ("kind", "type", "model", *SHOWN_AXES, "default", "pv_devices", *TAIL),
    "type2": ("kind", "type", "model", *SHOWN_AXES, "default", "pv_devices", *TAIL),
    "full": ("kind", "model", *SHOWN_AXES, "place", "unmodified", "other_modes", "hardware", *TAIL),
    "para": ("kind", "model", *SHOWN_AXES, "place", "default", "other_modes", "pv_devices", *TAIL),
    "devices": ("pv_devices", "linux", "windows", *TAIL),
    "processors": ("as_of", "cited"),
    "clouds": ("built_on", "model", *SHOWN_AXES, "as_of", "cited"),
    "guests": ("pv_kernel", "release", "support_ends", "status", "as_of", "cited"),
    "all": ("model", "built_on", "price", "release", "support_ends", "status", "as_of", "cited"),
}  # fmt: skip
TO_A_LINE = 2
ABSENT = term("absent", Basis.DERIVED)


def table(
    name: str,
    shown: Sequence[Listed],
    models: Mapping[str, Model],
    unmodified: Mapping[str, bool],
) -> ViewBundle:
    """The products of a list: a row for each, by kind or by who put it into the list."""
    columns = COLUMNS[name]
    rows = tuple(
        Row(
            product_label(one.product.name),
            tuple(_cell(key, one, models.get(one.product.name), unmodified) for key in columns),
            _colour(models.get(one.product.name)),
            _group(name, one),
            anchor=anchor(one.product.name),
        )
        for one in sorted(shown, key=_as_listed if name in LISTS else _by_kind)
    )
    contested = [one for one in shown if is_contested(one.readings)]
    list_name = term(f"product_list.{name}", Basis.DERIVED)
    summary = {
        "products": number(len(shown), Basis.DERIVED),
        "by_document": number(sum(one.by_document for one in shown), Basis.DERIVED),
        "added": number(sum(not one.by_document for one in shown), Basis.DERIVED),
        "contested": number(len(contested), Basis.DERIVED),
        "kinds": number(len({one.product.kind for one in shown}), Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.products", (("list", list_name),)),
        alt=_alt(name, (("list", list_name), *summary.items())),
        view=Table(
            Label("column.product_name"),
            tuple(Label(f"column.product_{key}") for key in columns),
            rows,
            _notes(name, shown),
            dense=True,
        ),
        values=summary | _values(shown, models),
        sources=_sources(shown, models),
    )


def _alt(name: str, args: tuple[tuple[str, Value], ...]) -> Label:
    """With what sources say of types, where the list is one of types."""
    if name in ("type1", "type2"):
        return Label("alt.products_by_type", args)
    return Label("alt.products", tuple(one for one in args if one[0] != "contested"))


def product_label(name: str) -> Label:
    """The name of a product as a row head."""
    return Label(f"product.{name}")


def anchor(name: str) -> str:
    """The row's anchor: the product's or preset's name as an HTML id has it."""
    return name.replace("_", "-")


def is_contested(readings: Sequence[Fact]) -> bool:
    """Whether sources differ about a type."""
    return len({one.value for one in readings}) > 1


def type_cell(readings: Sequence[Fact], inherited: bool) -> Value:
    """The type, or that sources differ; a platform has that of its hypervisor."""
    if not readings:
        return ABSENT
    word = "contested" if is_contested(readings) else readings[0].value
    basis = Basis.DERIVED if inherited else Basis.SOURCED
    return term(f"hypervisor_type.{word}", basis, tuple(one.where for one in readings))


def axis(preset_axes: Mapping[str, str], name: str, basis: Basis = Basis.DERIVED) -> Value:
    """The value of an axis, as a word."""
    return term(f"{AXES[name]}.{preset_axes[name]}", basis)


def _axis_of(model: Model, name: str) -> Value:
    """A product runs on both makers' processors; a preset is run on one at a time."""
    if name == "cpu" and model.preset.hardware_assist:
        return term("axis_cpu.assisted", Basis.DERIVED)
    return axis(model.preset.axes, name)


def fact_cell(product: Product, field: str) -> Value:
    """What the facts of a field say, with their places."""
    found = product.all(field)
    if not found:
        return ABSENT
    where = tuple(one.where for one in found)
    if field in WORDS:
        keys = " ".join(WORDS[field](one.value) for one in found)
        return Value(keys, Basis.SOURCED, Form.TERMS, where=where)
    values = dict.fromkeys(value for one in found for value in one.values)
    return Value(_lines(tuple(values)), Basis.SOURCED, Form.CODE, where=where)


def status_cell(product: Product) -> Value:
    """The status that a source gives, else whether its support had ended by the fact's date."""
    ends = product.first("support_ends")
    if product.all("status") or ends is None:
        return fact_cell(product, "status")
    word = "supported" if ends.value > ends.as_of else "support_ended"
    return term(f"product_status.{word}", Basis.DERIVED, (ends.where,))


def _cell(key: str, one: Listed, model: Model | None, unmodified: Mapping[str, bool]) -> Value:
    if key == "status":
        return status_cell(one.product)
    if key in (*WORDS, *PLAIN):
        return fact_cell(one.product, key)
    if key == "type":
        return type_cell(one.readings, one.inherited)
    if key == "other_modes":
        return _other_modes(one.product, model)
    if key in OF_FACTS:
        return OF_FACTS[key](one.product)
    if model is None:
        return ABSENT
    if key in AXES:
        return _axis_of(model, key)
    if key == "place":
        return term(f"place_word.{group(model.preset)}", Basis.DERIVED)
    if key == "unmodified":
        return yes_no(unmodified[one.product.name], Basis.RUN)
    if key == "default":
        default = model.fact is not None and model.fact.default
        return yes_no(True, Basis.SOURCED) if default else ABSENT
    return model_cell(model)


def model_cell(model: Model) -> Value:
    """The preset that stands for a product: a source's, its base's or the editors'."""
    name = model.preset.name
    if model.base:
        return code(name, Basis.DERIVED)
    if model.fact is None:
        return code(name, Basis.JUDGED)
    return Value(name, Basis.SOURCED, Form.CODE, where=(model.fact.where,))


def _other_modes(product: Product, model: Model | None) -> Value:
    others = [one for one in product.all("mode") if model is None or one is not model.fact]
    if not others:
        return ABSENT
    keys = [f"mode_then.{one.value}" if one.era else f"technique.{one.value}" for one in others]
    where = tuple(one.where for one in others)
    return Value(" ".join(keys), Basis.SOURCED, Form.TERMS, where=where)


def _built_on(product: Product) -> Value:
    found = product.all("built_on")
    if not found:
        return ABSENT
    keys = " ".join(f"product.{one.value}" for one in found)
    return Value(keys, Basis.SOURCED, Form.TERMS, where=tuple(one.where for one in found))


def _as_of(product: Product) -> Value:
    """The oldest and the youngest of its facts' dates."""
    dates = sorted({one.as_of for found in product.facts.values() for one in found})
    return code("–".join(dict.fromkeys((dates[0], dates[-1]))), Basis.SOURCED)


def _cited(product: Product) -> Value:
    return code(_lines(product.sources), Basis.SOURCED)


def _lines(names: Sequence[str]) -> str:
    """A few names to a line, as code is not broken."""
    lines = (names[at : at + TO_A_LINE] for at in range(0, len(names), TO_A_LINE))
    return ",\n".join(", ".join(line) for line in lines)


OF_FACTS: Mapping[str, Callable[[Product], Value]] = {
    "built_on": _built_on,
    "as_of": _as_of,
    "cited": _cited,
}


def _by_kind(one: Listed) -> int:
    return FIELDS["kind"].index(one.product.kind)


def _as_listed(one: Listed) -> int:
    return not one.by_document


def _group(name: str, one: Listed) -> Label:
    if name not in LISTS:
        return Label(f"product_kind.{one.product.kind}")
    return Label("group.by_document" if one.by_document else "group.added")


def _colour(model: Model | None) -> str:
    return model.preset.name if model else ""


def _notes(name: str, shown: Sequence[Listed]) -> tuple[Label, ...]:
    notes = [Label("note.product_marks")]
    if name in ("type1", "type2") and any(is_contested(one.readings) for one in shown):
        notes.append(Label("note.contested_type"))
    return tuple(notes)


def _values(shown: Sequence[Listed], models: Mapping[str, Model]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for one in shown:
        name, product = one.product.name, one.product
        cells = {
            **{
                field: fact_cell(product, field) for field in (*WORDS, *PLAIN) if product.all(field)
            },
            "as_of": _as_of(product),
            "status": status_cell(product),
        }
        if one.readings:
            cells["type"] = type_cell(one.readings, one.inherited)
        if name in models:
            cells["model"] = model_cell(models[name])
            cells |= {key: _axis_of(models[name], key) for key in AXES}
        values |= {f"{name}.{key}": value for key, value in cells.items()}
    return values


def _sources(shown: Sequence[Listed], models: Mapping[str, Model]) -> tuple[str, ...]:
    keys = [key for one in shown for key in one.product.sources]
    keys += [fact.source for one in shown for fact in one.readings]
    keys += [one.fact.source for one in models.values() if one.fact]
    return tuple(dict.fromkeys(keys))
