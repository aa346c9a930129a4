"""The frozen list: which published figures the engine must predict (``data/targets.toml``).

A target names the figure, the run that predicts it, and how the figure becomes a ratio
of times: this technique's over native's, or over its rival's. More than 1 is slower.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.published import Record, record

GATES: Final[Mapping[str, float]] = MappingProxyType({"micro": 1.25, "macro": 1.5})
BOUNDS: Final = ("exact", "at_most", "at_least")

# What a published percentage or factor says about the ratio of times.
MEASURES: Final[Mapping[str, Callable[[float], float]]] = MappingProxyType(
    {
        "percent_of": lambda x: 100 / x,  # reaches x % of the other's speed
        "percent_slower": lambda x: 1 + x / 100,  # takes x % more time
        "percent_less": lambda x: 1 - x / 100,  # takes x % less
        "percent_faster": lambda x: 1 / (1 + x / 100),  # does x % more in the same time
        "percent_loss": lambda x: 1 / (1 - x / 100),  # does x % less in the same time
        "faster": lambda x: 1 / x,  # x times the speed
        "times": lambda x: x,  # x times the time
    }
)
DIVIDED: Final = ("time", "rate")  # a figure over another: of times, or of rates
# Among a target's parameters: the device that its rival has in place of the technique's own.
RIVAL_IO: Final = "rival_io"
ABSOLUTE: Final = ("cycles", "added_us", "rate_of_exits")  # a figure as it is
RULES: Final = ("rule", "not_slower")  # a statement, without a figure


@dataclass(frozen=True, slots=True)
class Target:
    """One published figure and the run that must predict it."""

    record: str
    workload: str
    technique: str
    era: str
    scale: str  # micro | macro
    measure: str
    part: int | str | None = None
    over: str | None = None
    over_part: int | str | None = None
    rival: str | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    bound: str = "exact"

    @property
    def id(self) -> str:
        """The record, and which part of it."""
        return self.record if self.part is None else f"{self.record}#{self.part}"

    @property
    def figure(self) -> Record:
        """What was published, with its source and place."""
        return record(self.record)

    @property
    def gated_ratio(self) -> bool:
        """Whether the figure is a ratio or a number of cycles: times in seconds are not gated."""
        return self.measure not in (*RULES, "added_us", "rate_of_exits")

    @property
    def own_params(self) -> Mapping[str, str | int]:
        """The parameters of the prediction itself."""
        return {key: value for key, value in self.params.items() if key != RIVAL_IO}

    @property
    def rival_params(self) -> Mapping[str, str | int]:
        """The parameters of the rival's: the same, on its own device if it has one."""
        io = {"io": self.params[RIVAL_IO]} if RIVAL_IO in self.params else {}
        return {**self.own_params, **io}

    def published(self) -> tuple[float, float] | None:
        """Least and greatest ratio (or cycles) that the figure says; None for a statement."""
        if self.measure in RULES:
            return None
        found = sorted(self._ratio(one) for one in self.figure.numbers(self.part))
        return found[0], found[-1]

    def _ratio(self, value: float) -> float:
        if self.measure in ABSOLUTE:
            return value
        if self.measure in DIVIDED:
            other = record(str(self.over)).number(self.over_part)
            return value / other if self.measure == "time" else other / value
        ratio = MEASURES[self.measure]
        if self.over is None:
            return ratio(value)
        return ratio(value) / ratio(record(self.over).number(self.over_part))


def read(table: Mapping[str, object]) -> tuple[Target, ...]:
    """The targets of a parsed list; one clear line names the entry and the key at fault."""
    found = []
    entries = table.get("target")
    assert isinstance(entries, list)
    for number, one in enumerate(entries, 1):
        where = f"targets.toml: target {number}"
        try:
            target = Target(**one)
        except TypeError as wrong:
            raise BadValue(where, str(wrong).removeprefix("Target.__init__() ")) from None
        known = (*MEASURES, *DIVIDED, *ABSOLUTE, *RULES)
        for key, value, names in (
            ("scale", target.scale, GATES),
            ("measure", target.measure, known),
            ("bound", target.bound, BOUNDS),
        ):
            if value not in names:
                raise UnknownName(where, key, value, names)
        divided = target.over is not None
        if divided != (target.measure in DIVIDED) and target.measure not in MEASURES:
            raise BadValue(where, f"measure {target.measure!r} and over do not fit")
        target.published()  # names a record or part that does not exist
        found.append(target)
    seen = Counter((t.id, t.technique, t.workload, tuple(t.params.items())) for t in found)
    for (name, *_), times in seen.items():
        if times > 1:
            raise BadValue("targets.toml", f"{name} occurs twice")
    return tuple(found)


@lru_cache(maxsize=1)
def targets() -> tuple[Target, ...]:
    """The list as it is in the package."""
    text = (files("virtdocs") / "data" / "targets.toml").read_text(encoding="utf-8")
    return read(tomllib.loads(text))


def fingerprint(first: int) -> str:
    """SHA-256 of the first entries: a list that only grows keeps the hash of its beginning."""
    lines = []
    for t in targets()[:first]:
        params = sorted(t.params.items())
        rest = (t.record, t.part, t.over, t.over_part, t.workload, t.technique, t.rival, t.era)
        lines.append(repr((*rest, params, t.scale, t.measure, t.bound)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
