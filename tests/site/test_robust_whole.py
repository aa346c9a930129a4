"""What test_robust holds of a small site holds of the whole one, at full size.

Right means: byte for byte what comes out with the cache off.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.conftest import ROOT
from tests.site.ordered import Ordered, damage

pytestmark = pytest.mark.soak
KILLED, CORRUPTED = 20, 20


@pytest.fixture(scope="module")
def whole() -> Iterator[Ordered]:
    site = Ordered(ROOT)
    yield site
    site.end()


@pytest.fixture(scope="module")
def right(whole: Ordered, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The site without a cache."""
    return whole.built(site=str(tmp_path_factory.mktemp("right")))


def drop(cache: Path, rng: random.Random) -> None:
    """Take away a third of the entries, so that the next build has something to do."""
    entries = sorted(cache.iterdir())
    for path in rng.sample(entries, len(entries) // 3):
        path.unlink()


def test_after_twenty_killed_builds_of_the_site_each_next_one_is_right(
    whole: Ordered, right: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(20)
    cache, site = tmp_path / "cache", str(tmp_path / "site")
    cache.mkdir()
    began = time.monotonic()
    assert whole.built(str(cache), site) == right
    seconds = time.monotonic() - began
    killed = 0
    for n in range(KILLED):
        drop(cache, rng)
        [ended] = whole.builds((site, str(cache), rng.random() * seconds / 3))
        killed += ended == -signal.SIGKILL
        assert whole.built(str(cache), site) == right, n
    assert killed > KILLED // 2


def test_twenty_corrupted_entries_of_the_site_change_nothing(
    whole: Ordered, right: dict[str, str], tmp_path: Path
) -> None:
    rng = random.Random(20)
    cache, site = tmp_path / "cache", str(tmp_path / "site")
    assert whole.built(str(cache), site) == right
    for n in range(CORRUPTED):
        path, other = rng.sample(sorted(cache.iterdir()), 2)
        damage(path, other, n, rng)
        assert whole.built(str(cache), site) == right, (n, path.name)
