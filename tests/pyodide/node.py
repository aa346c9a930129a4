"""Pyodide under Node, as the lock file names it: install, ask, read the answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
INSTALLED = REPOSITORY / "build" / "pyodide"


def missing() -> str:
    """The tool that is not there, or nothing."""
    return next((tool for tool in ("node", "npm") if shutil.which(tool) is None), "")


def install() -> Path:
    """The folder of the Pyodide that the lock file names."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, INSTALLED / name)
    subprocess.run(["npm", "ci", "--silent"], cwd=INSTALLED, check=True)
    return INSTALLED / "node_modules" / "pyodide"


def version() -> str:
    """Which Pyodide that is."""
    wanted = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    found: str = wanted["dependencies"]["pyodide"]
    return found


def in_pyodide(pyodide: Path, what: str) -> dict[str, Any]:
    """What ``work.answer`` says there."""
    done = subprocess.run(
        ["node", str(HERE / "run.mjs"), str(pyodide), str(REPOSITORY), what],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
