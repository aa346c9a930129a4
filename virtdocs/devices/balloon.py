"""What every balloon has: the pages inside, and a host that wishes for a size.

A balloon takes pages from its own guest's allocator and hands them to the host
(Waldspurger 2002, §3.2). Which protocol carries the numbers is the device's business;
which pages are inside, and what may go in or out, is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from virtdocs.machine.board import Board

PAGES: Final = "pages"  # the parameter: how large the host wants the balloon


class BalloonError(Exception):
    """The driver named a page that it can't give or take."""


class Balloon:
    """Pages by the guest's frame numbers, and the wish: ``pages``, then none, then ``pages``."""

    def __init__(self, board: Board, pages: int, pause: int, wish: Callable[[], None]) -> None:
        self.board = board
        self.pages = pages
        self.pause = pause  # instructions between reaching a size and the next wish
        self.wish = wish  # tell the driver, where the device has a way to
        self.target = pages
        self.inside: set[int] = set()
        self._changing = False

    def check_give(self, frames: Sequence[int]) -> None:
        """BalloonError unless each is a page of the guest's, once, and not inside yet."""
        reclaim = self.board.reclaim
        for frame in frames:
            if frame in self.inside or not reclaim.possible(frame):
                raise BalloonError(f"page {frame:#x} can't be given")
        self._check_once(frames)

    def check_take(self, frames: Sequence[int]) -> None:
        """BalloonError unless each is inside, once."""
        for frame in frames:
            if frame not in self.inside:
                raise BalloonError(f"page {frame:#x} was never given")
        self._check_once(frames)

    @staticmethod
    def _check_once(frames: Sequence[int]) -> None:
        if len(set(frames)) < len(frames):
            raise BalloonError("a page twice")

    def give(self, frames: Sequence[int]) -> None:
        """Pages go in, all of them or none; their frames go to the host."""
        self.check_give(frames)
        self.inside.update(frames)
        self.board.reclaim.take(frames)

    def take(self, frames: Sequence[int]) -> None:
        """Pages come out, all of them or none."""
        self.check_take(frames)
        self.inside.difference_update(frames)
        self.board.reclaim.give_back(frames)

    def reached(self, size: int) -> None:
        """The host sees a size; when it is what it wished for, it wishes for the other one."""
        if size != self.target or self._changing:
            return
        self._changing = True
        self.board.agenda.schedule(self.board.agenda.now + self.pause, self._next)

    def _next(self) -> None:
        self._changing = False
        self.target = 0 if self.target else self.pages
        self.wish()
