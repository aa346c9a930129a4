"""A kept exhibit is the one that would be computed, and only while nothing has moved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import pytest

import virtdocs
from virtdocs import exhibits
from virtdocs.cache import Cache, default_folder
from virtdocs.cache.reach import Reach
from virtdocs.errors import UnknownName
from virtdocs.exhibits import Built

PACKAGE = Path(virtdocs.__file__).parent
LONG_AGO = time.time() - 3600
NAME = "table_7_4"  # computed from data alone, at once


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package's files, old enough to be trusted."""
    folder = tmp_path / "virtdocs"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of exhibits that were computed."""
    names: list[str] = []
    build = exhibits.build

    def noted(name: str, params: dict[str, object], within: str = "") -> Built:
        names.append(name)
        return build(name, params, within)

    monkeypatch.setattr(exhibits, "build", noted)
    return names


def opened(folder: Path, package: Path) -> Cache:
    cache = Cache.at(folder)
    cache.reach = Reach(package)
    return cache


def test_the_second_time_it_is_found_and_is_the_same(
    tmp_path: Path, copied: Path, made: list[str]
) -> None:
    first = opened(tmp_path / "c", copied).build(NAME, {})
    cache = opened(tmp_path / "c", copied)
    assert cache.build(NAME, {}).data() == first.data()
    assert (made, cache.found, cache.computed) == ([NAME], 1, 0)


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("exhibits/source_document.py", True),
        ("experiments/source_document.py", True),
        ("views/model.py", True),
        ("data/source_document.toml", True),
        ("render/table.py", False),
        ("views/walks.py", False),
        ("vmm/vmcs.py", False),
        ("catalogue/ko.toml", False),
        ("data/sources.toml", False),
        ("data/costs/kvm-2012.toml", False),
        ("data/measured/speed.toml", True),  # "measured" is also a word of views/model.py
        ("data/targets.lock", True),  # named by nobody
        ("guest/images/syscall.s", True),
    ],
)
def test_what_it_reaches_computes_it_again_and_nothing_else_does(
    tmp_path: Path, copied: Path, made: list[str], file: str, again: bool
) -> None:
    opened(tmp_path / "c", copied).build(NAME, {})
    path = copied / file
    path.write_text(path.read_text() + "\n# edited\n")
    os.utime(path, (LONG_AGO, LONG_AGO))
    opened(tmp_path / "c", copied).build(NAME, {})
    assert len(made) == 1 + again


@pytest.mark.parametrize("name", ["popf_wait", "walk_grid", "table_7_4", "red_pill", "pv_port"])
def test_every_file_whose_code_ran_is_in_its_key(name: str) -> None:
    """What runs is what is reached, by the imports alone."""
    ran: set[Path] = set()

    def called(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            ran.add(Path(frame.f_code.co_filename))

    sys.setprofile(called)
    try:
        exhibits.build(name, {})
    finally:
        sys.setprofile(None)
    inside = {path for path in ran if path.is_relative_to(PACKAGE)}
    reached = Reach(PACKAGE).files(exhibits.named(name).compute.__module__)
    # What looks the exhibit up and hashes its answer is the same for all.
    beside = {PACKAGE / "exhibits" / "__init__.py"}
    assert PACKAGE / "views" / "model.py" in inside
    assert inside - beside <= set(reached) | {PACKAGE / "experiments" / "identity.py"}


READS = """
import sys
from pathlib import Path
import virtdocs
from virtdocs import exhibits
group, root, read = sys.argv[1], Path(virtdocs.__file__).parent, set()
sys.addaudithook(lambda event, args: read.add(str(args[0])) if event == "open" else None)
for one in exhibits.group(group):
    one.compute(**dict(one.resolve({})))
print(*sorted(path for path in read if path.startswith(str(root))), sep="\\n")
"""
# The quickest groups of those that read data; the soak takes all.
QUICK = ("builds", "fastest", "products", "source_document", "speed")


def assert_every_file_that_is_read_is_in_the_key(group: str) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", READS, group],
        cwd=PACKAGE.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    # What names every exhibit, and the words, are beside what one computes.
    beside = {PACKAGE / "exhibits" / "__init__.py"}
    read = {Path(line) for line in done.stdout.splitlines() if not line.endswith(".pyc")}
    assert {path.suffix for path in read} & {".toml", ".s"}
    assert read - beside <= set(Reach(PACKAGE).files(exhibits.module_of(group)))


@pytest.mark.parametrize("group", QUICK)
def test_every_file_that_is_read_is_in_the_key(group: str) -> None:
    assert_every_file_that_is_read_is_in_the_key(group)


@pytest.mark.soak
@pytest.mark.parametrize("group", sorted({*exhibits.GROUPS} - {*QUICK}))
def test_every_file_that_any_group_reads_is_in_its_key(group: str) -> None:
    assert_every_file_that_is_read_is_in_the_key(group)


def test_other_parameters_are_another_entry(tmp_path: Path, copied: Path, made: list[str]) -> None:
    cache = opened(tmp_path / "c", copied)
    one = cache.build("walk_2d", {"guest_levels": "1", "nested_levels": "1"})
    two = cache.build("walk_2d", {"guest_levels": "1", "nested_levels": "2"})
    assert one.data() != two.data()
    assert len(made) == 2


def test_a_file_edited_a_moment_ago_is_not_trusted(
    tmp_path: Path, copied: Path, made: list[str]
) -> None:
    soon = time.time() + 3600  # whatever a busy machine takes until the cache is opened
    os.utime(copied / "views" / "model.py", (soon, soon))
    for _ in range(2):
        cache = opened(tmp_path / "c", copied)
        cache.build(NAME, {})
        assert cache.kept(NAME, {}) is None
    assert made == [NAME, NAME]


def test_a_file_edited_while_it_was_computed_keeps_nothing(
    tmp_path: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = exhibits.build

    def edits(name: str, params: dict[str, object], within: str = "") -> Built:
        path = copied / "views" / "model.py"
        path.write_text(path.read_text() + "# edited\n")
        return build(name, params, within)

    monkeypatch.setattr(exhibits, "build", edits)
    cache = opened(tmp_path / "c", copied)
    cache.build(NAME, {})
    assert cache.kept(NAME, {}) is None


def test_mistakes_are_not_kept(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(UnknownName):
        opened(tmp_path / "c", copied).build("table_7_5", {})


def test_where_the_cache_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTDOCS_CACHE", raising=False)
    assert default_folder() == PACKAGE.parent / "build" / "cache"
    monkeypatch.setenv("VIRTDOCS_CACHE", "off")
    assert default_folder() is None
    monkeypatch.setenv("VIRTDOCS_CACHE", str(tmp_path))
    assert default_folder() == tmp_path


def test_it_is_filled_and_mistakes_are_left_to_whoever_asks(
    tmp_path: Path, made: list[str]
) -> None:
    cache = Cache.at(tmp_path)
    cache.settled = time.time()
    wanted = [("walk_2d", {"guest_levels": g, "nested_levels": n}) for g in "123" for n in "123"]
    cache.fill([*wanted, ("table_7_5", {}), ("walk_2d", {"guest_levels": "nine"})])
    made.clear()
    for name, params in wanted:
        cache.build(name, params)
    assert (made, cache.found) == ([], len(wanted))


NOTHING = """
import sys, time
from pathlib import Path
from virtdocs.cache import Cache
cache = Cache.at(Path(sys.argv[1]))
cache.settled = time.time()
cache.build("walk_2d", {})
print(cache.found, *(name for name in sys.modules if name.startswith("virtdocs.")))
"""


def test_what_is_kept_is_found_without_importing_the_engine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NOTHING, str(tmp_path)]
    first, second = (
        subprocess.run(command, cwd=PACKAGE.parent, check=True, capture_output=True, text=True)
        for _ in range(2)
    )
    found, *modules = first.stdout.split()
    assert found == "0"
    assert {"virtdocs.machine", "virtdocs.exhibits.paging"} <= set(modules)
    found, *modules = second.stdout.split()
    assert found == "1"
    for package in ("machine", "devices", "guest", "vmm", "exhibits.paging"):
        assert f"virtdocs.{package}" not in modules
