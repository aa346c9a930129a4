"""Builds, timed: all tools in turn, so that a busy moment does not fall on one of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.tools.own import PlainFigures, PlainPictures, Virtdocs, named
from tests.benchmarks.tools.sites import EDITED, Site

CASES = ("cold", "unchanged", "sentence", "example")
DRAW = """\
import sys
from virtdocs import exhibits
from virtdocs.render.drawn import unplaced
unplaced(exhibits.build(sys.argv[1], {}, sys.argv[1]), "ko")
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one build: on the clock, and of all processors together."""

    wall: float
    cpu: float


def timed(command: list[str], site: Site) -> Took:
    """One process to its end; its output when it fails."""
    return timed_in(site.folder, command, site.name)


def timed_in(folder: Path, command: list[str], name: str) -> Took:
    """The same in any folder, with the package and the cache that lie in it."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "VIRTDOCS_CACHE": str(folder / "cache"),
        "NO_MKDOCS_2_WARNING": "1",
        "DISABLE_MKDOCS_2_WARNING": "true",
    }
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{name}: {done.stdout}{done.stderr}")
    used = after.children_user + after.children_system
    return Took(wall, used - before.children_user - before.children_system)


def drawing(site: Virtdocs) -> Took:
    """A process that computes and draws the edited example and does nothing else."""
    return timed([sys.executable, "-c", DRAW, named(EDITED)], site)


def rounds(sites: Iterable[Site], times: int) -> dict[str, dict[str, list[Took]]]:
    """Every case of every site, ``times`` times: name -> case -> seconds."""
    sites = list(sites)
    found: dict[str, dict[str, list[Took]]] = {s.name: {case: [] for case in CASES} for s in sites}
    found["drawing"] = {"example": []}
    for n in range(1, times + 1):
        for case in CASES:
            for site in sites:
                took = built(site, case, n)
                found[site.name][case].append(took)
                print(f"{n} {case:9} {site.name:36} {took.wall:7.2f} s, {took.cpu:6.2f} s of all "
                      "processors", file=sys.stderr, flush=True)  # fmt: skip
                if isinstance(site, Virtdocs) and case == "example":
                    found["drawing"]["example"].append(drawing(site))
    return found


def built(site: Site, case: str, n: int) -> Took:
    """One build after what happens before one of this case; stops when it does not show.

    The page has its first text again but for ``sentence``. Plain sites have no example to edit.
    """
    sentence, before = "", frozenset[bytes]()
    edited = case == "example" and not isinstance(site, PlainFigures | PlainPictures)
    if case == "cold":
        site.clean()
    elif case == "sentence":
        sentence = site.edit_sentence(n)
    elif edited:
        before = site.pictures()
        site.edit_example(n)
    took = timed(site.command, site)
    site.check()
    if not site.shows(sentence):
        raise SystemExit(f"{site.name}: the edited sentence is not on its page")
    if edited and site.pictures() == before:
        raise SystemExit(f"{site.name}: the edited example is shown as it was before")
    return took


def median(took: list[Took]) -> Took:
    """Of each kind of seconds."""
    return Took(
        statistics.median(one.wall for one in took), statistics.median(one.cpu for one in took)
    )
