"""Hold the engine's predictions against the frozen list: hits and misses, both shown.

Micro ratios within 25 %, macro ratios within a factor of 1.5; orders and signs exactly,
wherever the published effect is more than ``NOISE``. A row that a mix was fitted on is
shown and not counted. A miss has its reason in ``data/misses.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from types import MappingProxyType
from typing import Final

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.machine_options import MACHINE_PARAMS
from virtdocs.experiments.models.request_cost import CYCLES
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import Record, record
from virtdocs.experiments.targets import GATES, Target, targets
from virtdocs.experiments.uncertainty import Samples, Spread, combine, spread

LARGE: Final = 0.10  # effects above this are counted once more, by themselves
NOISE: Final = 0.02  # a published difference that says which is more
SECOND_NOTIFICATION: Final = 1 << 16
FAR: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row. ``ratio`` is predicted over published; ``error`` says why nothing is predicted."""

    target: Target
    published: tuple[float, float] | None
    predicted: Spread | None
    ratio: float | None
    gate: str
    met: bool
    sign_met: bool | None
    fitted: bool
    why: str
    error: str = ""
    sources: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether it is a prediction at all: not the row that set the mix."""
        return not self.fitted

    @property
    def large(self) -> bool:
        """A published effect of more than ten percent, for figures that are ratios."""
        return _effect(self) > LARGE


@dataclass(frozen=True, slots=True)
class Order:
    """Two techniques on one workload of one source: which is slower, and whether it is so."""

    slower: Target
    faster: Target
    met: bool


def validate(era: str | None = None) -> tuple[Verdict, ...]:
    """The verdict of every target, or of one era's."""
    return tuple(verdict(target) for target in targets() if era in (None, target.era))


def verdict(target: Target) -> Verdict:
    """Predict one target and hold it against its figure."""
    published = target.published()
    try:
        samples, fitted, sources = predicted(target)
    except VirtdocsError as error:
        why = reasons().get(f"{target.id} {target.technique}", "")
        return Verdict(
            target, published, None, None, _gate(target), False, None, False, why, str(error)
        )
    found = spread(samples)
    ratio, met = _held(target, published, found.median)
    sign = _sign(target, published, found.median)
    missed = not met or sign is False
    why = reasons().get(f"{target.id} {target.technique}", "") if missed else ""
    return Verdict(
        target, published, found, ratio, _gate(target), met, sign, fitted, why, "", sources
    )


def orders(verdicts: Iterable[Verdict]) -> tuple[Order, ...]:
    """Every pair of techniques with the same workload, parameters, era and source."""
    found = []
    for one, other in combinations(verdicts, 2):
        a, b = one.target, other.target
        alike = (
            (a.workload, a.era, dict(a.params), a.measure, a.figure.source)
            == (b.workload, b.era, dict(b.params), b.measure, b.figure.source)
            and (a.over, a.over_part) == (b.over, b.over_part)
            and a.technique != b.technique
            and not (a.rival or b.rival)
        )
        if not alike or one.published is None or other.published is None:
            continue
        slow, fast = sorted((one, other), key=lambda v: v.published or (0,), reverse=True)
        assert slow.published is not None
        assert fast.published is not None
        if slow.published[0] <= fast.published[0] * (1 + NOISE):
            continue
        met = (
            slow.predicted is not None
            and fast.predicted is not None
            and slow.predicted.median > fast.predicted.median
        )
        found.append(Order(slow.target, fast.target, met))
    return tuple(found)


def summary(verdicts: tuple[Verdict, ...]) -> dict[str, dict[str, int]]:
    """How many of how many, by gate: all, and those with a large published effect."""
    counted = [v for v in verdicts if v.counted]
    pairs = orders(verdicts)
    signs = [v for v in counted if v.sign_met is not None]
    found = {
        "orders": {"met": sum(o.met for o in pairs), "of": len(pairs)},
        "signs": {"met": sum(bool(v.sign_met) for v in signs), "of": len(signs)},
        "fitted": {"of": len(verdicts) - len(counted)},
        "unpredicted": {"of": sum(v.predicted is None for v in counted)},
    }
    for scale in GATES:
        rows = [v for v in counted if v.target.scale == scale]
        large = [v for v in rows if v.large]
        predicted = [v for v in rows if v.predicted is not None]
        for name, some in ((scale, rows), (f"{scale}_large", large)):
            found[name] = {"met": sum(v.met for v in some), "of": len(some)}
        found[f"{scale}_predicted"] = {"met": sum(v.met for v in predicted), "of": len(predicted)}
    return found


@lru_cache(maxsize=1)
def reasons() -> Mapping[str, str]:
    """The reason of every miss, by target and technique: keys of the catalogue, ``why.KEY``."""
    text = (files("virtdocs") / "data" / "misses.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return MappingProxyType({one: key for key, ids in table.items() for one in ids})


def predicted(target: Target) -> tuple[Samples, bool, tuple[str, ...]]:
    """Ratio, or cycles, as the target measures it; whether it was fitted; and the sources."""
    own = predict(target.workload, target.technique, target.era, target.own_params)
    if target.measure in ("cycles", "added_us", "rule"):
        return own.value, own.fitted, own.sources
    if target.rival is None:
        if own.ratio is None and target.measure == "time" and own.unit == _divisor(target).unit:
            divisor = _divisor(target).number(target.over_part)  # RULES.md, N4
            return tuple(one / divisor for one in own.value), own.fitted, own.sources
        if own.ratio is None:
            raise VirtdocsError(target.workload, "has no native time to compare with")
        return own.ratio, own.fitted, own.sources
    params, itself = target.rival_params, target.rival == target.technique
    if itself:  # with a change of the machine and without it (RULES.md, W5)
        params = {key: one for key, one in params.items() if key not in MACHINE_PARAMS}
    other = predict(target.workload, target.rival, target.era, params)
    sources = tuple(sorted({*own.sources, *other.sources}))
    if own.unit == other.unit == CYCLES:  # the CPU's, of the same request
        return combine(lambda a, b: a / b, own.value, other.value), False, sources
    if itself and target.measure != "percent_less":
        if params == target.own_params:
            raise VirtdocsError(target.workload, "has no time with and without what is compared")
        if own.time is not None and other.time is not None:
            return combine(lambda a, b: a / b, own.time, other.time), False, sources
    if target.measure == "percent_less":  # exits, for every other quantity has no count
        if own.exits is None or not other.exits:
            raise VirtdocsError(target.workload, "has no exits to compare")
        return (own.exits / other.exits,) * len(own.value), False, sources
    if own.ratio is None or other.ratio is None:
        raise VirtdocsError(target.workload, "has no native time to compare with")
    return combine(lambda a, b: a / b, own.ratio, other.ratio), False, sources


def _divisor(target: Target) -> Record:
    return record(str(target.over))


def _gate(target: Target) -> str:
    if target.measure in ("rule", "not_slower"):
        return "exact"
    return target.scale if target.gated_ratio else "sign"


def _held(
    target: Target, published: tuple[float, float] | None, predicted: float
) -> tuple[float | None, bool]:
    if target.measure == "rule":
        return predicted / SECOND_NOTIFICATION, predicted == SECOND_NOTIFICATION
    if target.measure == "not_slower":
        return None, predicted <= 1
    assert published is not None
    low, high = published
    if target.bound == "at_least":
        high = FAR
    nearest = min(max(predicted, low), high)
    ratio = predicted / nearest
    if not target.gated_ratio:
        return ratio, predicted > 0
    if target.scale == "micro":
        return ratio, abs(ratio - 1) <= GATES["micro"] - 1
    return ratio, max(ratio, 1 / ratio if ratio else FAR) <= GATES["macro"]


def _sign(target: Target, published: tuple[float, float] | None, predicted: float) -> bool | None:
    """Slower or faster, as published? None where the figure is no ratio, or too near to 1."""
    if published is None or target.measure in ("cycles", "added_us", "rate_of_exits"):
        return None
    low, high = published
    if low <= 1 + NOISE and high >= 1 - NOISE:
        return None
    return predicted > 1 if low > 1 else predicted < 1


def _effect(one: Verdict) -> float:
    if one.published is None or one.target.measure in ("added_us", "rate_of_exits", "cycles"):
        return FAR if one.target.measure == "cycles" else 0.0
    low, high = one.published
    return 0.0 if low <= 1 <= high else min(abs(low - 1), abs(high - 1))


def missed(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """The rows that want a reason."""
    return (v for v in verdicts if v.counted and (not v.met or v.sign_met is False))
