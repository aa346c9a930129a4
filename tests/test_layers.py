"""Imports go left only, and every module has a place in the order."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "errors trace machine devices guest|vmm experiments views exhibits cache render checks site"
    " measure commands cli __main__"
).split()
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names.split("|")}
OWN = sys.stdlib_module_names | {"virtdocs"}
# What is not in the standard library, and who may import it: the engine may not.
THIRD_PARTY = {
    "matplotlib": {"render"},
    "pylopdf_fonts_ko": {"render"},
    "yaml": {"checks"},
    "jinja2": {"site"},
    "markdown": {"site"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by full name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for name in names)


def wrong_imports(package: Path) -> list[str]:
    """``file:line: message`` for each import that goes right, sideways or outside."""
    found = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).with_suffix("").parts[0]
        if own == "__init__":
            continue
        if own not in RANK:
            found.append(f"{path}:1: {own} has no place in the order")
            continue
        for line, name in imports(path):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if top == package.name and other not in RANK:
                known = other in ("", "__version__")
                found += [] if known else [f"{path}:{line}: {other} has no place in the order"]
            elif top == package.name and other != own and RANK[other] >= RANK[own]:
                found.append(f"{path}:{line}: {own} may not import {other}")
            elif top not in OWN and own not in THIRD_PARTY.get(top, ()):
                found.append(f"{path}:{line}: {own} may not import {top}")
    return found


def test_imports_go_left_only_and_every_package_has_a_place() -> None:
    assert wrong_imports(ROOT / "virtdocs") == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("machine/cpu.py", "from virtdocs.vmm import shadow", "machine may not import vmm"),
        ("guest/a.py", "from virtdocs.vmm.exit_loop import run", "guest may not import vmm"),
        ("vmm/a.py", "def f():\n    import virtdocs.cli", "vmm may not import cli"),
        ("machine/cpu.py", "from virtdocs import render", "machine may not import render"),
        ("machine/cpu.py", "import numpy as np", "machine may not import numpy"),
        ("toolbox/a.py", "", "toolbox has no place in the order"),
        ("cli.py", "import virtdocs.toolbox", "toolbox has no place in the order"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, text: str, message: str) -> None:
    path = tmp_path / "virtdocs" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    [found] = wrong_imports(tmp_path / "virtdocs")
    assert message in found


def test_an_import_to_the_left_or_within_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "virtdocs" / "render" / "svg.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import html\nfrom virtdocs.views.model import Flow\nimport virtdocs.render.text"
    )
    assert wrong_imports(tmp_path / "virtdocs") == []
