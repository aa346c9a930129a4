"""Exhibits: what a page may show, by name.

    EXHIBITS: Mapping[str, Exhibit]     every exhibit, by name
    resolve(name, params)               the parameters with defaults, checked, nothing computed
    build(name, params) -> Built        compute one; params as written on the page
    Built.name .params .values .bundle .engine_hash .answer_hash .command

`build` and `resolve` raise `UnknownName` for a name or parameter that does not exist
(with the nearest that does) and `BadValue` for a value outside its choices; both are
`VirtdocsError`. Nothing is kept: a caller that shows an exhibit twice memoises by
``(name, resolve(name, params))``. ``Built.values`` holds the keys of inline tags.
"""

from __future__ import annotations

from collections.abc import Mapping

from virtdocs.errors import UnknownName
from virtdocs.exhibits import (
    balloons,
    comparisons,
    costs,
    devices,
    fastest,
    guest_code,
    instruction,
    io_paths,
    paging,
    presets,
    products,
    properties,
    runs,
    source_claims,
    source_document,
    speed,
)
from virtdocs.exhibits.registry import (
    Built,
    Exhibit,
    Parameter,
    Params,
    collect,
    compute,
    finish,
)
from virtdocs.views.model import ViewBundle

EXHIBITS: Mapping[str, Exhibit] = collect(
    group.EXHIBITS
    for group in (
        instruction,
        runs,
        presets,
        products,
        guest_code,
        paging,
        devices,
        io_paths,
        properties,
        balloons,
        source_document,
        source_claims,
        costs,
        comparisons,
        fastest,
        speed,
    )
)


def named(name: str) -> Exhibit:
    """The exhibit of this name, or UnknownName."""
    if name not in EXHIBITS:
        raise UnknownName("exhibits", "exhibit", name, EXHIBITS)
    return EXHIBITS[name]


def resolve(name: str, params: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Every parameter of the exhibit with its value; computes nothing."""
    return named(name).resolve(params)


def build(name: str, params: Mapping[str, object]) -> Built:
    """Compute an exhibit."""
    return compute(named(name), params)


def finished(name: str, params: Params, bundle: ViewBundle) -> Built:
    """An exhibit of which somebody kept what it shows."""
    return finish(named(name), params, bundle)


__all__ = ["EXHIBITS", "Built", "Exhibit", "Parameter", "build", "finished", "named", "resolve"]
