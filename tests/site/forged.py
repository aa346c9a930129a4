"""Ways to alter a built site: each edits one thing and says what has to be found."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from virtdocs.cache import Cache
from virtdocs.site.claimed import read_manifest
from virtdocs.site.published import open_site
from virtdocs.site.verify import Mismatch, verify
from virtdocs.site.workshop import Workshop


def held(site: Path, cache: Path | None = None) -> list[Mismatch]:
    """What `virtdocs verify` finds, in this process."""
    opened = open_site(site)
    return verify(opened, read_manifest(opened), Workshop(cache=Cache.at(cache)).build)


def replace(file: Path, pattern: str, edit: Callable[[re.Match[str]], str]) -> re.Match[str]:
    """Edit the first place that matches; the match."""
    text = file.read_text(encoding="utf-8")
    match = re.search(pattern, text, re.DOTALL)
    assert match, (file, pattern)
    file.write_text(text[: match.start()] + edit(match) + text[match.end() :], encoding="utf-8")
    return match


def other_digit(text: str) -> str:
    """The text with its last digit changed."""
    found = list(re.finditer(r"\d", text))[-1]
    changed = str((int(found.group()) + 1) % 10)
    return text[: found.start()] + changed + text[found.end() :]


def group_changed(match: re.Match[str]) -> str:
    """The match with a digit of its only group changed."""
    whole, start = match.group(), match.start()
    return whole[: match.start(1) - start] + other_digit(match[1]) + whole[match.end(1) - start :]


def manifest(site: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit the manifest as data."""
    file = site / "manifest.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    edit(data)
    file.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def sign(site: Path) -> None:
    """Make the manifest's hashes of files fit again, as a careful forger would."""

    def fit(data: dict[str, Any]) -> None:
        data["files"] = {
            path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in site.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        }

    manifest(site, fit)


def cell(page: Path, exhibit: str) -> None:
    """A number in a table cell of an exhibit."""
    replace(
        page, rf'data-exhibit="{exhibit}".*?<td[^>]*>[^<]*(?:<data[^>]*>)?([^<]*\d)', group_changed
    )


def sentence(page: Path, value: str) -> None:
    """The digits that people read in a sentence."""
    replace(page, rf'<data data-value="{re.escape(value)}"[^>]*>([^<]*\d)', group_changed)


def drawing(page: Path, exhibit: str) -> None:
    """A number that is drawn in a figure of the page."""
    replace(
        page, rf'data-exhibit="{exhibit}".*?<svg.*?<text[^>]*>([^<]*\d)[^<]*</text>', group_changed
    )


def file(path: Path) -> None:
    """The last digit of a file to download."""
    path.write_text(other_digit(path.read_text(encoding="utf-8")), encoding="utf-8")
