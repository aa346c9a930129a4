"""`virtdocs dist [SITE_DIR] [--to DIR]`: the site as a zip, with manifest and checksums."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from virtdocs.commands.answer import Answer, Json
from virtdocs.commands.progress import Progress
from virtdocs.errors import BadValue

EPOCH = "SOURCE_DATE_EPOCH"


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `dist`."""
    parser.add_argument("site", nargs="?", default="site", metavar="SITE_DIR", help="default site")
    parser.add_argument("--to", default="dist", metavar="DIR", help="where to write (default dist)")


def dist(args: argparse.Namespace) -> Answer:
    """The files written, with their sizes."""
    from virtdocs.site.dist import pack

    with Progress("dist"):
        files = pack(Path(args.site), Path(args.to), _epoch())
    data: list[Json] = [{"file": str(path), "bytes": path.stat().st_size} for path in files]
    return Answer({"files": data}, "".join(f"{path}\n" for path in files))


def _epoch() -> int:
    """The time of every file in the zip: from the environment, 0 without."""
    said = os.environ.get(EPOCH, "0")
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise BadValue(EPOCH, f"{said!r} is no number of seconds")
    return int(said)
