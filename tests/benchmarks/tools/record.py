"""`make bench-build`: build the same examples with every tool, in turn, and write the record.

    python -m tests.benchmarks.tools.record [--examples 100] [--rounds 5] [--keep FOLDER]

Half of the examples are charts drawn by matplotlib, half are tables; one language. Cold:
nothing kept from an earlier build (Python's byte code is). All ratios are of medians from
one run. Two plain MkDocs sites say what a build costs of which everything is ready: one
with the very figures that virtdocs makes, one with a picture for each chart and a Markdown
table for each table, which is what the other tools' pages amount to.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.tools.measure import CASES, Took, median, rounds, timed
from tests.benchmarks.tools.others import OTHERS
from tests.benchmarks.tools.own import PlainFigures, PlainPictures, Virtdocs
from tests.benchmarks.tools.serve import rebuilds
from tests.benchmarks.tools.sites import ROOT, Site
from tests.benchmarks.tools.whole import whole

RECORD = ROOT / "virtdocs" / "data" / "measured" / "builds.toml"
GROWTH = (10, 50, 200, 1000)


def main() -> None:
    """Measure, print and write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--examples", type=int, default=100)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--growth", type=int, nargs="*", default=list(GROWTH))
    asked.add_argument("--out", type=Path, default=RECORD)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = measured(Path(folder), options.examples, options.rounds, options.growth)
    options.out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def measured(folder: Path, count: int, times: int, growth: list[int]) -> list[str]:
    """The lines of the record."""
    own, plain, pictures = three(folder / "sites", count)
    others = [other(folder / "sites" / other.__name__, count) for other in OTHERS]
    for site in others:
        site.write()
    found = rounds([own, plain, pictures, *others], times)
    lines = _recorded(count, times)
    for name, cases in found.items():
        for case in CASES:
            if cases.get(case):
                lines += _build(name, case, median(cases[case]))
    for name, took in rebuilds((own, plain), times).items():
        seconds = round(statistics.median(took), 2)
        lines += _table("[[serve]]", {"who": name, "seconds": seconds, "rebuilds": times})
    for many in growth:
        lines += _growth(folder / f"of {many}", many)
    for case, took in whole(folder / "whole"):
        lines += _build("virtdocs' own site", case, took, "[[whole]]")
    return lines


def three(folder: Path, count: int) -> tuple[Virtdocs, PlainFigures, PlainPictures]:
    """Virtdocs' site and both plain ones, written."""
    own = Virtdocs(folder / "virtdocs", count)
    own.write()
    plain = PlainFigures(folder / "figures", count, own)
    pictures = PlainPictures(folder / "pictures", count, own)
    plain.write()
    pictures.write()
    return own, plain, pictures


def _growth(folder: Path, count: int) -> list[str]:
    own, plain, _ = three(folder, count)
    best: dict[str, float] = {}
    for _ in range(2):
        own.clean()
        cold, warm = timed(own.command, own), timed(own.command, own)
        ready = timed(plain.command, plain)
        for name, took in (("cold", cold), ("unchanged", warm), ("plain", ready)):
            best[name] = min(best.get(name, took.wall), took.wall)
    return _table(
        "[[growth]]", {"examples": count, **{name: round(one, 2) for name, one in best.items()}}
    )


def _build(who: str, case: str, took: Took, head: str = "[[build]]") -> list[str]:
    return _table(
        head,
        {"who": who, "case": case, "seconds": round(took.wall, 2), "cpu": round(took.cpu, 2)},
    )


def _recorded(count: int, times: int) -> list[str]:
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    said = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in said.splitlines() if "model name" in line]
    return [
        "# Written by `make bench-build`: builds of the same examples by several tools, in turn.",
        "",
        *_table("[recorded]", {
            "date": datetime.date.today().isoformat(),
            "commit": head.stdout.strip(),
            "cpu": models[0] if models else platform.machine(),
            "cores": os.cpu_count() or 1,
            "load": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "examples": count,
            "rounds": times,
        }),
    ]  # fmt: skip


def _table(head: str, fields: Mapping[str, str | int | float]) -> list[str]:
    shown = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return [head, *shown, ""]


__all__ = ["Site", "main"]

if __name__ == "__main__":
    main()
