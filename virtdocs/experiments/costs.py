"""What one event costs in each era: ``data/costs/ERA.toml``, each entry with its source.

An entry names the event, whose mechanism it belongs to (``axis``) and which part of the
price it is: ``mechanism`` (the transition), ``handler`` (what the monitor then does) or
``device_model``. Its value is a formula over published records, so that nothing is typed
twice and only figures that somebody verified can set a cost; totals can't.

Eras are not mixed: an entry cites figures of its own era, or it is ``scaled_from`` another
one, by a stated factor, with basis ``derived`` and at least ``WIDER`` times the spread.
What an entry ``holds`` is paid with it (held.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from math import sqrt
from types import MappingProxyType
from typing import Any, Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.eras import ERAS, era
from virtdocs.experiments.formula import records_in
from virtdocs.experiments.formula import value as formula_value
from virtdocs.experiments.held import parsed, settled

KEYS: Final = (
    "event", "axis", "part", "unit", "cpu", "year", "source", "locator", "basis",
)  # fmt: skip
PARTS: Final = ("mechanism", "handler", "device_model")
BASES: Final = ("sourced", "derived")
AXES: Final = (
    "*", "native", "binary_translation", "trap_emulate", "vmx", "hypercall", "emulation",
    "nested", "shadow", "direct", "emulated",
)  # fmt: skip
TIMES: Final = ("cycles", "us")
# A figure printed without its spread: repeated runs of one loop agree to about this much.
ALONE: Final = 1.1
WIDER: Final = 1.5
# Which era a source's figures belong to; "*" are ratios between processors or of walks.
ERA_OF_SOURCE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AA06": "p4-2006", "XEN-INT80": "p4-2006", "XEN-HCALL": "p4-2006",
        "XEN03": "xen-2003",
        "SUG01": "ws-2001",
        "KUT12": "kvm-2012", "DALL16": "kvm-2012", "DALL17": "kvm-2012", "SPLITX11": "kvm-2012",
        "KUT17": "kvm-2012", "AGESEN12": "*", "BHARGAVA08": "*",
        "KUT18": "kvm-2020", "KVM20-PMU": "kvm-2020", "KVM20-IPI": "kvm-2020",
        "KVM21": "kvm-2020", "KVM24": "kvm-2020",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sourced:
    """A cost in cycles of its era: most likely value and the 5–95 % range."""

    event: str
    axis: str
    part: str
    value: float
    low: float
    high: float
    unit: str  # as it is printed: cycles or us
    cpu: str
    year: int
    source: str
    locator: str
    basis: str
    formula: str
    origin: str  # the era whose figure it is; another one's when scaled
    scale: float = 1.0
    records: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()  # events beside it that its figure was measured with

    @property
    def parameter(self) -> str:
        """The quantity drawn: a cost borrowed from another era is the same draw there."""
        return f"{self.origin}:{self.axis}:{self.event}:{self.part}"


@dataclass(frozen=True, slots=True)
class EraCosts:
    """All costs of one era, and its clock in GHz (which turns times into cycles)."""

    era: str
    ghz: float
    costs: tuple[Sourced, ...]

    def of(self, event: str, axes: Iterable[str]) -> tuple[Sourced, ...]:
        """The parts of an event's price: the most exact name and axis that has one."""
        kind = event.partition(".")[0]
        # An exit of a hypervisor that is a guest has the price of one of the same reason (N1).
        names = (event, event.replace(".l1.", ".", 1), kind)
        for name in names:
            for axis in (*axes, "*"):
                found = tuple(c for c in self.costs if c.event == name and c.axis == axis)
                if found:
                    return found
        return ()


def load(table: Mapping[str, Any], name: str, file: str) -> EraCosts:
    """The costs of one parsed file; BadValue names file, entry and key."""
    ghz = _clock(table, file)
    own = _own(table, name, ghz, file)
    found = list(own)
    for number, entry in enumerate(table.get("scaled", ()), 1):
        found += _scaled(entry, ghz, f"{file}: scaled {number}", found)
    return EraCosts(name, ghz, settled(found, name, file))


def _own(table: Mapping[str, Any], name: str, ghz: float, file: str) -> list[Sourced]:
    found: list[Sourced] = []
    for number, entry in enumerate(table.get("cost", ()), 1):
        found.append(_entry(entry, name, ghz, f"{file}: cost {number}", found))
    return found


def _clock(table: Mapping[str, Any], file: str) -> float:
    """GHz, or 0 where the sources name none and only cycles can be had."""
    clock = table.get("clock", {})
    for key in ("ghz", "cpu", "source", "locator") if clock else ():
        if key not in clock:
            raise BadValue(f"{file}: clock", f"{key} is missing")
    return float(clock.get("ghz", 0))


def _entry(
    entry: Mapping[str, Any], name: str, ghz: float, where: str, before: list[Sourced]
) -> Sourced:
    where = f"{where} ({entry['event']})" if "event" in entry else where
    for key in KEYS:
        if key not in entry:
            raise BadValue(where, f"{key} is missing")
    if "value" not in entry and not {"low", "high"} <= set(entry):
        raise BadValue(where, "value is missing, or low and high")
    for key, names in (("part", PARTS), ("basis", BASES), ("axis", AXES)):
        if entry[key] not in names:
            raise UnknownName(where, key, str(entry[key]), names)
    used = [r for key in ("value", "low", "high") for r in records_in(str(entry.get(key, "0")))]
    _one_era(entry["source"], name, where)
    for record in used:
        if record.role != "calibration":
            raise BadValue(where, f"{record.id} is {record.role}: only calibration sets a cost")
        if record.unit in TIMES and record.unit != entry["unit"]:
            raise BadValue(where, f"unit is {entry['unit']!r}, {record.id} has {record.unit!r}")
        _one_era(record.source, name, where)
    if used and entry["source"] not in {record.source for record in used}:
        raise BadValue(where, f"source {entry['source']} is not the one of {used[0].id}")
    if not used and "cost:" not in str(entry.get("value", "")):
        raise BadValue(where, "value names no record: a cost is worked out from published figures")
    known = {f"{one.axis}.{one.event}": one.value for one in before}

    def cost(key: str) -> float:
        if key not in known:
            raise UnknownName(where, "cost", key, known)
        return known[key] / _cycles(1.0, entry["unit"], ghz, where)

    numbers = {
        key: _cycles(formula_value(str(entry[key]), where, cost), entry["unit"], ghz, where)
        for key in ("value", "low", "high")
        if key in entry
    }
    low, high = numbers.get("low"), numbers.get("high")
    value = numbers.get("value") or sqrt((low or 0) * (high or 0))
    low, high = low or value / ALONE, high or value * ALONE
    if not 0 < low <= value <= high:
        raise BadValue(where, f"value {value:g} does not lie between {low:g} and {high:g}, above 0")
    return Sourced(
        event=entry["event"],
        axis=entry["axis"],
        part=entry["part"],
        value=value,
        low=low,
        high=high,
        unit=entry["unit"],
        cpu=entry["cpu"],
        year=entry["year"],
        source=entry["source"],
        locator=entry["locator"],
        basis=entry["basis"],
        formula=str(entry.get("value", f"{entry.get('low')} … {entry.get('high')}")),
        origin=name,
        records=tuple(dict.fromkeys(record.id for record in used)),
        holds=parsed(entry, where),
    )


def _one_era(source: str, name: str, where: str) -> None:
    """A silent mix of eras is refused."""
    home = ERA_OF_SOURCE.get(source)
    if home is None:
        raise BadValue(where, f"source {source} belongs to no era")
    if home not in ("*", name):
        raise BadValue(where, f"source {source} belongs to {home}: use scaled_from")


def _cycles(value: float, unit: str, ghz: float, where: str) -> float:
    if unit not in TIMES:
        raise UnknownName(where, "unit", unit, TIMES)
    if unit == "us" and not ghz:
        raise BadValue(where, "unit is 'us' and the era has no clock")
    return value * ghz * 1000 if unit == "us" else value


def _scaled(entry: Mapping[str, Any], ghz: float, where: str, own: list[Sourced]) -> list[Sourced]:
    """Costs of another era, for what this one has no figure of."""
    for key in ("scaled_from", "axes", "by", "spread", "basis"):
        if key not in entry:
            raise BadValue(where, f"{key} is missing")
    if entry["basis"] != "derived":
        raise BadValue(where, f"basis is {entry['basis']!r}: what is scaled is derived")
    if entry["spread"] < WIDER:
        raise BadValue(where, f"spread {entry['spread']} is less than {WIDER}")
    then = era(entry["scaled_from"]).name
    table, file = _table(then)
    then_ghz = _clock(table, file)
    others = _own(table, then, then_ghz, file)
    if entry["by"] == "time":  # as long as it took then
        if not ghz or not then_ghz:
            raise BadValue(where, "by is 'time' and an era has no clock")
        factor = ghz / then_ghz
    elif entry["by"] == "cycles":  # as many cycles as then
        factor = 1.0
    else:
        factor = formula_value(entry["by"], where)
        for record in records_in(entry["by"]):
            if ERA_OF_SOURCE.get(record.source) != "*":
                raise BadValue(where, f"{record.id} does not compare processors")
    wanted = [c for c in others if c.axis in entry["axes"]]
    if not wanted:
        raise BadValue(where, f"{then} has no cost of {', '.join(entry['axes'])}")
    mine = {(c.axis, c.event) for c in own}
    return [
        replace(
            one,
            value=one.value * factor,
            low=one.low * factor / entry["spread"],
            high=one.high * factor * entry["spread"],
            basis="derived",
            scale=factor,
        )
        for one in wanted
        if (one.axis, one.event) not in mine
    ]


def _table(name: str) -> tuple[Mapping[str, Any], str]:
    """The parsed file of an era, and its name."""
    path = files("virtdocs") / "data" / "costs" / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")), f"virtdocs/data/costs/{name}.toml"


@lru_cache(maxsize=len(ERAS))
def era_costs(name: str) -> EraCosts:
    """The costs of an era; UnknownName for one that does not exist."""
    table, file = _table(era(name).name)
    return load(table, name, file)
