"""Spread: seeded draws of every cost, one per parameter and shared by all techniques.

A cost's value is its median and its range holds 90 % of the draws: each side is log-normal.
Because a parameter's draws come from its own name, they are the same in every comparison
(common random numbers), and P(A faster than B) is about A and B, not about the dice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log
from typing import Final

from virtdocs.experiments.costs import Sourced

DRAWS: Final = 2_000
SEED: Final = 2026
Z95: Final = 1.6448536269514722  # the standard normal distribution's 95th percentile
Samples = Sequence[float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 5–95 % of a quantity over the draws."""

    median: float
    p5: float
    p95: float


@lru_cache(maxsize=256)
def normal(name: str) -> Samples:
    """The standard normal draws of one parameter."""
    dice = random.Random(f"{SEED}:{name}")
    return tuple(dice.gauss(0.0, 1.0) for _ in range(DRAWS))


def samples(cost: Sourced) -> Samples:
    """The draws of a cost, in cycles."""
    below, above = log(cost.value / cost.low) / Z95, log(cost.high / cost.value) / Z95
    return tuple(cost.value * exp(z * (above if z > 0 else below)) for z in normal(cost.parameter))


def spread(values: Samples) -> Spread:
    """Median, 5th and 95th percentile."""
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return Spread(at(0.5), at(0.05), at(0.95))


def combine(function: Callable[..., float], *columns: Samples) -> Samples:
    """``function`` of the columns, draw by draw."""
    return tuple(function(*row) for row in zip(*columns, strict=True))


def p_less(one: Samples, other: Samples) -> float:
    """The share of draws in which ``one`` is less; a tie counts half."""
    pairs = zip(one, other, strict=True)
    return sum(1.0 if a < b else 0.5 if a == b else 0.0 for a, b in pairs) / len(one)
