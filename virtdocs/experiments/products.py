"""What is known of products, each fact with its source and date: data/products.toml.

A product has facts by field; a field may hold several (two readings of a hypervisor's type,
the modes of Xen). The loader refuses a fact without source, locator or date, and a word that
its field does not know; that the source is in the list of sources is asked by a gate.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from virtdocs.errors import BadValue, UnknownName

FILE: Final = "virtdocs/data/products.toml"
PRODUCT_KEYS: Final = ("covers", "alias", "preset")
FACT_KEYS: Final = ("value", "source", "locator", "as_of", "era", "default", "since")
NEEDED: Final = ("value", "source", "locator", "as_of")
DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
FREE: Final[tuple[str, ...]] = ()  # any word: a preset, a device, a release, a product, a date
FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kind": (
            "hypervisor", "platform", "emulator", "pv_device", "pv_driver", "tool", "cpu_feature",
            "processor", "cloud", "container", "guest_os", "application",
        ),
        "type": ("type1", "type2"),
        "mode": FREE,
        "built_on": FREE,
        "pv_devices": FREE,
        "hardware": ("required",),
        "linux": ("in_kernel", "to_install"),
        "windows": ("in_kernel", "to_install"),
        "pv_kernel": ("shipped",),
        "release": FREE,
        "status": ("current", "renamed", "ended"),
        "price": ("free", "paid", "partly_free"),
        "support_ends": FREE,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """``values`` as ``source`` (a citation key) says at ``locator``, in an edition of ``as_of``.

    ``era`` and ``default`` are a mode's: as it was then; what a guest gets when nobody asks.
    ``since`` is the day from which it holds. Dates are ISO 8601, shortened where unknown.
    """

    values: tuple[str, ...]
    source: str
    locator: str
    as_of: str
    era: str = ""
    default: bool = False
    since: str = ""

    @property
    def value(self) -> str:
        """The first value: most facts have one."""
        return self.values[0]

    @property
    def where(self) -> str:
        """The citation key and the place in the source."""
        return f"{self.source} {self.locator}"


@dataclass(frozen=True, slots=True)
class Product:
    """``covers`` are parts of the source document; ``preset`` is how the engine models it where
    no source says ("" otherwise); ``alias``: the command line takes the name for the preset."""

    name: str
    covers: tuple[str, ...]
    facts: Mapping[str, tuple[Fact, ...]]
    preset: str = ""
    alias: bool = False

    def all(self, field: str) -> tuple[Fact, ...]:
        """Every fact of a field, () where none is known."""
        return self.facts.get(field, ())

    def first(self, field: str) -> Fact | None:
        """The first fact of a field."""
        return next(iter(self.all(field)), None)

    @property
    def kind(self) -> str:
        """What it is: a word of FIELDS["kind"]."""
        return self.facts["kind"][0].value

    @property
    def mode(self) -> Fact | None:
        """Today's mode: what a guest gets when nobody asks for another, else the first."""
        today = [one for one in self.all("mode") if not one.era]
        return next((one for one in today if one.default), next(iter(today), None))

    @property
    def modelled(self) -> str:
        """The preset that stands for it today, "" where none does."""
        return self.mode.value if self.mode else self.preset

    @property
    def sources(self) -> tuple[str, ...]:
        """The citation keys of all facts, each once."""
        return tuple(dict.fromkeys(one.source for found in self.facts.values() for one in found))


@lru_cache(maxsize=1)
def products() -> Mapping[str, Product]:
    """All of them by name, in the file's order."""
    return load(_text("products.toml"))


def aliases() -> Mapping[str, str]:
    """The preset behind each product's name that the command line takes."""
    return MappingProxyType({name: one.modelled for name, one in products().items() if one.alias})


def load(text: str) -> Mapping[str, Product]:
    """The products of a file's text; BadValue or UnknownName with the place of a mistake."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadValue(FILE, f"can't be read: {error}") from error
    found = {name: _product(name, entry) for name, entry in table.items()}
    _check_covers(found)
    for name, one in found.items():
        for fact in one.all("built_on"):
            if fact.value not in found:
                raise UnknownName(f"{FILE}: {name}.built_on", "product", fact.value, found)
    return MappingProxyType(found)


def _text(name: str) -> str:
    return (files("virtdocs") / "data" / name).read_text(encoding="utf-8")


def _product(name: str, entry: Mapping[str, Any]) -> Product:
    facts = {}
    for field, value in entry.items():
        where = f"{FILE}: {name}.{field}"
        if field in PRODUCT_KEYS:
            continue
        if field not in FIELDS:
            raise UnknownName(where, "field", field, (*FIELDS, *PRODUCT_KEYS))
        if not isinstance(value, list) or not value:
            raise BadValue(where, "is a list of facts, each a table with its source and date")
        facts[field] = tuple(_fact(where, FIELDS[field], one) for one in value)
    if "kind" not in facts:
        raise BadValue(f"{FILE}: {name}", "says nowhere what it is: no kind")
    one = Product(
        name,
        tuple(entry.get("covers", ())),
        MappingProxyType(facts),
        str(entry.get("preset", "")),
        bool(entry.get("alias", False)),
    )
    if one.alias and not one.modelled:
        raise BadValue(f"{FILE}: {name}", "is an alias of no preset: neither mode nor preset")
    if one.preset and one.mode is not None:
        raise BadValue(f"{FILE}: {name}", "has a sourced mode and a preset of the editors")
    return one


def _fact(where: str, known: tuple[str, ...], entry: object) -> Fact:
    if not isinstance(entry, dict):
        raise BadValue(where, f"{entry!r} is a value without source and date")
    for key in entry:
        if key not in FACT_KEYS:
            raise UnknownName(where, "part of a fact", key, FACT_KEYS)
    missing = [key for key in NEEDED if not entry.get(key)]
    if missing:
        raise BadValue(where, f"a fact without {' and '.join(missing)}")
    dates = (str(entry["as_of"]), str(entry.get("since", entry["as_of"])))
    for date in dates:
        if not DATE.fullmatch(date):
            raise BadValue(where, f"{date!r} is no date: YYYY, YYYY-MM or YYYY-MM-DD")
    value = entry["value"]
    values = tuple(map(str, value)) if isinstance(value, list) else (str(value),)
    for one in values:
        if known and one not in known:
            raise UnknownName(where, "value", one, known)
    return Fact(
        values,
        str(entry["source"]),
        str(entry["locator"]),
        str(entry["as_of"]),
        str(entry.get("era", "")),
        bool(entry.get("default", False)),
        str(entry.get("since", "")),
    )


def _check_covers(found: Mapping[str, Product]) -> None:
    """A product of the source document stands in one entry only; a list's item may name two."""
    seen: dict[str, str] = {}
    for name, one in found.items():
        for part in one.covers:
            if part in seen and part.startswith("P"):
                raise BadValue(f"{FILE}: {name}", f"{part} is {seen[part]} already")
            seen[part] = name
