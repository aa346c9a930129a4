"""How long builds took when they were last measured: ``data/measured/builds.toml``.

`make bench-build` writes the file, on one computer on one day: the same charts and tables
with this project and with other tools, the growth with their number, and the own site.
What was asked for is here, beside what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from virtdocs.experiments.asked import Target
from virtdocs.experiments.timings import timings

FILE: Final = ("data", "measured", "builds.toml")
OWN: Final = "virtdocs"
PLAIN: Final = "plain MkDocs, the same figures ready"
PICTURES: Final = "plain MkDocs, pictures ready"
DRAWING: Final = "drawing"  # a process that draws the edited chart and does nothing else
CASES: Final = ("cold", "unchanged", "sentence", "example")
NEARLY_PLAIN, WITH_DRAWING = 1.15, 1.2
Seconds = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Builds:
    """The record: seconds on the clock."""

    recorded: Mapping[str, str | int | float]  # date, commit, cpu, cores, load, python, …
    tools: Mapping[str, Seconds]  # who -> case -> seconds
    serve: Seconds  # who -> seconds of a rebuild in a preview
    growth: Mapping[int, Seconds]  # examples -> cold, unchanged, plain
    whole: Seconds  # case -> seconds of the own site

    @property
    def others(self) -> tuple[str, ...]:
        """The tools that this project is held against."""
        return tuple(who for who in self.tools if who not in (OWN, PLAIN, PICTURES, DRAWING))

    def per_example(self, fewer: int, more: int, case: str) -> float:
        """Seconds that each further example takes."""
        seconds = self.growth[more][case] - self.growth[fewer][case]
        return seconds / (more - fewer)


@lru_cache(maxsize=1)
def builds() -> Builds:
    """The record; BadValue when it is not there or lacks a part."""
    return timings(FILE, "make bench-build", _read)


def _read(data: Mapping[str, Any]) -> Builds:
    tools: dict[str, dict[str, float]] = {}
    for one in data["build"]:
        tools.setdefault(one["who"], {})[one["case"]] = one["seconds"]
    return Builds(
        MappingProxyType(data["recorded"]),
        MappingProxyType(tools),
        MappingProxyType({one["who"]: one["seconds"] for one in data["serve"]}),
        MappingProxyType(
            {one["examples"]: {case: one[case] for case in ("cold", "unchanged", "plain")}
             for one in data["growth"]}
        ),
        MappingProxyType({one["case"]: one["seconds"] for one in data["whole"]}),
    )  # fmt: skip


def targets(found: Builds) -> tuple[Target, ...]:
    """Everything that was asked for, as ratios of times measured in one run."""
    own, plain = found.tools[OWN], found.tools[PLAIN]
    drawn = plain["unchanged"] + found.tools[DRAWING]["example"]
    served = found.serve[OWN] / found.serve[PLAIN]

    def beside(case: str) -> tuple[Target, ...]:
        return tuple(
            Target(f"{case}_over", 1, own[case] / found.tools[who][case], "times", True, who)
            for who in found.others
        )

    return (
        *beside("cold"),
        Target("unchanged_over_plain", NEARLY_PLAIN, own["unchanged"] / plain["unchanged"],
               "times", True),
        Target("sentence_over_plain", NEARLY_PLAIN, own["sentence"] / plain["sentence"],
               "times", True),
        Target("example_over_plain", WITH_DRAWING, own["example"] / drawn, "times", True),
        *beside("example"),
        Target("serve_over_plain", NEARLY_PLAIN, served, "times", True),
    )  # fmt: skip
