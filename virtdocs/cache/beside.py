"""Work begun in another process, and waited for only where its result is needed.

One process does every task, in turn, and says nothing but that it has done one: what a task
finds out it leaves in a store. A task that fails, or whose process is killed, is left to
whoever needs its result, and a process whose builder is gone ends with it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Generic

from virtdocs.cache.shared import T, attempt, copies

DONE: Final = b"."


@dataclass(slots=True)
class Beside(Generic[T]):
    """``do`` in a copy of this process, started for the first task or before; tasks are pickled."""

    do: Callable[[T], object]
    ready: Callable[[], object] = lambda: None  # what it does before the first task
    _started: bool = False
    _begun: list[T] = field(default_factory=list)
    _done: int = 0
    _other: Connection[Any, Any] | None = None
    _owner: int = field(default_factory=os.getpid)

    def start(self) -> None:
        """Start the process, unless this one had better do everything itself."""
        if self._owned() and not self._started and copies():
            self._started = True
            context: Any = multiprocessing.get_context("fork")
            self._other, theirs = context.Pipe()
            context.Process(target=self._serve, args=(theirs,), daemon=True).start()
            theirs.close()

    def begin(self, task: T) -> None:
        """Have it done, unless this process had better do it itself."""
        self.start()
        if self._owned() and self._other is not None:
            try:
                self._other.send(task)
            except (OSError, pickle.PicklingError, AttributeError, TypeError):
                self._other = None  # gone, or not to be sent: done where its result is needed
            else:
                self._begun.append(task)

    def wait(self, task: T) -> None:
        """Go on when it has been done, or will not be, or was never begun."""
        while self._owned() and self._other is not None and task in self._begun[self._done :]:
            try:
                self._other.recv_bytes()
            except (EOFError, OSError):
                self._other = None
            else:
                self._done += 1

    def end(self) -> None:
        """Let the process end; what it has not done is done where its result is needed."""
        if self._owned() and self._other is not None:
            self._other.close()
            self._other = None

    def _owned(self) -> bool:
        """False in a copy of the process, which would take the answers that its owner awaits."""
        return os.getpid() == self._owner

    def _serve(self, theirs: Connection[Any, Any]) -> None:
        assert self._other is not None
        self._other.close()  # or this process would keep open what it waits for the end of
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the builder ends, and this one with it
        attempt(lambda _: self.ready(), None)
        while True:
            try:
                attempt(self.do, theirs.recv())
                theirs.send_bytes(DONE)
            except (EOFError, OSError):
                return
