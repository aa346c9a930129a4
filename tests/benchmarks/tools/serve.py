"""How long `mkdocs serve` takes to build again after a page has been edited."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.tools.sites import Site

BUILT = re.compile(r"Documentation built in ([\d.]+) seconds")
SECONDS = 300
# MkDocs logs the same words once, and two builds may well take the same time.
SERVE = """\
import mkdocs.utils
mkdocs.utils.DuplicateFilter = lambda: lambda record: True
from mkdocs.__main__ import cli
cli()
"""


def rebuilds(sites: Iterable[Site], times: int) -> dict[str, list[float]]:
    """Seconds of each rebuild, as MkDocs says them, by site; the sites are edited in turn."""
    with ExitStack() as stack:
        logs = {site.name: (site, stack.enter_context(_served(site))) for site in sites}
        for n in range(1, times + 1):
            for site, log in logs.values():
                time.sleep(1)  # the watcher's own pause
                site.edit_sentence(100 + n)
                _wait(log, 1 + n)
        return {
            name: [float(one) for one in BUILT.findall(log.read_text())][1 : 1 + times]
            for name, (_, log) in logs.items()
        }


@contextmanager
def _served(site: Site) -> Iterator[Path]:
    """The log of a preview that has built its site once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = site.folder / "serve.log"
    environment = os.environ | {
        "PYTHONPATH": str(site.folder),
        "VIRTDOCS_CACHE": str(site.folder / "cache"),
        "NO_MKDOCS_2_WARNING": "1",
    }
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--dev-addr", address],
            cwd=site.folder, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(log, 1)
        yield log
    finally:
        server.terminate()
        server.wait(SECONDS)


def _wait(log: Path, builds: int) -> None:
    end = time.monotonic() + SECONDS
    while len(BUILT.findall(log.read_text())) < builds:
        if time.monotonic() > end:
            raise SystemExit(f"no build number {builds}: {log.read_text()[-2000:]}")
        time.sleep(0.2)
