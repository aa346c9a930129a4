"""Changing one cost moves the numbers that depend on it, wherever they stand, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site.conftest import Project

# The processor's share of a VM exit in 2012, made dearer at its upper end.
FILE = "virtdocs/data/costs/kvm-2012.toml"
BEFORE, AFTER = 'high = "agesen12.roundtrip.nehalem"', 'high = "agesen12.roundtrip.nehalem * 3"'


def fence(name: str, **params: str) -> str:
    lines = "".join(f"{key}: {value}\n" for key, value in params.items())
    return f"\n```exhibit\nname: {name}\n{lines}```\n"


PAGES = {
    "by-hand.md": "# Page {#page}\n"
    + fence("worked", cell="micro")
    + "\n{{ worked.engine }} {{ worked.vm_exit.mechanism.count }}\n",
    "exits.md": "# Page {#page}\n" + fence("exit_cost") + "\n{{ exit_cost.kvm_2012.exit }}"
    " {{ exit_cost.p4_2006.exit }} {{ exit_cost.prescott }}\n",
    "quoted.md": "# Page {#page}\n\n{{ costs(era=kvm-2012).vmx.vm_exit.mechanism }}"
    " {{ costs(era=kvm-2012).any.user_exit.device_model }} {{ worked(cell=micro).p95 }}\n",
    "of-2003.md": "# Page {#page}\n" + fence("costs", era="xen-2003") + "\n{{ costs.costs }}\n",
    "no-price.md": "# Page {#page}\n"
    + fence("privileged_flow", technique="bt", instruction="cli")
    + "\n{{ table_7_4.arithmetic_mean }}\n",
}
MOVED = {
    "by-hand.html": {"worked.engine", "figure worked"},
    "exits.html": {"exit_cost.kvm_2012.exit", "figure exit_cost"},
    "quoted.html": {"costs.vmx.vm_exit.mechanism", "worked.p95"},
}
VALUE = re.compile(r'<data data-value="([^"]*)" value="([^"]*)"')
FIGURE = re.compile(r'data-exhibit="([^"]*)"[^>]*data-answer-hash="([^"]*)"')


def shown(project: Project) -> dict[tuple[str, str], str]:
    """Each number and each exhibit's answer, by page and name."""
    built = project.build("--strict")
    assert built.returncode == 0, built.stderr
    found = {}
    for path in sorted(project.site.rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        page = path.relative_to(project.site).as_posix()
        found |= {(page, name): value for name, value in VALUE.findall(html)}
        found |= {(page, f"figure {name}"): value for name, value in FIGURE.findall(html)}
    return found


@pytest.fixture(scope="module")
def moved(
    make_project: Callable[..., Project],
) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """What a site shows, and what of it is another after the change of one entry."""
    project = make_project(PAGES, engine=True)
    before = shown(project)
    file: Path = project.folder / FILE
    text = file.read_text(encoding="utf-8")
    assert text.count(BEFORE) == 1
    file.write_text(text.replace(BEFORE, AFTER), encoding="utf-8")
    after = shown(project)
    assert set(before) == set(after)
    return before, {place for place in before if before[place] != after[place]}


@pytest.mark.parametrize("folder", ["", "en/"])
def test_exactly_what_depends_on_the_cost_moves_in_both_languages(
    moved: tuple[dict[tuple[str, str], str], set[tuple[str, str]]], folder: str
) -> None:
    _, places = moved
    found: dict[str, set[str]] = {}
    for page, name in places:
        if page.startswith("en/") == bool(folder):
            found.setdefault(page.removeprefix(folder), set()).add(name)
    assert found == MOVED


def test_most_of_what_is_shown_stays(
    moved: tuple[dict[tuple[str, str], str], set[tuple[str, str]]],
) -> None:
    before, places = moved
    still = {name for place in before if place not in places for name in (place[1],)}
    assert {
        "exit_cost.p4_2006.exit",
        "exit_cost.prescott",
        "costs.any.user_exit.device_model",
        "worked.vm_exit.mechanism.count",
        "costs.costs",
        "table_7_4.arithmetic_mean",
        "figure costs",
        "figure privileged_flow",
    } <= still
