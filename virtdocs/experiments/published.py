"""Figures that others published: ``data/published/*.toml``, each with source and place.

``status`` says how far a figure was verified: ``read`` (in the text itself), ``derived``
(worked out from a text) or ``secondary`` (seen quoted elsewhere). What somebody only
remembers has no status here, so it cannot be loaded. ``role`` says what it may do:
``calibration`` sets costs, ``validation`` is a total to be predicted, ``context`` neither.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue, UnknownName

STATUSES: Final = ("read", "derived", "secondary")
ROLES: Final = ("calibration", "validation", "context")
KEYS: Final = ("source", "locator", "year", "status", "role", "unit", "values")

Value = int | float | str | list[object] | dict[str, object]


@dataclass(frozen=True, slots=True)
class Record:
    """One figure. ``value`` is a number, a text, or several of them (by place or by name)."""

    id: str
    value: Value
    unit: str
    source: str  # a key of data/sources.toml
    locator: str
    year: int
    status: str
    role: str
    cpu: str

    def part(self, part: int | str | None) -> Value:
        """The whole value, or one of several; UnknownName for a part that it lacks."""
        if part is None:
            return self.value
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            found = self.value[part]
        elif isinstance(self.value, dict) and part in self.value:
            found = self.value[str(part)]
        else:
            raise UnknownName(self.id, "part", str(part), ())
        assert isinstance(found, int | float | str | list | dict)
        return found

    def number(self, part: int | str | None = None) -> float:
        """One number; BadValue for anything else."""
        found = self.part(part)
        if isinstance(found, str | list | dict):
            raise BadValue(self.id, f"{found!r} is not one number")
        return float(found)

    def numbers(self, part: int | str | None = None) -> tuple[float, ...]:
        """One number, or the several of a range; BadValue for anything else."""
        found = self.part(part)
        if isinstance(found, list):
            numbers = tuple(float(one) for one in found if isinstance(one, int | float))
            if not numbers or len(numbers) < len(found):
                raise BadValue(self.id, f"{found!r} is not all numbers")
            return numbers
        return (self.number(part),)


def read(file: str, table: Mapping[str, object]) -> Iterator[Record]:
    """The records of one file; BadValue names file, set and key of what is missing or wrong."""
    sets = table.get("set")
    if not isinstance(sets, list):
        raise BadValue(file, "has no [[set]]")
    for number, one in enumerate(sets, 1):
        where = f"{file}: set {number}"
        for key in KEYS:
            if key not in one:
                raise BadValue(where, f"{key} is missing")
        if one["status"] not in STATUSES:
            raise BadValue(where, f"status {one['status']!r} is none of {', '.join(STATUSES)}")
        if one["role"] not in ROLES:
            raise BadValue(where, f"role {one['role']!r} is none of {', '.join(ROLES)}")
        shared = {key: one[key] for key in KEYS if key != "values"}
        for name, value in one["values"].items():
            yield Record(id=name, value=value, cpu=one.get("cpu", ""), **shared)


@lru_cache(maxsize=1)
def records() -> Mapping[str, Record]:
    """All of them, by id; BadValue for an id that occurs twice."""
    found: dict[str, Record] = {}
    for path in _files():
        for record in read(path.name, tomllib.loads(path.read_text(encoding="utf-8"))):
            if record.id in found:
                raise BadValue(path.name, f"{record.id} occurs twice")
            found[record.id] = record
    return MappingProxyType(found)


def record(name: str) -> Record:
    """The record of that id; UnknownName with the nearest otherwise."""
    if name not in records():
        raise UnknownName("virtdocs/data/published", "record", name, records())
    return records()[name]


def figure(name: str) -> tuple[Record, float]:
    """``id`` or ``id#part``: the record, and its one number or the part's."""
    key, _, part = name.partition("#")
    one = record(key)
    return one, one.number(int(part) if part.isdigit() else part or None)


def _files() -> list[Traversable]:
    folder = files("virtdocs") / "data" / "published"
    return sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
