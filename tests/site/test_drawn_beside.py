"""Charts of a build that has few to draw: by another process, and just as this one would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.site.conftest import ROOT
from tests.site.test_robust import CONFIG, EXHIBITS, FENCE, TEMPLATE
from virtdocs.cache.shared import LEAST
from virtdocs.cache.store import Store
from virtdocs.render.placed import Unplaced

CHARTS = ("name: table_7_4_gain", "name: balloon\npages: 256")  # a chart, and panels
FIGURES = (*CHARTS, *(one for one in EXHIBITS if one not in CHARTS))
SECONDS = 120  # one that waits for itself would wait for ever
BUILD = """
import os, sys
os.cpu_count = lambda: 2
from mkdocs.commands.build import build
from mkdocs.config import load_config
build(load_config("mkdocs.yml", strict=True))
print("matplotlib" in sys.modules)
"""


# Elsewhere nothing is drawn beside: virtdocs/cache/shared.py says where a copy may begin at once.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")


@pytest.fixture(params=[CHARTS, FIGURES], ids=["few", "many"])
def shown(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Few that need drawing are drawn beside, many are shared with another process."""
    assert (len(request.param) >= LEAST) == (request.param is FIGURES)
    named: tuple[str, ...] = request.param
    return named


@pytest.fixture
def site(tmp_path: Path, shown: tuple[str, ...]) -> Path:
    pages = "\n\n".join(["# Charts", *map(FENCE.format, shown), "Mean {{ table_7_4.median }}."])
    texts = {
        "docs/ko/index.md": f"{pages}\n",
        "mkdocs.yml": CONFIG,
        "theme/main.html": TEMPLATE + "{{ page.content }}\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "hooks").symlink_to(ROOT / "hooks")
    return tmp_path


def built(site: Path, cache: str, processes: str) -> tuple[str, dict[str, bytes]]:
    """What the process said, and every file of the site."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1",
        "VIRTDOCS_CACHE": cache, "VIRTDOCS_PROCESSES": processes,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert not done.returncode, done.stderr
    files = (path for path in (site / "site").rglob("*") if path.is_file())
    made = {path.relative_to(site).as_posix(): path.read_bytes() for path in files}
    return done.stdout.strip(), {name: text for name, text in made.items() if "sitemap" not in name}


def test_the_page_is_the_same_and_a_build_with_few_charts_need_not_import_matplotlib(
    site: Path, shown: tuple[str, ...]
) -> None:
    alone = built(site, "off", "1")
    assert alone[0] == "True"
    assert alone[1]["site/index.html"].count(b'<figure class="vd-exhibit') == len(shown)
    cache = site / "cache"
    for _ in range(2):
        assert built(site, str(cache), "2") == ("False", alone[1])
    assert built(site, str(site / "other"), "1") == alone
    for path in cache.iterdir():  # all is known, and none is drawn
        if isinstance(Store(cache).get(path.name), Unplaced):
            path.unlink()
    assert built(site, str(cache), "2") == (str(shown is FIGURES), alone[1])
