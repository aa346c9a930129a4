"""A checkout for commands that read or write one, and a way to run commands in-process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from virtdocs.cli import main


@dataclass(frozen=True)
class Done:
    """What one command said."""

    status: int
    out: str
    err: str


@pytest.fixture
def virtdocs(capsys) -> Callable[..., Done]:
    """Run one command line in this process."""

    def run(*argv: str) -> Done:
        capsys.readouterr()
        status = main(argv)
        said = capsys.readouterr()
        return Done(status, said.out, said.err)

    return run


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Path:
    """An empty but valid checkout that is the current folder."""
    for lang, title in (("ko", "시작"), ("en", "Start")):
        folder = tmp_path / "docs" / lang
        folder.mkdir(parents=True)
        (folder / "index.md").write_text(f"# {title} {{#home}}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
