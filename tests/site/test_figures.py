"""A figure found again is the one that would be drawn, and only while nothing has moved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

import virtdocs
from virtdocs import exhibits
from virtdocs.cache import Cache
from virtdocs.cache.beside import Beside
from virtdocs.cache.reach import Reach
from virtdocs.exhibits import Built
from virtdocs.render import page
from virtdocs.render.catalogue import LANGUAGES, load
from virtdocs.render.drawn import unplaced
from virtdocs.site.figures import DATA, DRAWS, Figures

PACKAGE = Path(virtdocs.__file__).parent
LONG_AGO = time.time() - 3600
# One of each kind of view, none of which takes long to compute.
KINDS = {
    "Table": ("table_7_4", {}),
    "Chart": ("table_7_4_gain", {}),
    "Flow": ("privileged_flow", {"technique": "bt", "instruction": "cli"}),
    "Rings": ("ring_map", {}),
    "Panels": ("balloon", {"pages": "256"}),
    "WalkGrid": ("walk_2d", {}),
    "Listing": ("pv_port_excerpt", {}),
}


@pytest.fixture(scope="module")
def chart() -> Built:
    return exhibits.build(*KINDS["Chart"])


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package's files, old enough to be trusted."""
    folder = tmp_path / "virtdocs"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


def opened(folder: Path | None, package: Path = PACKAGE) -> Figures:
    cache = Cache.at(folder)
    cache.settled, cache.reach = time.time(), Reach(package)
    return Figures(cache, LANGUAGES)


@pytest.mark.parametrize("kind", KINDS)
def test_for_any_place_it_is_what_would_be_drawn_there(kind: str) -> None:
    name, params = KINDS[kind]
    built = exhibits.build(name, params)
    assert type(built.bundle.view).__name__ == kind
    for lang in LANGUAGES:
        html = page.exhibit_html(built, lang, 12, "x-2", "a/")
        found = unplaced(built, lang).place(12, "x-2", "a/", built.engine_hash)
        assert found == (html, page.downloads(built, lang, "x-2"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["figure", "table"])
def test_no_word_follows_a_figures_number_for_its_sound(lang: str, kind: str) -> None:
    """A particle would be chosen for the stand-in."""
    assert load(lang).words[f"ui.{kind}_number"].count("{") == 1


def test_the_second_time_nothing_is_drawn(tmp_path: Path, chart: Built) -> None:
    first = opened(tmp_path)
    drawn = first.place(chart, "ko", 1, "a", "f/")
    again = opened(tmp_path)
    assert again.place(chart, "ko", 1, "a", "f/") == drawn
    assert (first.drawn, again.drawn, again.found) == (1, 0, 1)
    assert opened(None).place(chart, "ko", 1, "a", "f/") == drawn


def test_elsewhere_and_by_another_engine_nothing_is_drawn_anew(
    tmp_path: Path, chart: Built
) -> None:
    opened(tmp_path).place(chart, "ko", 1, "a", "f/")
    again = opened(tmp_path)
    other = replace(chart, engine_hash="0" * 64)
    assert again.place(other, "ko", 2, "b", "")[0] == page.exhibit_html(other, "ko", 2, "b", "")
    assert (again.drawn, again.found) == (0, 1)


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("render/mpl.py", True),
        ("render/placed.py", True),
        ("render/drawn.py", True),
        ("render/figure.py", True),
        ("views/model.py", True),
        ("catalogue/ko.toml", True),
        ("data/sources.toml", True),
        ("catalogue/en.toml", False),
        ("data/costs/kvm-2020.toml", False),
        ("views/validation.py", False),
        ("machine/cpu.py", False),
        ("exhibits/costs.py", False),
        ("site/page.py", False),
    ],
)
def test_what_drawing_reaches_draws_it_again_and_nothing_else_does(
    tmp_path: Path, copied: Path, chart: Built, file: str, again: bool
) -> None:
    opened(tmp_path / "c", copied).draw(chart, "ko")
    path = copied / file
    path.write_text(path.read_text() + "\n# edited\n")
    os.utime(path, (LONG_AGO, LONG_AGO))
    figures = opened(tmp_path / "c", copied)
    figures.draw(chart, "ko")
    assert (figures.drawn, figures.found) == ((1, 0) if again else (0, 1))


@pytest.mark.parametrize("part", ["caption", "values", "parameters", "library", "language"])
def test_what_it_shows_draws_it_again(
    tmp_path: Path, chart: Built, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tmp_path).draw(chart, "ko")
    figures, lang = opened(tmp_path), "ko"
    if part == "caption":
        chart = replace(chart, bundle=replace(chart.bundle, caption=chart.bundle.alt))
    elif part == "values":
        chart = replace(chart, bundle=replace(chart.bundle, values={}))
    elif part == "parameters":
        chart = replace(chart, params=(("technique", "bt"),))
    elif part == "library":
        monkeypatch.setattr("virtdocs.site.figures.version", lambda name: "99")
    else:
        lang = "en"
    figures.draw(chart, lang)
    assert (figures.drawn, figures.found) == (1, 0)


def test_a_damaged_figure_is_drawn_again(tmp_path: Path, chart: Built) -> None:
    drawn = opened(tmp_path).draw(chart, "ko")
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    again = opened(tmp_path)
    assert again.draw(chart, "ko") == drawn
    assert again.drawn == 1


def test_another_process_is_made_ready_after_a_build_of_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Beside, "start", lambda self: started.append("once"))
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    for engine, times in (("a", 0), ("a", 0), ("b", 1), ("b", 1), ("a", 2)):
        opened(tmp_path).foresee(engine)
        assert len(started) == times
    opened(None).foresee("c")
    assert len(started) == 2


READS = """
import sys
from pathlib import Path
from virtdocs import exhibits
from virtdocs.experiments.identity import engine_hash
built = exhibits.build(sys.argv[1], {})
engine_hash()
read = set()
sys.addaudithook(lambda event, args: read.add(str(args[0])) if event == "open" else None)
from virtdocs.render.drawn import unplaced
unplaced(built, "ko")
print(*sorted(read), sep="\\n")
"""


@pytest.mark.parametrize("name", ["table_7_4_gain", "ring_map"])
def test_every_file_that_drawing_reads_or_runs_is_in_its_key(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", READS, name],
        cwd=PACKAGE.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    read = {Path(line) for line in done.stdout.splitlines()}
    data = {
        path.relative_to(PACKAGE).as_posix()
        for path in read
        if path.is_relative_to(PACKAGE) and path.suffix not in (".py", ".pyc")
    }
    assert data <= {name.format(lang="ko") for name in DATA}
    assert "catalogue/ko.toml" in data

    ran: set[Path] = set()

    def called(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            ran.add(Path(frame.f_code.co_filename))

    built = exhibits.build(name, {})
    sys.setprofile(called)
    try:
        unplaced(built, "en")
    finally:
        sys.setprofile(None)
    inside = {path for path in ran if path.is_relative_to(PACKAGE)}
    assert PACKAGE / "render" / "drawn.py" in inside
    assert inside <= set(Reach(PACKAGE).code(DRAWS))
