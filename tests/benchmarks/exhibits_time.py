"""How long all exhibits of the pages take from nothing, on one core of this machine.

    python tests/benchmarks/exhibits_time.py fast|reference

In a process of its own: no run and no translation is there when it begins.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from virtdocs import exhibits
from virtdocs.checks.fences import placements
from virtdocs.checks.pages import read_pages
from virtdocs.exhibits import speed
from virtdocs.experiments import run

ROOT = Path(__file__).parent.parent.parent


def placed() -> dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, object]]:
    """Every exhibit that a page places, once for each choice of parameters.

    Not those that show the record: it is what this is measured for.
    """
    shown = {one.name for one in speed.EXHIBITS}
    return {
        (one.name, exhibits.resolve(one.name, dict(one.params))): dict(one.params)
        for page in read_pages(ROOT)
        for one in placements(page)
        if not one.problem and one.name not in shown
    }


def main(core: str) -> None:
    """Print how many there are and the seconds of this process that they took."""
    wanted = placed()
    # Most exhibits name no core and so get the fast one; without it the same runs are the
    # reference core's.
    without = patch.object(run, "fast_cores", return_value=[])
    with without if core == "reference" else nullcontext():
        began = time.process_time()
        for (name, _), params in wanted.items():
            exhibits.build(name, params)
        seconds = time.process_time() - began
    print(json.dumps({"exhibits": len(wanted), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
