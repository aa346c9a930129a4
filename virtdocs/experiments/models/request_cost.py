"""What a request costs the CPU: its native share of the link's time, and the technique's events.

With L the link's time for the request, s the native share and x the technique's extra time for
its events (models/link.py): CPU time = s L + x. A link that is fast enough hides it in the rate,
and not in what is left of the CPU (RULES.md, T3).
"""

from __future__ import annotations

from virtdocs.errors import BadValue
from virtdocs.experiments.cost_model import CostModel
from virtdocs.experiments.mixes import Mix, Params
from virtdocs.experiments.models.extra_cycles import extra_cycles
from virtdocs.experiments.models.link import shares
from virtdocs.experiments.models.prediction import Prediction
from virtdocs.experiments.published import figure
from virtdocs.experiments.uncertainty import combine

CYCLES = "cycles"


def predict(
    mix: Mix, technique_name: str, era: str, model: CostModel, params: Params
) -> Prediction:
    """Cycles of the CPU for a request of ``size`` bytes, and their ratio to native's.

    BadValue where no native rate was published.
    """
    if era not in mix.native:
        known = ", ".join(mix.native)
        raise BadValue("--era", f"{mix.name} has a published native rate in {known}, not in {era}")
    native, rate = figure(mix.native[era])
    size = int(params["size"])
    link_cycles = size / rate * model.costs.ghz * 1000  # MB/s are bytes per microsecond
    extra = extra_cycles(mix, technique_name, era, model, {"size": size})
    plain = tuple(share * link_cycles for share in shares(mix.name))
    whole = combine(lambda own, more: own + more, plain, extra.cycles)
    return Prediction(
        ratio=combine(lambda more, less: more / less, whole, plain),
        value=whole,
        unit=CYCLES,
        limits=(*mix.limits, *(("unpriced",) if extra.unpriced else ())),
        sources=tuple(sorted({*extra.sources, native.source})),
        basis="derived",
        unpriced=extra.unpriced,
        exits=extra.exits,
    )
