"""CPU-bound time: native time plus what the technique's events cost.

ratio = 1 + rate * extra, where rate is the number of units per native cycle: one over a
published native time, or the number at which binary translation's published total comes
out (so the fit holds in every draw), or another era's, with a wider spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.mixes import Mix
from virtdocs.experiments.models.extra_cycles import Extra, extra_cycles
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.published import figure
from virtdocs.experiments.targets import targets
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS, Z95, Samples, combine, normal

# How far a mix fitted in one era may be off in another, each way.
CARRIED: Final = 2.0
MICROSECONDS: Final[Mapping[str, float]] = MappingProxyType({"us": 1.0, "s": 1e6})


def predict(mix: Mix, technique_name: str, era: str, model: CostModel) -> Prediction:
    """Ratio to native; BadValue where the mix has no native time in the era."""
    rate = units_per_cycle(mix, era, model)
    extra = extra_cycles(mix, technique_name, era, model)
    ratio = combine(lambda r, e: 1 + r * e, rate, extra.cycles)
    own = fitted_on(mix, era)
    fitted = own is not None and technique(own, era_name=era) == technique(
        technique_name, era_name=era
    )
    value, unit = ratio, "x"
    if era in mix.native:
        one, native = figure(mix.native[era])
        unit = one.unit
        slower = unit in MICROSECONDS
        value = tuple(native * r if slower else native / r for r in ratio)
    return _prediction(mix, era, extra, ratio, value, unit, fitted)


def _prediction(
    mix: Mix, era: str, extra: Extra, ratio: Samples, value: Samples, unit: str, fitted: bool
) -> Prediction:
    limits = list(mix.limits)
    limits += ["carried"] if era in mix.carried else ["fitted"] if era in mix.fit else []
    limits += ["judged_mix"] if mix.basis == "judged" else []
    limits += ["unpriced"] if extra.unpriced else []
    figures = [table[era] for table in (mix.native, mix.fit) if era in table]
    sources = {*extra.sources, *(figure(name)[0].source for name in figures)}
    return Prediction(
        ratio=ratio,
        value=value,
        unit=unit,
        limits=tuple(dict.fromkeys(limits)),
        sources=tuple(sorted(sources)),
        basis="judged" if mix.basis == "judged" else "derived",
        unpriced=extra.unpriced,
        exits=extra.exits,
        fitted=fitted,
    )


def units_per_cycle(mix: Mix, era: str, model: CostModel) -> Samples:
    """How many units of work one native cycle holds, draw by draw."""
    if era in mix.native:
        return (1 / _native_cycles(mix, era, model),) * DRAWS
    if mix.native_us:
        ghz = model.costs.ghz
        if not ghz:
            raise BadValue("--era", f"{era} has no published clock for {mix.name}")
        return (1 / (mix.native_us * ghz * 1000),) * DRAWS
    if era in mix.fit:
        return _fit(mix, era, model)
    if era in mix.carried:
        then = mix.carried[era]
        spread = log(CARRIED) / Z95
        rates = units_per_cycle(mix, then, cost_model(then))
        dice = normal(f"carried:{mix.name}")
        return combine(lambda rate, z: rate * exp(spread * z), rates, dice)
    known = ", ".join(sorted({*mix.native, *mix.fit, *mix.carried}))
    raise BadValue("--era", f"{mix.name} has a native time in {known}, not in {era}")


def _native_cycles(mix: Mix, era: str, model: CostModel) -> float:
    one, native = figure(mix.native[era])
    if one.unit in MICROSECONDS:
        microseconds = native * MICROSECONDS[one.unit]
    else:  # so many a second
        microseconds = 1e6 / native
    return microseconds * model.costs.ghz * 1000


def _fit(mix: Mix, era: str, model: CostModel) -> Samples:
    [target] = [t for t in targets() if t.record == mix.fit[era]]
    published = target.published()
    assert published is not None
    extra = extra_cycles(mix, target.technique, era, model)
    return tuple((published[0] - 1) / cycles for cycles in extra.cycles)


def fitted_on(mix: Mix, era: str) -> str | None:
    """The technique whose published total set the mix in this era, if one did."""
    if era not in mix.fit:
        return None
    [target] = [t for t in targets() if t.record == mix.fit[era]]
    return target.technique
