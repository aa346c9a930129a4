"""The builds of virtdocs' own site: both languages, all pages, as anybody builds it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.tools.measure import Took, timed_in
from tests.benchmarks.tools.sites import ROOT

PAGE, ENGINE = "docs/ko/index.md", "virtdocs/trace.py"  # everything that runs reaches the latter
SETTLE = 3  # seconds: the cache keeps nothing of an engine that was edited a moment ago


def whole(folder: Path) -> Iterator[tuple[str, Took]]:
    """Seconds of each case: from nothing, nothing changed, a sentence, a line of the engine."""
    clone = ["git", "clone", "--quiet", str(ROOT), str(folder)]
    subprocess.run(clone, check=True)
    for case, path, text in (
        ("cold", None, ""),
        ("unchanged", None, ""),
        ("sentence", PAGE, "\nOne more sentence.\n"),
        ("engine", ENGINE, "\n# one more line\n"),
    ):
        if path is not None:
            with (folder / path).open("a", encoding="utf-8") as file:
                file.write(text)
        time.sleep(SETTLE)
        command = [sys.executable, "-m", "mkdocs", "-q", "build", "--strict"]
        yield case, timed_in(folder, command, "the site of virtdocs")
