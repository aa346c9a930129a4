"""Work begun in another process: done, waited for, and left alone when that process is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from virtdocs.cache import shared
from virtdocs.cache.beside import Beside

# Beside never starts a process there; that it then does nothing is a test of its own below.
FORKS = "fork" in multiprocessing.get_all_start_methods()
pytestmark = pytest.mark.skipif(not FORKS, reason="os.fork is missing on this system")


@pytest.fixture(autouse=True)
def may_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(shared, "_start_method", lambda: "fork")
    monkeypatch.delenv(shared.VARIABLE, raising=False)


def leave(folder: Path, task: str) -> None:
    """Who did it, in a file of the task's name."""
    if task == "slow":
        time.sleep(0.3)
    if task == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / task).write_text(str(os.getpid()))
    if task == "broken":
        raise ZeroDivisionError


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_another_process_does_it_before_it_is_waited_for(tmp_path: Path) -> None:
    beside = Beside(partial(leave, tmp_path))
    for task in ("slow", "broken", "quick"):
        beside.begin(task)
    assert "slow" not in left(tmp_path)
    beside.wait("slow")
    assert "slow" in left(tmp_path)
    beside.wait("quick")
    who = {(tmp_path / task).read_text() for task in ("slow", "broken", "quick")}
    assert len(who) == 1
    assert who != {str(os.getpid())}


def test_it_may_be_started_and_made_ready_before_there_is_a_task(tmp_path: Path) -> None:
    beside = Beside(partial(leave, tmp_path), partial(leave, tmp_path, "broken"))
    beside.start()
    beside.begin("quick")
    beside.start()
    beside.wait("quick")
    assert left(tmp_path) == {"broken", "quick"}
    assert len({(tmp_path / one).read_text() for one in left(tmp_path)}) == 1


def test_nothing_is_waited_for_that_was_not_begun(tmp_path: Path) -> None:
    beside = Beside(partial(leave, tmp_path))
    beside.wait("never")
    beside.begin("quick")
    beside.wait("never")
    beside.wait("quick")
    beside.wait("quick")
    assert left(tmp_path) == {"quick"}


def test_a_process_that_is_killed_leaves_its_tasks(tmp_path: Path) -> None:
    beside = Beside(partial(leave, tmp_path))
    for task in ("quick", "deadly", "after"):
        beside.begin(task)
    for task in ("after", "deadly", "quick"):
        beside.wait(task)
    beside.begin("later")
    beside.wait("later")
    assert left(tmp_path) == {"quick"}


def test_after_its_end_nothing_is_begun_or_waited_for(tmp_path: Path) -> None:
    before = multiprocessing.active_children()
    beside = Beside(partial(leave, tmp_path))
    beside.begin("quick")
    beside.wait("quick")
    [other] = [one for one in multiprocessing.active_children() if one not in before]
    beside.end()
    beside.begin("later")
    beside.wait("later")
    other.join(30)
    assert other.exitcode == 0
    assert left(tmp_path) == {"quick"}


def test_what_cannot_be_sent_is_left_and_stops_nothing(tmp_path: Path) -> None:
    beside: Beside[object] = Beside(print)
    beside.begin(lambda: None)
    beside.wait(None)
    beside.begin("later")
    beside.wait("later")


def test_a_copy_of_the_process_takes_no_answer_from_it(tmp_path: Path) -> None:
    beside = Beside(partial(leave, tmp_path))
    beside.begin("slow")
    copy = multiprocessing.get_context("fork").Process(target=beside.wait, args=("slow",))
    copy.start()
    copy.join(30)
    assert copy.exitcode == 0
    beside.begin("quick")
    beside.wait("quick")
    assert left(tmp_path) == {"slow", "quick"}


@pytest.mark.parametrize("how", ["one processor", "one process", "threads"])
def test_none_is_started_where_it_would_not_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    changes: dict[str, Callable[[], None]] = {
        "one processor": lambda: monkeypatch.setattr(os, "cpu_count", lambda: 1),
        "one process": lambda: monkeypatch.setenv(shared.VARIABLE, "1"),
        "threads": lambda: monkeypatch.setattr(shared, "_start_method", lambda: "spawn"),
    }
    changes[how]()
    monkeypatch.setattr(multiprocessing, "get_context", None)  # calling it would raise
    beside = Beside(partial(leave, tmp_path))
    beside.begin("quick")
    beside.wait("quick")
    assert left(tmp_path) == set()


def build(folder: Path) -> None:
    """Begin something, and never come back for it."""
    Beside(partial(leave, folder)).begin("slow")
    threading.Event().wait()


def test_it_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    builder = multiprocessing.get_context("fork").Process(target=build, args=(tmp_path,))
    builder.start()
    until = time.monotonic() + 30
    while not left(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    other = int((tmp_path / "slow").read_text())
    builder.kill()
    builder.join()
    while Path(f"/proc/{other}").exists() and time.monotonic() < until:
        if "\nState:\tZ" in Path(f"/proc/{other}/status").read_text():
            break  # ended, and nobody has asked for its end yet
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{other}").exists()
