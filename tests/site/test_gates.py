"""``virtdocs check`` on the real pages: three things that must never slip in are found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site.conftest import ROOT, Project

PAGE = "docs/ko/concepts/rings.md"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for part in ("docs", "virtdocs"):
        ignored = shutil.ignore_patterns("__pycache__", "vendor")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    return tmp_path


def virtdocs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "virtdocs", *arguments],
        cwd=folder,
        env=Project(folder).environment(),
        capture_output=True,
        text=True,
    )


def append(folder: Path, sentence: str) -> int:
    """Add a paragraph to the Korean page; answer with its line."""
    path = folder / PAGE
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n"
    path.write_text(text + sentence + "\n", encoding="utf-8")
    return text.count("\n") + 1


def bare_numeral(folder: Path) -> tuple[str, str]:
    return "numerals", f"{PAGE}:{append(folder, '모니터는 347번 끼어듭니다.')}: "


def sentence_in_one_language(folder: Path) -> tuple[str, str]:
    text = (folder / PAGE).read_text(encoding="utf-8")
    number, heading = [
        (n, line) for n, line in enumerate(text.splitlines(), 1) if line.startswith("## ")
    ][-1]
    section = heading.partition("{#")[2].rstrip("} ")
    assert virtdocs(folder, "review", f"concepts/rings.md#{section}").returncode == 0
    append(folder, "이 문장은 한국어에만 있습니다.")
    return "mirror", f"{PAGE}:{number}: "


def missing_catalogue_key(folder: Path) -> tuple[str, str]:
    path = folder / "virtdocs" / "catalogue" / "en.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    removed = next(line for line in lines if line.startswith("provenance"))
    path.write_text("\n".join(line for line in lines if line != removed), encoding="utf-8")
    korean = (folder / "virtdocs" / "catalogue" / "ko.toml").read_text(encoding="utf-8")
    where = [n for n, line in enumerate(korean.splitlines(), 1) if line.startswith("provenance")]
    return "catalogue", f"virtdocs/catalogue/ko.toml:{where[0]}: "


@pytest.mark.parametrize(
    "breaking", [bare_numeral, sentence_in_one_language, missing_catalogue_key]
)
def test_a_broken_page_or_catalogue_is_found_with_file_and_line(
    checkout: Path, breaking: Callable[[Path], tuple[str, str]]
) -> None:
    gate, place = breaking(checkout)
    done = virtdocs(checkout, "check", gate)
    assert done.returncode == 1, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith(place)], done.stdout
