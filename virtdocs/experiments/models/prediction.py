"""What a model answers: samples, a value with its unit, what it leaves out, its sources."""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.experiments.uncertainty import Samples


@dataclass(frozen=True, slots=True)
class Prediction:
    """``ratio``: time per unit over native's, draw by draw, or None where the model has no
    native time. ``value`` in ``unit``: the time, rate or latency itself, or the ratio again.
    ``exits``: VM exits per unit. ``fitted``: the row itself set the number of units. ``time``:
    the time per unit where machines with and without something are compared (RULES.md, W5); its
    unit is the same for both."""

    ratio: Samples | None
    value: Samples
    unit: str
    limits: tuple[str, ...]
    sources: tuple[str, ...]
    basis: str
    unpriced: tuple[str, ...] = ()
    exits: float | None = None
    fitted: bool = False
    time: Samples | None = None
