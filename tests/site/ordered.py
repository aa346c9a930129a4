"""Builds to order in a process that has everything imported; what comes out, by its hashes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

from tests.site.conftest import EPOCH, ROOT

OFF = "off"  # the cache


class Ordered:
    """A folder with a mkdocs.yml and a process that builds it; sites lie in it unless absolute."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        own = {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": EPOCH, "NO_MKDOCS_2_WARNING": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "builds.py"), str(folder)],
            env={**os.environ, **own, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._answer() == "ready"

    def builds(self, *orders: tuple[str, str, float | None]) -> list[int]:
        """(site, cache, seconds until it is killed) of each; all at once; how they ended."""
        assert self.process.stdin is not None
        print(json.dumps(orders), file=self.process.stdin, flush=True)
        ended: list[int] = json.loads(self._answer())
        return ended

    def built(self, cache: str = OFF, site: str = "site") -> dict[str, str]:
        """The files of a build, by their hashes."""
        assert self.builds((site, cache, None)) == [0]
        return self.files(site)

    def files(self, site: str = "site") -> dict[str, str]:
        """What lies in a site's folder."""
        folder = self.folder / site
        return {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def end(self) -> None:
        """Stop the process."""
        self.process.communicate()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def damage(path: Path, other: Path, way: int, rng: random.Random) -> bytes:
    """Spoil an entry in one of five ways; what it is then."""
    entry = path.read_bytes()
    at = rng.randrange(len(entry))
    flipped = bytes([entry[at] ^ 1 << rng.randrange(8)])
    cut, grown = entry[:at], entry + rng.randbytes(9)
    ways = (cut, cut + flipped + entry[at + 1 :], grown, b"", other.read_bytes())
    path.write_bytes(ways[way % len(ways)])
    return path.read_bytes()
