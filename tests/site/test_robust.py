"""A build is right whatever became of the ones before it, and wherever it runs.

On a site of six pages, whose builds take a fraction of a second; right means: byte for byte
what comes out with the cache off.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.conftest import ROOT
from tests.site.ordered import OFF, Ordered, damage
from virtdocs.cache.store import Store

KILLED, CORRUPTED = 20, 20
CONFIG = """
site_name: small
site_url: https://small.example/
docs_dir: docs/ko
theme: {name: null, custom_dir: theme}
plugins: []
use_directory_urls: false
hooks: [hooks/engine.py, hooks/templates.py, hooks/exhibits.py]
extra: {lang: ko, languages: {ko: {name: ko}}}
markdown_extensions: [tables, pymdownx.superfences]
"""
TEMPLATE = '<!doctype html><meta name="engine" content="{{ config.extra.engine_hash }}">'
FENCE = "```exhibit\n{}\n```"
EXHIBITS = (
    *(f"name: walk_2d\nguest_levels: {n}\nnested_levels: {n}" for n in range(1, 5)),
    "name: table_7_4",
    "name: table_7_4_gain",
    "name: speed_exit",
    "name: speed_targets",
    "name: speed_kernels",
    "name: pv_port_excerpt",
    "name: walk_2d\nguest_levels: 2\nnested_levels: 3",
    "name: walk_2d\nguest_levels: 3\nnested_levels: 2",
)
PAGES = 6


class Small(Ordered):
    """Six pages in a folder of their own, with a theme of one line."""

    def __init__(self, folder: Path, **environment: str) -> None:
        for n in range(PAGES):
            fences = [FENCE.format(one) for one in EXHIBITS[n::PAGES]]
            text = "\n\n".join([f"# Page {n}", *fences, "Mean {{ table_7_4.median }}."])
            _write(folder / f"docs/ko/{f'p{n}' if n else 'index'}.md", f"{text}\n")
        _write(folder / "mkdocs.yml", CONFIG)
        _write(folder / "theme/main.html", TEMPLATE + "{{ page.content }}\n")
        shutil.copytree(ROOT / "hooks", folder / "hooks", dirs_exist_ok=True)
        super().__init__(folder, **environment)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    site = Small(tmp_path_factory.mktemp("small"))
    yield site
    site.end()


@pytest.fixture(scope="module")
def right(small: Small) -> dict[str, str]:
    """The site without a cache, with every exhibit on it."""
    found = small.built()
    texts = [path.read_text() for path in (small.folder / "site").rglob("*.html")]
    assert sum(text.count('<figure class="vd-exhibit') for text in texts) == len(EXHIBITS)
    return found


def test_with_or_without_what_is_kept_it_is_the_same(
    small: Small, right: dict[str, str], tmp_path: Path
) -> None:
    assert small.built(str(tmp_path)) == right
    entries = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(entries) > 2 * len(EXHIBITS)
    assert small.built(str(tmp_path)) == right
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == entries


def test_after_twenty_killed_builds_each_next_one_is_right(
    small: Small, right: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(20)
    began = time.monotonic()
    assert small.built(str(tmp_path / "first")) == right
    seconds = time.monotonic() - began
    killed = 0
    for n in range(KILLED):
        cache = str(tmp_path / str(n))
        [ended] = small.builds(("site", cache, rng.random() * seconds))
        killed += ended == -signal.SIGKILL
        assert small.built(cache) == right, n
        shutil.rmtree(cache)
    assert killed > KILLED // 2


def test_twenty_corrupted_entries_change_nothing(
    small: Small, right: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(20)
    assert small.built(str(tmp_path)) == right
    for n in range(CORRUPTED):
        path, other = rng.sample(sorted(tmp_path.iterdir()), 2)
        kept = Store(tmp_path).get(path.name)
        # What one group declares is read only when the entry of all groups is not there.
        spare = isinstance(kept, tuple) and len({one.group for one in kept}) == 1
        entry = path.read_bytes()
        damaged = damage(path, other, n, rng)
        assert small.built(str(tmp_path)) == right, (n, path.name)
        # Put together from what was read back, it may be written in other bytes.
        same = path.read_bytes() == damaged if spare else Store(tmp_path).get(path.name) == kept
        assert kept is not None
        assert same, (n, path.name)
        path.write_bytes(entry)


def test_two_builds_at_once_are_both_right(
    small: Small, right: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(2):  # from nothing, and with all that they have kept
        both = small.builds(("one", str(tmp_path), None), ("two", str(tmp_path), None))
        assert both == [0, 0]
        assert small.files("one") == small.files("two") == right


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "7", "TZ": "Asia/Seoul", "LANG": "C"},
        {"PYTHONHASHSEED": "0", "TZ": "Pacific/Chatham", "VIRTDOCS_PROCESSES": "1"},
    ],
    ids=["two-processes", "one-process"],
)
def test_in_another_folder_and_environment_it_is_the_same(
    right: dict[str, str], tmp_path: Path, environment: dict[str, str]
) -> None:
    other = Small(tmp_path / "quite another name", **environment)
    try:
        assert other.built(str(tmp_path / "cache")) == right
        assert other.built(str(tmp_path / "cache")) == right
        assert other.built(OFF) == right
    finally:
        other.end()
