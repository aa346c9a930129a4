"""What the mixes of `virtdocs predict` are made of: ``data/mixes.toml``.

A mix says how many ops of which workloads one unit of work holds, and how long the unit
takes natively: a published native figure, or a number of units fitted on binary
translation's published total. A row that was fitted on is not a prediction.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.formula import value
from virtdocs.guest.workloads import Choice, Param, number_of

MODELS: Final = (
    "cpu_time",
    "link",
    "queue",
    "added",
    "request",
    "walks",
    "walk_gain",
    "steps",
    "rule",
    "none",
)
BASES: Final = ("measured", "sourced", "derived", "judged")
Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Mix:
    """One mix. ``counts``: ops by workload, ``workload@device`` for a device of its own;
    ``native``: a record by era, per unit; ``fit``: a record of binary translation by era;
    ``carried``: whose fit an era takes over; ``steps``: events of the steps model, and ``nested``:
    the exit that they are at depth 2."""

    name: str
    model: str
    basis: str
    limits: tuple[str, ...]
    counts: Mapping[str, float] = field(default_factory=dict)
    native: Mapping[str, str] = field(default_factory=dict)
    native_us: float = 0.0
    fit: Mapping[str, str] = field(default_factory=dict)
    carried: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    spared: int = 0
    nested: str = ""
    io: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    params: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def takes(self) -> Mapping[str, Param | Choice]:
        """Every parameter with its default and its range or names."""
        return {key: _param(*spec) for key, spec in self._specs().items()}

    def _specs(self) -> Mapping[str, tuple[Any, ...]]:
        return {**{k: tuple(v) for k, v in self.choices.items()}, **self.params}

    def checked(self, given: Params) -> Params:
        """All parameters with their values; UnknownName or BadValue for a wrong one."""
        known = self._specs()
        for key in given:
            if key not in known:
                raise UnknownName(self.name, "parameter", key, known)
        return {key: self._one(key, known[key], given) for key in known}

    def _one(self, key: str, spec: tuple[Any, ...], given: Params) -> str | int:
        said = given.get(key, spec[0])
        if isinstance(spec[0], str):
            if str(said) not in spec:
                raise UnknownName(self.name, f"value of {key}", str(said), spec)
            return str(said)
        _, least, most, *names = spec
        number = number_of(key, said, names[0] if names else {}, self.name)
        if not least <= number <= most:
            raise BadValue(self.name, f"{key}={number} is not between {least} and {most}")
        return number

    def chosen(self, params: Params) -> Mix:
        """The mix as the parameters choose it."""
        found = self
        for key, options in self.choices.items():
            found = replace(found, **options[str(params[key])])
        return found


def _param(first: Any, *rest: Any) -> Param | Choice:
    if isinstance(first, str):
        return Choice((first, *rest))
    least, most, *names = rest
    return Param(first, least, most, names=tuple(names[0].items()) if names else ())


def read(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mix]:
    """The mixes of a parsed file; BadValue names the mix and what is wrong with it."""
    found = {}
    for name, entry in table.items():
        where = f"mixes.toml: {name}"
        for key in ("model", "basis", "limits"):
            if key not in entry:
                raise BadValue(where, f"{key} is missing")
        for key, names in (("model", MODELS), ("basis", BASES)):
            if entry[key] not in names:
                raise UnknownName(where, key, entry[key], names)
        params = {key: tuple(spec) for key, spec in entry.get("params", {}).items()}
        limits = tuple(entry["limits"])
        counts = _numbers(entry.get("counts", {}), where)
        parsed = {"limits": limits, "params": params, "counts": counts}
        found[name] = Mix(name=name, **{**entry, **parsed})
    return MappingProxyType(found)


def _numbers(counts: Mapping[str, str | float], where: str) -> Mapping[str, float]:
    """Counts, some of them worked out from published figures."""
    return {key: value(str(count), where) for key, count in counts.items()}


@lru_cache(maxsize=1)
def mixes() -> Mapping[str, Mix]:
    """All mixes by name."""
    text = (files("virtdocs") / "data" / "mixes.toml").read_text(encoding="utf-8")
    return read(tomllib.loads(text))


def mix(name: str) -> Mix:
    """The mix of that name; UnknownName with the nearest otherwise."""
    if name not in mixes():
        raise UnknownName("predict", "mix", name, mixes())
    return mixes()[name]
