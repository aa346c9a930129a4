"""What an exhibit reaches: exactly the modules that it imports, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtdocs.cache.reach import Reach
from virtdocs.cache.text import imports_of

FILES = {
    "__init__.py": "",
    "exhibits/__init__.py": "from pack.exhibits import walks, rings\n",
    "exhibits/walks.py": "from pack.views.walks import grid\n",
    "exhibits/rings.py": "import pack.views.rings\n",
    "views/__init__.py": "",
    "views/walks.py": "def grid():\n    from pack.machine import paging\n",
    "views/rings.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                      "    from pack.machine.paging import walk\nelse:\n    import pack.trace\n",
    "machine/__init__.py": "import pack.errors\n",
    "machine/paging.py": "import pack.trace\n",
    "errors.py": "",
    "trace.py": "import pack.machine.paging\n",
    "data/costs.toml": "a = 1\n",
    "catalogue/en.toml": "b = 1\n",
}  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


def reached(package: Path, module: str) -> set[str]:
    return {path.relative_to(package).as_posix() for path in Reach(package).files(module)}


def test_imports_are_followed_to_their_end(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtdocs.cache.reach.LISTS", frozenset({"pack.exhibits"}))
    assert reached(package, "pack.exhibits.walks") == {
        "__init__.py", "exhibits/walks.py", "views/__init__.py", "views/walks.py",
        "machine/__init__.py", "machine/paging.py", "errors.py", "trace.py", "data/costs.toml",
    }  # fmt: skip


def test_what_only_a_type_checker_sees_is_not_reached(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "trace.py").write_text("")
    monkeypatch.setattr("virtdocs.cache.reach.LISTS", frozenset({"pack.exhibits"}))
    assert reached(package, "pack.exhibits.rings") == {
        "__init__.py", "exhibits/rings.py", "views/__init__.py", "views/rings.py", "trace.py",
        "data/costs.toml",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ('FILE = "costs.toml"', ["rings"]),
        ("FILE = 'data/costs.toml'", ["rings"]),
        ('FOLDER = "measured"', ["walks", "rings"]),  # it names another file
        ("FILE = costs.toml", ["walks", "rings"]),
        ('FILE = f"{name}.toml"', ["walks", "rings"]),
        ('FILE = "a b"/"costs.toml"', ["rings"]),
    ],
)
def test_data_belongs_to_whoever_reaches_its_name_and_to_all_without_one(
    package: Path, text: str, whose: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtdocs.cache.reach.LISTS", frozenset({"pack.exhibits"}))
    (package / "views" / "rings.py").write_text(text)
    having = [
        n for n in ("walks", "rings") if "data/costs.toml" in reached(package, f"pack.exhibits.{n}")
    ]
    assert having == whose


def test_a_file_in_a_folder_belongs_to_whoever_names_either(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtdocs.cache.reach.LISTS", frozenset({"pack.exhibits"}))
    (package / "data" / "measured").mkdir()
    (package / "data" / "measured" / "a.csv").write_text("")
    (package / "views" / "rings.py").write_text('FILE = "a.csv"\n')
    (package / "trace.py").write_text('FOLDER = "measured"\n')
    for name in ("walks", "rings"):
        assert "data/measured/a.csv" in reached(package, f"pack.exhibits.{name}")
    (package / "views" / "walks.py").write_text("")  # no longer reaches the trace
    assert "data/measured/a.csv" not in reached(package, "pack.exhibits.walks")


def test_a_text_that_cannot_be_read_yet_keeps_others_from_nothing(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virtdocs.cache.reach.LISTS", frozenset({"pack.exhibits"}))
    before = reached(package, "pack.exhibits.rings")
    (package / "views" / "walks.py").write_text("def grid(:\n")
    reach = Reach(package)
    assert {reach.named(path) for path in reach.files("pack.exhibits.rings")} == before
    assert reach.digest(package / "views" / "walks.py") not in reach.known


def test_a_module_of_another_package_reaches_nothing(package: Path) -> None:
    assert reached(package, "hooks.of_a_test") == set()
    assert reached(package, "pack.nowhere") == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b as c", {"a.b"}),
        ("from a import b, c", {"a", "a.b", "a.c"}),
        ("def f():\n  try:\n    import late\n  except ImportError: pass", {"late"}),
        ("if TYPE_CHECKING:\n  import a\nelif x:\n  import b", {"b"}),
        ("import typing\nif typing.TYPE_CHECKING:\n  import a", {"typing"}),
    ],
)
def test_every_way_to_import_is_seen(text: str, names: set[str]) -> None:
    assert set(imports_of(text)) == names


def test_a_file_is_known_as_it_was_first(package: Path) -> None:
    reach = Reach(package)
    path = package / "trace.py"
    before = reach.digest(path)
    assert reach.unchanged((path,))
    path.write_text("# edited\n")
    assert reach.digest(path) == before
    assert not reach.unchanged((path,))


def test_what_texts_import_is_read_once_and_known_again(package: Path) -> None:
    first = Reach(package)
    files = first.files("pack.exhibits.walks")
    assert first.learned
    again = Reach(package, first.known)
    assert again.files("pack.exhibits.walks") == files
    assert not again.learned
    (package / "trace.py").write_text("import pack.errors, pack.views.rings\n")
    edited = Reach(package, first.known)
    assert package / "views" / "rings.py" in edited.files("pack.exhibits.walks")
    assert edited.learned
