"""Exhibits: what a page may show, by name.

    EXHIBITS: Mapping[str, Exhibit]     every exhibit, by name
    GROUPS                              the modules of this package that declare them
    resolve(name, params)               the parameters with defaults, checked, nothing computed
    build(name, params) -> Built        compute one; params as written on the page
    Built.name .params .values .bundle .engine_hash .answer_hash .command

`build` and `resolve` raise `UnknownName` for a name or parameter that does not exist
(with the nearest that does) and `BadValue` for a value outside its choices; both are
`VirtdocsError`. Nothing is kept: a caller that shows an exhibit twice memoises by
``(name, resolve(name, params))``. ``Built.values`` holds the keys of inline tags.

A group is imported when it is asked for, as it imports the engine with it: a site of which
nothing changed needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Final

from virtdocs.errors import UnknownName
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

GROUPS: Final = (
    "instruction",
    "nested",
    "runs",
    "presets",
    "products",
    "guest_code",
    "paging",
    "devices",
    "io_paths",
    "properties",
    "balloons",
    "source_document",
    "source_claims",
    "costs",
    "comparisons",
    "fastest",
    "speed",
    "builds",
)
EXHIBITS: Mapping[str, Exhibit]  # found by __getattr__, as every group is imported for it


def __getattr__(name: str) -> Mapping[str, Exhibit]:
    if name == "EXHIBITS":
        return _every()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@lru_cache(maxsize=1)
def _every() -> Mapping[str, Exhibit]:
    return collect(group(one) for one in GROUPS)


def replaced() -> Mapping[str, Exhibit] | None:
    """What somebody has put in place of the declared exhibits, if anybody has."""
    return globals().get("EXHIBITS")


def module_of(name: str) -> str:
    """The full name of a group's module."""
    return f"{__name__}.{name}"


def group(name: str) -> tuple[Exhibit, ...]:
    """The exhibits that one module declares."""
    found: tuple[Exhibit, ...] = import_module(module_of(name)).EXHIBITS
    return found


def named(name: str, within: str = "") -> Exhibit:
    """The exhibit of this name, or UnknownName; ``within``: its group, when it is known."""
    known = replaced()
    if known is None:
        known = {one.name: one for one in group(within)} if within else _every()
    if name not in known:
        raise UnknownName("exhibits", "exhibit", name, known)
    return known[name]


def resolve(name: str, params: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Every parameter of the exhibit with its value; computes nothing."""
    return named(name).resolve(params)


def build(name: str, params: Mapping[str, object], within: str = "") -> Built:
    """Compute an exhibit."""
    return compute(named(name, within), params)


def finished(name: str, params: Params, bundle: ViewBundle, answer_hash: str) -> Built:
    """An exhibit of which somebody kept what it shows."""
    return finish(name, params, bundle, answer_hash)


__all__ = [
    "EXHIBITS",
    "GROUPS",
    "Built",
    "Exhibit",
    "Parameter",
    "build",
    "finished",
    "named",
    "resolve",
]
