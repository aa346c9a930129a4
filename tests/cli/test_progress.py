"""Long work shows a sign of life on a terminal, and none when piped."""

from __future__ import annotations

import io
import time

import pytest

from virtdocs.commands import progress
from virtdocs.commands.progress import Progress


class Terminal(io.StringIO):
    """A stream that says that somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(progress, "_AFTER", 0.01)
    monkeypatch.setattr(progress, "_EVERY", 0.01)


def watched(stream: io.StringIO, seconds: float) -> str:
    with Progress("run cpu", stream):
        time.sleep(seconds)
    return stream.getvalue()


def test_a_terminal_sees_what_runs_and_a_clean_line_afterwards():
    shown = watched(Terminal(), 0.2)
    assert "\rvirtdocs run cpu: 0 s" in shown
    assert shown.endswith("\r\033[K")


def test_short_work_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress, "_AFTER", 5.0)
    assert watched(Terminal(), 0) == ""


def test_a_pipe_sees_nothing():
    assert watched(io.StringIO(), 0.1) == ""


def fail_late(stream: io.StringIO) -> None:
    with Progress("run", stream):
        time.sleep(0.1)
        raise ZeroDivisionError


def test_the_sign_goes_away_when_the_work_fails():
    stream = Terminal()
    with pytest.raises(ZeroDivisionError):
        fail_late(stream)
    assert stream.getvalue().endswith("\r\033[K")
