"""A sign of life for work over a second: on a terminal only, gone when the work is done."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

_AFTER = 1.0  # seconds without a sign
_EVERY = 0.5


class Progress:
    """``with Progress("run"):`` shows what runs and for how many seconds."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Progress:
        if self._stream.isatty():
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _show(self) -> None:
        began = time.monotonic()
        if self._done.wait(_AFTER):
            return
        while not self._done.wait(_EVERY):
            seconds = int(time.monotonic() - began)
            self._stream.write(f"\rvirtdocs {self._what}: {seconds} s")
            self._stream.flush()
        self._stream.write("\r\033[K")
        self._stream.flush()
