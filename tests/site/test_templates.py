"""Compiled templates are found again, and never wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from jinja2 import DictLoader, Environment

from virtdocs.cache.store import Store
from virtdocs.site.templates import Templates


def rendered(folder: Path, source: str) -> tuple[str, int]:
    """The text, and how many templates were compiled for it."""
    environment = Environment(loader=DictLoader({"a": source}), autoescape=True)
    environment.bytecode_cache = Templates(Store(folder))
    with mock.patch.object(environment, "_generate", wraps=environment._generate) as compiling:
        text = environment.get_template("a").render(who="you")
    return text, compiling.call_count


def test_a_template_is_compiled_once(tmp_path: Path) -> None:
    assert rendered(tmp_path, "hello {{ who }}") == ("hello you", 1)
    assert rendered(tmp_path, "hello {{ who }}") == ("hello you", 0)


def test_an_edited_template_is_compiled_again(tmp_path: Path) -> None:
    rendered(tmp_path, "hello {{ who }}")
    assert rendered(tmp_path, "goodbye {{ who }}") == ("goodbye you", 1)


@pytest.mark.parametrize(
    "spoil", [lambda entry: b"", lambda entry: entry[:40], lambda entry: entry[:-1] + b"\0"]
)
def test_a_damaged_entry_is_compiled_again(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    rendered(tmp_path, "hello {{ who }}")
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(spoil(entry.read_bytes()))
    assert rendered(tmp_path, "hello {{ who }}") == ("hello you", 1)
