"""The engine in Pyodide under Node: the same outcomes, counts and hashes as in CPython."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pyodide.node import in_pyodide, install, missing
from tests.pyodide.work import CORES, OPERATIONS, TECHNIQUES, answer

LEAST_PLAIN_MIPS = 8

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def pyodide() -> Path:
    """Pyodide as the lock file names it."""
    if missing():
        pytest.fail(f"{missing()} is missing: install Node.js 18 or newer", pytrace=False)
    return install()


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
