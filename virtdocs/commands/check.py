"""`virtdocs check [GATE…]` and `virtdocs review PAGE#ID`."""

from __future__ import annotations

import argparse
from pathlib import Path

import virtdocs
from virtdocs.commands.answer import FINDING, FINE, Answer, Json
from virtdocs.commands.progress import Progress
from virtdocs.errors import VirtdocsError


def declare_check(parser: argparse.ArgumentParser) -> None:
    """Arguments of `check`."""
    parser.add_argument("gates", nargs="*", metavar="GATE", help="gates to run (default all)")


def check(args: argparse.Namespace) -> Answer:
    """Every finding of the gates; status 1 when there is one."""
    from virtdocs.checks.gates import run_gates

    with Progress("check"):
        found = run_gates(checkout(), args.gates)
    text = "".join(f"{finding}\n" for finding in found)
    notes = (f"findings: {len(found)}",) if found else ()
    data: list[Json] = [dict(finding.as_json()) for finding in found]
    return Answer({"findings": data}, text, FINDING if found else FINE, notes)


def declare_review(parser: argparse.ArgumentParser) -> None:
    """Arguments of `review`."""
    parser.add_argument("section", metavar="PAGE#ID", help="such as concepts/rings.md#ring-map")


def review(args: argparse.Namespace) -> Answer:
    """Record that both languages of one section have been read side by side."""
    from virtdocs.checks.reviewed import FILE, record_review

    done = record_review(checkout(), args.section)
    data = {"section": done.section, "ko": done.ko, "en": done.en, "file": FILE}
    return Answer(dict(data), f"{done.section}  ko {done.ko}  en {done.en}\n")


def checkout() -> Path:
    """The checkout that this command is about: around the current folder, else this package's."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(virtdocs.__file__).parent.parent):
        if (folder / "docs" / "ko").is_dir() and (folder / "docs" / "en").is_dir():
            return folder
    raise VirtdocsError(str(here), "no checkout here: docs/ko and docs/en are missing")
