"""Products that are one of the presets: data/products.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Product:
    """An alias of a preset. ``sources`` are citation keys, ``as_of`` the day they were read."""

    name: str
    preset: str
    as_of: str
    sources: tuple[str, ...]
    note: str


@lru_cache(maxsize=1)
def products() -> Mapping[str, Product]:
    """All of them by name."""
    text = (files("virtdocs") / "data" / "products.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            name: Product(
                name,
                str(row["preset"]),
                str(row["as_of"]),
                tuple(row["sources"]),
                str(row["note"]),
            )
            for name, row in tomllib.loads(text).items()
        }
    )


def aliases() -> Mapping[str, str]:
    """The preset behind each product's name."""
    return MappingProxyType({name: one.preset for name, one in products().items()})
