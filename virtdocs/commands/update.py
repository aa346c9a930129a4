"""`virtdocs update`: the golden files as they should be, shown as a diff."""

from __future__ import annotations

import argparse

from virtdocs.commands.answer import FINDING, FINE, Answer, Json
from virtdocs.commands.check import checkout
from virtdocs.commands.progress import Progress


def declare(parser: argparse.ArgumentParser) -> None:
    """`update` takes what every command takes."""


def update(args: argparse.Namespace) -> Answer:
    """Write what has changed; a move that no new line of the changelog names stops it."""
    from virtdocs.checks import recorded
    from virtdocs.checks.values import Memo

    root = checkout()
    with Progress("update"):
        done = recorded.update(root, Memo())
    moved: list[Json] = [{"number": n, "from": a, "to": b} for n, a, b in done.moved]
    data: dict[str, Json] = {
        "files": [*sorted(done.texts)],
        "diff": done.diff,
        "moved": moved,
        "unnamed": [*done.unnamed],
    }
    if done.unnamed:
        notes = [
            f"{recorded.CHANGELOG}: `{name}` moved, and no new line under"
            f" {recorded.SECTION} names it; nothing is written"
            for name in done.unnamed
        ]
        return Answer(data, done.diff, FINDING, tuple(notes))
    recorded.write(root, done)
    return Answer(data, done.diff or "nothing has changed\n", FINE)
