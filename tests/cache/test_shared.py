"""Work in two processes: all of it is done, whatever becomes of one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from functools import partial
from pathlib import Path

import pytest

from virtdocs.cache import shared
from virtdocs.cache.shared import LEAST, VARIABLE, share

MANY = list(range(4 * LEAST))


def leave(folder: Path, task: int) -> None:
    """Who did it, in a file of the task's name."""
    (folder / str(task)).write_text(str(os.getpid()))
    threading.Event().wait(0.01)
    if task % 5 == 0:
        raise ZeroDivisionError


def die(folder: Path, parent: int, task: int) -> None:
    """Leave nothing in another process than ``parent``: be killed."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    leave(folder, task)


def found(folder: Path) -> dict[int, int]:
    return {int(path.name): int(path.read_text()) for path in folder.iterdir()}


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_two_processes_do_every_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(shared, "_start_method", lambda: start)
    share(MANY, partial(leave, tmp_path))
    assert sorted(found(tmp_path)) == MANY
    # A spawned one may come too late to find anything left.
    assert len(set(found(tmp_path).values())) == 2 or start == "spawn"


def test_few_tasks_and_one_process_start_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", None)  # calling it would raise
    share(MANY[: LEAST - 1], partial(leave, tmp_path))
    monkeypatch.setenv(VARIABLE, "1")
    share(MANY, partial(leave, tmp_path))
    assert set(found(tmp_path).values()) == {os.getpid()}
    assert sorted(found(tmp_path)) == MANY


def test_a_process_that_is_killed_takes_one_task_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(shared, "_start_method", lambda: "fork")
    share(MANY, partial(die, tmp_path, os.getpid()))
    assert sorted(found(tmp_path)) == MANY[:-1]


def test_a_process_with_threads_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert shared._start_method() == "spawn"
