"""Builds of a small site, one after another in processes of their own, some of them killed.

    python tests/site/builds.py FOLDER < orders

FOLDER holds a mkdocs.yml. An order is a line of JSON: the site's folder, the cache, and
after how many seconds the build is killed, or null; of several in a list all run at once.
Answers with a line when an order is done. Everything is imported once, so that a build
takes as long as it takes, not as its imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from typing import Any

import matplotlib.backends.backend_svg
import matplotlib.figure
from mkdocs.commands.build import build
from mkdocs.config import load_config

import virtdocs.site.inline
import virtdocs.site.page
from virtdocs import exhibits

IMPORTED = (matplotlib, virtdocs.site, exhibits.EXHIBITS)


def begin(site: str, cache: str) -> int:
    """Start one; its process."""
    process = os.fork()
    if process == 0:
        os.environ["VIRTDOCS_CACHE"] = cache
        status = 1
        try:
            build(load_config("mkdocs.yml", site_dir=site, strict=True))
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return process


def main(folder: str) -> None:
    """Take orders until there are none."""
    os.chdir(folder)
    print("ready", flush=True)
    for line in sys.stdin:
        order: list[list[Any]] = json.loads(line)
        begun = [(begin(site, cache), after) for site, cache, after in order]
        for process, after in begun:
            if after is not None:
                time.sleep(after)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        ended = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process, _ in begun]
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
