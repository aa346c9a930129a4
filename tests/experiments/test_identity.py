"""The engine hash changes with anything that can change an answer, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from virtdocs.experiments.identity import engine_hash


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "one"
    (root / "data").mkdir(parents=True)
    (root / "a.py").write_text("x = 1\n")
    (root / "data" / "b.toml").write_text("y = 2\n")
    return root


def test_the_same_files_in_another_folder_have_the_same_hash(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "two")
    assert engine_hash(tree) == engine_hash(tmp_path / "two")


@pytest.mark.parametrize("suffix", [".py", ".toml", ".csv", ".s"])
def test_a_new_source_or_data_file_changes_the_hash(tree: Path, suffix: str) -> None:
    before = engine_hash(tree)
    (tree / f"new{suffix}").write_text("")
    assert engine_hash(tree) != before


@pytest.mark.parametrize("name", ["a.css", "a.pyc", "README.md"])
def test_what_computes_nothing_leaves_the_hash_alone(tree: Path, name: str) -> None:
    before = engine_hash(tree)
    (tree / name).write_text("anything")
    assert engine_hash(tree) == before


def test_one_changed_byte_changes_the_hash(tree: Path) -> None:
    before = engine_hash(tree)
    (tree / "a.py").write_text("x = 2\n")
    assert engine_hash(tree) != before


def test_content_that_moves_from_one_file_into_the_next_changes_the_hash(tree: Path) -> None:
    (tree / "a.py").write_text("ab")
    (tree / "b.py").write_text("c")
    before = engine_hash(tree)
    (tree / "a.py").write_text("a")
    (tree / "b.py").write_text("bc")
    assert engine_hash(tree) != before


def test_a_renamed_file_changes_the_hash(tree: Path) -> None:
    before = engine_hash(tree)
    (tree / "a.py").rename(tree / "z.py")
    assert engine_hash(tree) != before


def test_the_package_itself_has_a_hash_of_64_hexadecimal_digits() -> None:
    assert len(engine_hash()) == 64
    assert int(engine_hash(), 16) >= 0
