"""Why a preset has the values that it has: one reason for each axis, with its sources.

The words are labels of the catalogue, reason.PRESET.AXIS; the sources stand in
data/presets.toml. Where no source is named the reason follows from the other values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from virtdocs.experiments.techniques import Technique


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of one preset. ``key`` is the catalogue's, ``sources`` are citation keys."""

    axis: str
    value: str
    key: str
    sources: tuple[str, ...]


@lru_cache(maxsize=1)
def _sources() -> Mapping[str, Mapping[str, Any]]:
    text = (files("virtdocs") / "data" / "presets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def reasons(preset: Technique) -> tuple[Reason, ...]:
    """The reasons for the five values, in the order of the axes."""
    name = "_".join(part for part in (preset.name, preset.variant) if part)
    cited = _sources().get(name, {})
    return tuple(
        Reason(axis, value, f"reason.{name}.{axis}", tuple(cited.get(axis, ())))
        for axis, value in preset.axes.items()
    )
