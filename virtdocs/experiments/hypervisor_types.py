"""The hypervisors with what sources say of their type and what runs show of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtdocs.experiments.product_lists import RUNNERS, Model, model, readings
from virtdocs.experiments.products import Fact, Product, products
from virtdocs.experiments.ring_levels import RingLevels, ring_levels
from virtdocs.experiments.write_path import WritePath, write_path


@dataclass(frozen=True, slots=True)
class Shown:
    """One hypervisor or emulator under the preset that stands for it."""

    product: Product
    model: Model
    readings: tuple[Fact, ...]
    path: WritePath
    levels: RingLevels


def hypervisor_types() -> tuple[Shown, ...]:
    """Every product that runs guests itself; each preset is run once."""
    return tuple(_shown())


def _shown() -> Iterator[Shown]:
    runs: dict[str, tuple[WritePath, RingLevels]] = {}
    for one in products().values():
        found = model(one) if one.kind in RUNNERS else None
        if found is None:
            continue
        name = found.preset.name
        if name not in runs:
            runs[name] = (write_path(found.preset), ring_levels(name))
        yield Shown(one, found, readings(one), *runs[name])
