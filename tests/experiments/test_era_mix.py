"""The attempt to mix eras in one prediction, from the outside: one clear line, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import virtdocs
from virtdocs.cli import main

PACKAGE = Path(virtdocs.__file__).parent
COSTS = Path("virtdocs/data/costs/kvm-2012.toml")
# A figure of 2006 among the costs of 2012, with everything that an entry needs but the bridge.
FOREIGN = """
[[cost]]
event = "vm_exit.cpuid"
axis = "vmx"
part = "handler"
value = "adams06.table1.pagefault_vmexit.p4"
unit = "cycles"
cpu = "Pentium 4 672"
year = 2006
source = "AA06"
locator = "table 1"
basis = "sourced"
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "virtdocs", ignore=ignored)
    return folder


def predicted(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["predict", "cpuid", "--technique", "hw_nested", "--era", "kvm-2012"]
    return subprocess.run(
        [sys.executable, "-m", "virtdocs", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_a_prediction_refuses_a_cost_of_another_era_in_one_line(copy: Path) -> None:
    assert predicted(copy).returncode == 0
    file = copy / COSTS
    file.write_text(file.read_text(encoding="utf-8") + FOREIGN, encoding="utf-8")
    done = predicted(copy)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"virtdocs: {COSTS.as_posix()}: cost ")
    assert "source AA06 belongs to p4-2006: use scaled_from" in line


@pytest.mark.parametrize(
    ("command", "message"),
    [
        # the era's processors can't do it
        (["forkwait", "--technique", "hw_nested", "--era", "p4-2006"], "has no nested paging"),
        # the technique is of the era, and the era has no cost of its events
        (["inl_from_qemu", "--technique", "hw_shadow", "--era", "p4-2006"],
         "p4-2006 has no published cost of user_exit.io"),
        # a native time is as little borrowed in silence as a cost
        (["lmbench.fork", "--technique", "bt", "--era", "kvm-2012"],
         "has a native time in xen-2003"),
    ],
)  # fmt: skip
def test_what_an_era_lacks_is_not_taken_from_another(
    command: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *command]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    [line] = said.err.strip().splitlines()
    assert line.startswith("virtdocs: ")
    assert message in line
