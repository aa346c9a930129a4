"""The engine in Pyodide under Node: the same outcomes, counts and hashes as in CPython."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pyodide.work import CORES, OPERATIONS, TECHNIQUES, answer

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
INSTALLED = REPOSITORY / "build" / "pyodide"
LEAST_PLAIN_MIPS = 8

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def pyodide() -> Path:
    """Pyodide as the lock file names it."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing: install Node.js 18 or newer", pytrace=False)
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, INSTALLED / name)
    subprocess.run(["npm", "ci", "--silent"], cwd=INSTALLED, check=True)
    return INSTALLED / "node_modules" / "pyodide"


def in_pyodide(pyodide: Path, what: str) -> dict[str, Any]:
    """What ``work.answer`` says there."""
    done = subprocess.run(
        ["node", str(HERE / "run.mjs"), str(pyodide), str(REPOSITORY), what],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_both_cores_report_the_same_in_pyodide_as_in_cpython(pyodide: Path) -> None:
    there = in_pyodide(pyodide, "results")["runs"]
    here = json.loads(answer("results"))["runs"]
    assert set(there) == {f"{w} {t} {c}" for w in OPERATIONS for t in TECHNIQUES for c in CORES}
    assert [name for name in here if here[name] != there[name]] == []
    for name in there:
        assert there[name] == there[name.replace("fast", "reference")], name


def test_plain_code_is_fast_enough_for_a_browser(
    pyodide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = in_pyodide(pyodide, "speed")
    with capsys.disabled():
        print(f"Pyodide, Python {found['python']}: {found['mips']} MIPS")
    assert all(mips >= LEAST_PLAIN_MIPS for mips in found["mips"].values())
