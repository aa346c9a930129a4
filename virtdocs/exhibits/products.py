"""Exhibits of products: the source document's lists, techniques by axis, hypervisor types."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.hypervisor_types import hypervisor_types
from virtdocs.experiments.place import places
from virtdocs.experiments.product_lists import (
    ALL,
    KINDS,
    LISTS,
    listed,
    model_in,
    runs_unmodified,
)
from virtdocs.views import hypervisor_types as types_view
from virtdocs.views import products as products_view
from virtdocs.views import taxonomy as taxonomy_view
from virtdocs.views.model import ViewBundle

AXES = Parameter("three", tuple(taxonomy_view.COLUMNS))


def products(list: str) -> ViewBundle:
    """The products of a list of the source document, or all that are known."""
    shown = listed(list)
    found = {one.product.name: model_in(list, one.product) for one in shown}
    models = {name: one for name, one in found.items() if one}
    wanted = models if "unmodified" in products_view.COLUMNS[list] else {}
    unmodified = {name: runs_unmodified(one.preset) for name, one in wanted.items()}
    return products_view.table(list, shown, models, unmodified)


def taxonomy(axes: str) -> ViewBundle:
    """Every technique by axis: full, mixed, paravirtual."""
    return taxonomy_view.table(axes, places())


def hypervisor_type() -> ViewBundle:
    """Who acts on a disk write under each hypervisor, by the type that sources give it."""
    return types_view.table(hypervisor_types())


EXHIBITS = (
    Exhibit("products", products, (("list", Parameter(ALL, (ALL, *LISTS, *KINDS))),)),
    Exhibit("taxonomy", taxonomy, (("axes", AXES),)),
    Exhibit("hypervisor_type", hypervisor_type),
)
