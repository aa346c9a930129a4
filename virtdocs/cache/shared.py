"""Work shared by two processes: this one, and one that it starts for as long as there is some.

One begins at the first task, the other at the last, until they meet: no lock that a killed
process could keep, and neither waits. What they find out they leave in a store; a task that
fails, or whose process is killed, is left to whoever needs its result.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")
LEAST: Final = 8  # tasks: for fewer, starting a process costs more than it saves
VARIABLE: Final = "VIRTDOCS_PROCESSES"  # 1 keeps everything in this process


def share(tasks: Sequence[T], do: Callable[[T], None]) -> None:
    """Do every task, in two processes where that pays; ``do`` and the tasks can be pickled."""
    if len(tasks) < LEAST or not _second_process():
        for task in tasks:
            attempt(do, task)
        return
    context: Any = multiprocessing.get_context(_start_method())
    # Each is written by one process alone. At worst both do the task where they meet.
    first, last = context.RawValue("l", 0), context.RawValue("l", len(tasks))
    other = context.Process(
        target=_from_the_last, args=(tasks, do, first, last, os.getpid()), daemon=True
    )
    other.start()
    while first.value < last.value:
        first.value += 1
        attempt(do, tasks[first.value - 1])
    other.join()


def copies() -> bool:
    """Whether another process would help, and can begin at once as a copy of this one."""
    return _second_process() and _start_method() == "fork"


def _second_process() -> bool:
    return (os.cpu_count() or 1) > 1 and os.environ.get(VARIABLE) != "1"


def _start_method() -> str:
    """A copy of this process begins at once; a copy of one with threads may never go on."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _from_the_last(
    tasks: Sequence[T], do: Callable[[T], None], first: Any, last: Any, parent: int
) -> None:
    while first.value < last.value and os.getppid() == parent:
        last.value -= 1
        attempt(do, tasks[last.value])


def attempt(do: Callable[[T], object], task: T) -> None:
    """Do it. A task may raise anything; whoever needs its result reports that."""
    with contextlib.suppress(Exception):
        do(task)
