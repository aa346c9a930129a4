"""Which products stand in which of the source document's lists, and in which they belong.

The document lists products by type (3.1, 3.2) and by technique (4.5, 5.6). A product is
shown where the document lists it, and where its facts or the runs of its presets put it:
by a reading of its type, by a kernel for bare hardware that boots, by an interface that no
real hardware has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from virtdocs.experiments.image_matrix import attempt
from virtdocs.experiments.products import Fact, Product, products
from virtdocs.experiments.taxonomy import paravirtual_axes
from virtdocs.experiments.techniques import Technique, technique

# The list of the source document whose items name each list's products.
LISTS: Final[Mapping[str, str]] = MappingProxyType(
    {"type1": "L3.1-", "type2": "L3.2-", "full": "L4.5-", "para": "L5.6-"}
)
# Lists by what a product is, for what the document names in passing.
KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "devices": ("pv_device", "pv_driver", "tool"),
        "clouds": ("cloud", "container"),
        "processors": ("cpu_feature", "processor"),
        "guests": ("guest_os", "application"),
    }
)
ALL: Final = "all"
NAMED: Final = "P"  # begins the id of a product that the document names anywhere
RUNNERS: Final = ("hypervisor", "emulator")  # what runs guests itself
TYPED: Final = (*RUNNERS, "platform")


@dataclass(frozen=True, slots=True)
class Listed:
    """A product in a list. ``by_document``: the source document has it there.

    ``readings`` are what sources say of its type; ``inherited`` when they are those of the
    hypervisor that it is built on.
    """

    product: Product
    by_document: bool
    readings: tuple[Fact, ...]
    inherited: bool


def listed(name: str) -> tuple[Listed, ...]:
    """A list of LISTS or KINDS, or ALL; the document's own products first."""
    everything = [_listed(one, name) for one in products().values()]
    if name in KINDS:
        return tuple(one for one in everything if one.product.kind in KINDS[name])
    if name == ALL:
        return tuple(everything)
    shown = [one for one in everything if one.by_document or belongs(one.product, name)]
    return tuple(sorted(shown, key=lambda one: not one.by_document))


def _listed(product: Product, name: str) -> Listed:
    start = LISTS.get(name, NAMED)
    by_document = any(part.startswith(start) for part in product.covers)
    return Listed(product, by_document, readings(product), not product.all("type"))


def belongs(product: Product, name: str) -> bool:
    """Whether facts and runs put a product into a list."""
    if name in ("type1", "type2"):
        return product.kind in TYPED and name in {one.value for one in readings(product)}
    return product.kind in RUNNERS and any(_fits(name, preset) for preset in presets(product))


def _fits(name: str, preset: Technique) -> bool:
    """Whether a preset is of a list by technique; lists by type ask nothing of it."""
    if name == "full":
        return runs_unmodified(preset)
    return name != "para" or bool(paravirtual_axes(preset))


@dataclass(frozen=True, slots=True)
class Model:
    """The preset that stands for a product today. ``fact`` is the mode that says so; ``base``
    the product that it is built on when the mode is that one's; neither: the editors' choice."""

    preset: Technique
    fact: Fact | None = None
    base: str = ""


def model_in(name: str, product: Product) -> Model | None:
    """Today's model of a product, or the first mode that puts it into the list."""
    today = model(product)
    if today is None or _fits(name, today.preset):
        return today
    modes = (one for one in product.all("mode") if not one.era)
    others = (Model(technique(one.value), one) for one in modes)
    return next((one for one in others if _fits(name, one.preset)), today)


def model(product: Product) -> Model | None:
    """How a product runs a guest today, None for what runs none."""
    if product.modelled:
        return Model(technique(product.modelled), product.mode)
    bases = product.all("built_on")
    if not bases:
        return None
    base = products()[bases[-1].value]  # the latest
    under = model(base)
    return Model(under.preset, under.fact, base.name) if under else None


def readings(product: Product) -> tuple[Fact, ...]:
    """What sources say of its type, or of the type of the hypervisor that a platform builds on."""
    own = product.all("type")
    if own or product.kind != "platform":
        return own
    return tuple(
        one for base in product.all("built_on") for one in readings(products()[base.value])
    )


def presets(product: Product) -> tuple[Technique, ...]:
    """Every preset that a mode names, as it was in the mode's era; else the editors' model."""
    modes = product.all("mode")
    found = [technique(one.value, era_name=one.era or None) for one in modes]
    return (*found, technique(product.preset)) if product.preset else tuple(found)


@lru_cache(maxsize=64)
def runs_unmodified(preset: Technique) -> bool:
    """Whether a kernel built for bare hardware boots, and its program comes to its end."""
    return attempt("native", preset).runs
