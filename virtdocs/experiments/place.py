"""Every preset in its place: full, mixed or paravirtual, and the products that use it."""

from __future__ import annotations

from dataclasses import dataclass

from virtdocs.experiments.product_lists import runs_unmodified
from virtdocs.experiments.products import products
from virtdocs.experiments.taxonomy import group, paravirtual_axes
from virtdocs.experiments.techniques import TECHNIQUES, Technique, technique


@dataclass(frozen=True, slots=True)
class Place:
    """``key`` is the preset's name, with ``_then`` for one of an era. ``used_by`` are the products
    of which sources say (``where``) that they have the mode; ``seen_as`` those that the editors
    see so, as their makers' words on that were not found."""

    key: str
    preset: Technique
    used_by: tuple[str, ...]
    seen_as: tuple[str, ...]
    where: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The citation keys of ``where``."""
        return tuple(dict.fromkeys(place.split()[0] for place in self.where))

    @property
    def paravirtual(self) -> tuple[str, ...]:
        """The axes on which a guest must know the hypervisor."""
        return paravirtual_axes(self.preset)

    @property
    def group(self) -> str:
        """A word of taxonomy.GROUPS."""
        return group(self.preset)

    @property
    def unmodified(self) -> bool:
        """Whether a kernel built for bare hardware boots."""
        return runs_unmodified(self.preset)


def places() -> tuple[Place, ...]:
    """The presets of today, then those that a product had in an era."""
    eras = {
        (fact.value, fact.era)
        for one in products().values()
        for fact in one.all("mode")
        if fact.era
    }
    today = [_place(name, "") for name in TECHNIQUES]
    return (*today, *(_place(name, era) for name, era in sorted(eras)))


def _place(name: str, era: str) -> Place:
    preset = technique(name, era_name=era or None)
    using = [
        (one.name, fact)
        for one in products().values()
        for fact in one.all("mode")
        if (fact.value, fact.era) == (name, era)
    ]
    return Place(
        f"{name}_then" if era else name,
        preset,
        tuple(dict.fromkeys(product for product, _ in using)),
        tuple(one.name for one in products().values() if one.preset == name and not era),
        tuple(dict.fromkeys(fact.where for _, fact in using)),
    )
