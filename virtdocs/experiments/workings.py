"""How predictions come about: which formula, which counts per unit, which costs.

What `predict` adds up is listed here event by event, from the same runs and the same costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.cost_model import CostModel, Line, cost_model
from virtdocs.experiments.costs import Sourced
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.eras import era as era_of
from virtdocs.experiments.mix_device import with_device
from virtdocs.experiments.mixes import Mix, Params, mix
from virtdocs.experiments.models import walks
from virtdocs.experiments.models.extra_cycles import work_of
from virtdocs.experiments.models.link import LARGEST_FRAME
from virtdocs.experiments.models.segmentation import buffer, takes_segments
from virtdocs.experiments.models.steps import counted
from virtdocs.experiments.published import figure, record
from virtdocs.experiments.results import Work
from virtdocs.experiments.switches import switches_of
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import WORKLOADS

# Of the models of `virtdocs predict`; `carried` and `fit` are ways to a native time.
EXTRA: Final = ("cpu_time", "link", "queue", "added", "request")


@dataclass(frozen=True, slots=True)
class Asked:
    """A prediction: a mix with its parameters under a technique of an era."""

    mix: str
    technique: str
    era: str
    params: tuple[tuple[str, str | int], ...] = ()

    @property
    def command(self) -> str:
        """What gives the prediction on the command line."""
        params = "".join(f" --param {key}={value}" for key, value in self.params)
        return f"virtdocs predict {self.mix} --technique {self.technique} --era {self.era}{params}"


@dataclass(frozen=True, slots=True)
class Counted:
    """One event: how many per unit of work, less native's, and the costs that price it."""

    event: str
    count: float
    costs: tuple[Sourced, ...]


@dataclass(frozen=True, slots=True)
class Working:
    """A prediction taken apart. ``formula`` names the model; ``figures`` are published ones
    that went in beside costs: the native time, the walks."""

    asked: Asked
    formula: str
    counts: tuple[Counted, ...]
    figures: tuple[str, ...]


@lru_cache(maxsize=512)
def working(asked: Asked) -> Working | None:
    """How the prediction comes about; None where nothing can be predicted."""
    try:
        preset = technique(asked.technique, era_name=asked.era)
        switches, own = switches_of(dict(asked.params))
        chosen, own = with_device(mix(asked.mix), preset, own)
        params = chosen.checked(own)
        chosen = chosen.chosen(params)
        model = cost_model(asked.era, switches)
        counts = _counts(chosen, asked, params, model)
    except VirtdocsError:
        return None
    return Working(asked, chosen.model, counts, _figures(chosen, asked.era, params))


def workings(asked: Iterable[Asked]) -> tuple[Working, ...]:
    """Of each prediction once, in order; what can't be predicted is left out."""
    found = (working(one) for one in dict.fromkeys(asked))
    return tuple(one for one in found if one is not None)


def less(lines: Iterable[Line], native: Iterable[Line]) -> tuple[Counted, ...]:
    """Events of a technique less those of a native run, those that cancel left out."""
    found: dict[tuple[str, tuple[Sourced, ...]], float] = {}
    for sign, some in ((1, lines), (-1, native)):
        for line in some:
            key = (line.event, line.costs)
            found[key] = found.get(key, 0.0) + sign * line.count
    return tuple(Counted(event, n, costs) for (event, costs), n in found.items() if n)


def _counts(chosen: Mix, asked: Asked, params: Params, model: CostModel) -> tuple[Counted, ...]:
    preset = technique(asked.technique, era_name=asked.era)
    if chosen.model == "steps":
        steps = Work(0, counted(chosen, asked.technique, asked.era, params))
        costs = model.costs.of("fastpath", ("vmx",)) if chosen.spared else ()
        spared = [Line("fastpath", float(chosen.spared), costs)] if costs else []
        return less(model.price(steps, preset, instructions=False).lines, spared)
    if chosen.model not in EXTRA:
        return ()
    native = technique("native", era_name=asked.era)
    size = _size(chosen, asked, params)
    there, here = list[Line](), list[Line]()
    for part, times in chosen.counts.items():
        name, _, device = part.partition("@")
        io = device or chosen.io.get(preset.name)
        more = work_of(name, preset.name, asked.era, io, size)
        plain = work_of(name, "native", asked.era, device or None, size)
        for lines, work, whose in ((there, more, preset), (here, plain, native)):
            priced = model.price(work, whose, instructions=False).lines
            lines += [replace(one, count=times * one.count) for one in priced]
    return less(there, here)


def _size(chosen: Mix, asked: Asked, params: Params) -> tuple[tuple[str, str | int], ...]:
    """The size of what is handed over at once, as the model of a link asks for it."""
    if chosen.model not in ("link", "request"):
        return ()
    size = int(params["size"]) if "size" in params else 0
    if "mtu" in params:
        preset = technique(asked.technique, era_name=asked.era)
        [name] = chosen.counts
        device = device_for(preset, WORKLOADS[name].device, chosen.io.get(preset.name))
        several = params["segmentation"] == "on" and takes_segments(
            device, era_of(asked.era), str(params["direction"])
        )
        size = min(buffer(int(params["mtu"]), several).handed_bytes(), LARGEST_FRAME)
    return (("size", size // 8 * 8),)


def _figures(chosen: Mix, era: str, params: Params) -> tuple[str, ...]:
    if chosen.model in ("walks", "walk_gain"):
        return tuple(
            record(f"bhargava08.{what}.{program}").id
            for program in walks.programs(chosen, params)
            for what in ("perfect", "walk")
        )
    then = era if era in {*chosen.native, *chosen.fit} else chosen.carried.get(era, era)
    names = [table[then] for table in (chosen.native, chosen.fit) if then in table]
    return tuple(figure(name)[0].id for name in names[:1])
